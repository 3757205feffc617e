/**
 * Delivers an event to its receiver: made from the job or the upload link each time it is sent, under one id for all
 * tries.
 */

import type { StoredLink } from '../links/shard/store.ts';
import type { Attempt } from '../webhooks/deliver.ts';
import { nextAttempt } from '../webhooks/schedule.ts';
import type { Claim } from './due.ts';
import type { Delivery, JobStore, StoredJob } from './store.ts';

/** What an event is about. */
export type Subject =
  | { readonly kind: 'job'; readonly stored: StoredJob }
  | { readonly kind: 'link'; readonly link: StoredLink };

export interface DeliveryDeps {
  readonly store: JobStore;
  /** Signs and sends one try. */
  readonly send: (delivery: Delivery, subject: Subject) => Promise<Attempt>;
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
    const subject = delivery && this.#subject(delivery.aboutId);
    if (!delivery || !subject || delivery.status !== 'pending') {
      store.transaction(() => store.due.drop(claim.key));
      return;
    }
    const at = now();
    const attempt = await send(delivery, subject);
    store.transaction(() => {
      if (store.due.holds(claim)) this.#write(claim, delivery, attempt, at);
    });
  }

  /** The job or the link; null when its data is gone, and with it what the event could tell. */
  #subject(id: string): Subject | null {
    const { store } = this.#deps;
    if (isLink(id)) {
      const link = store.links.link(id);
      return link && { kind: 'link', link };
    }
    const stored = store.job(id);
    return stored && stored !== 'gone' ? { kind: 'job', stored } : null;
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
      ...aboutOf(delivery),
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

/** What a delivery is about, as it is logged. */
export function aboutOf({ aboutId }: Delivery): { job_id: string } | { upload_id: string } {
  return isLink(aboutId) ? { upload_id: aboutId } : { job_id: aboutId };
}

function isLink(id: string): boolean {
  return id.startsWith('up_');
}
