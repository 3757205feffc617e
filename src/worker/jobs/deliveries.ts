/** Delivers a job's event to its receiver: made from the job each time it is sent, under one id for all tries. */

import type { Attempt } from '../webhooks/deliver.ts';
import { nextAttempt } from '../webhooks/schedule.ts';
import type { Claim } from './due.ts';
import type { Delivery, JobStore, StoredJob } from './store.ts';

export interface DeliveryDeps {
  readonly store: JobStore;
  /** Signs and sends one try. */
  readonly send: (delivery: Delivery, stored: StoredJob) => Promise<Attempt>;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

export class Deliveries {
  readonly #deps: DeliveryDeps;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** Makes the claimed try and writes it down; plans the next one unless this one did it or was the last. */
  async run(claim: Claim): Promise<void> {
    const { store, send, now } = this.#deps;
    const delivery = store.delivery(claim.key);
    const stored = delivery && store.job(delivery.jobId);
    if (!delivery || !stored || stored === 'gone' || delivery.status !== 'pending') {
      store.transaction(() => store.due.drop(claim.key));
      return;
    }
    const at = now();
    const attempt = await send(delivery, stored);
    store.transaction(() => {
      if (store.due.holds(claim)) this.#write(claim, delivery, attempt, at);
    });
  }

  #write(claim: Claim, delivery: Delivery, attempt: Attempt, at: number): void {
    const { store, now, random, log } = this.#deps;
    const attempts = [
      ...delivery.attempts,
      { at, status_code: attempt.statusCode, duration_ms: attempt.durationMs, error: attempt.error },
    ];
    const next = attempt.ok
      ? null
      : nextAttempt({
          attempts: attempts.length,
          now: now(),
          random: random(),
          retryAfterMs: attempt.retryAfterMs ?? null,
        });
    // A receiver that is gone wants no more, and an event that cannot be made never can.
    const over = next === null || attempt.gone || attempt.error === 'event';
    const status = attempt.ok ? 'delivered' : over ? 'failed' : 'pending';
    store.writeDelivery({ ...delivery, status, attempts });
    if (status === 'pending' && next !== null) store.due.plan(claim.key, 'deliver', next, claim.lane);
    else store.due.drop(claim.key);
    log({
      event: 'webhook',
      job_id: delivery.jobId,
      delivery_id: delivery.id,
      attempt: attempts.length,
      status,
      status_code: attempt.statusCode,
      error: attempt.error,
      duration_ms: attempt.durationMs,
      ...(status === 'pending' ? { next_attempt_at: next } : {}),
    });
  }
}
