/** A customer who sends many submits and repeats each under its Idempotency-Key until it is answered. */

import { Submitted } from '../../src/cli/api/answers.ts';

/** What to send and to whom. */
export interface Orders {
  readonly url: string;
  readonly apiKey: string;
  /** The body of every submit. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly count: number;
  /** Submits on their way at a time. */
  readonly lanes: number;
  /** The end of the outage under way; null when there is none, so that a lost connection is an error. */
  readonly outage: () => Promise<void> | null;
}

/** The submits so far. */
export interface InsistentCustomer {
  /** The job of each submit that was answered 202, by its Idempotency-Key. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Resolves when all were. Rejects at any other answer. */
  readonly all: Promise<void>;
}

/** Begins to submit. */
export function submitInsistently(orders: Orders): InsistentCustomer {
  const accepted = new Map<string, string>();
  const keys = Array.from({ length: orders.count }, (_, n) => `order-${n}`);
  const lane = async () => {
    for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
      accepted.set(key, await submitOnce(orders, key));
    }
  };
  const all = Promise.all(Array.from({ length: orders.lanes }, lane)).then(() => {});
  // It is awaited when the test has killed enough; a rejection before that is not unhandled.
  all.catch(() => {});
  return { accepted, all };
}

/** The job that `key` stands for: made by this call, or by one before it. */
export async function submitOnce(orders: Orders, key: string): Promise<string> {
  for (;;) {
    try {
      const response = await fetch(orders.url, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${orders.apiKey}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': key,
        },
        body: JSON.stringify(orders.body),
      });
      const text = await response.text();
      if (response.status === 202 || response.status === 200) return Submitted.parse(JSON.parse(text)).job_id;
      throw new UnexpectedAnswer(`${key}: ${response.status} ${text}`);
    } catch (thrown) {
      const outage = orders.outage();
      if (thrown instanceof UnexpectedAnswer || outage === null) throw thrown;
      await outage;
    }
  }
}

class UnexpectedAnswer extends Error {}
