/**
 * Delivers events to their receivers: each is made from its subject whenever it is sent, under one id for all tries, and
 * every try is written down with what came of it.
 */

import type { Claim } from '../../jobs/due.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Attempt } from '../deliver.ts';
import { readDeliveryId } from '../ids.ts';
import { nextAttempt } from '../schedule.ts';
import type { StoredDelivery } from './store.ts';
import { type Subject, subjectOf } from './subject.ts';

export interface DeliveryDeps {
  readonly store: JobStore;
  /** Signs and sends one try. */
  readonly send: (delivery: StoredDelivery, subject: Subject) => Promise<Attempt>;
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
    const delivery = store.deliveries.get(claim.key);
    const subject = delivery && subjectOf(store, delivery);
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

  #write(claim: Claim, delivery: StoredDelivery, attempt: Attempt, at: number): void {
    const { store, now, random, log } = this.#deps;
    const { statusCode, durationMs, error, response } = attempt;
    const logged = {
      at,
      status_code: statusCode,
      duration_ms: durationMs,
      error,
      response,
      manual: delivery.manual,
    };
    const attempts = [...delivery.attempts, logged];
    const tries = delivery.tries + 1;
    const wished = attempt.retryAfterMs ?? null;
    const next = attempt.ok
      ? null
      : nextAttempt({ attempts: tries, now: now(), random: random(), retryAfterMs: wished });
    // A receiver that is gone wants no more, and an event that cannot be made never can.
    const reason = attempt.gone ? 'gone' : error === 'event' ? 'event' : next === null ? 'exhausted' : null;
    const status = attempt.ok ? 'delivered' : reason ? 'failed' : 'pending';
    store.deliveries.update({
      ...delivery,
      status,
      reason: status === 'failed' ? reason : null,
      tries,
      manual: false,
      attempts,
    });
    if (status === 'pending' && next !== null) store.due.plan(claim.key, 'deliver', next, claim.lane);
    else store.due.drop(claim.key);
    this.#planNext(claim, delivery);
    log({
      event: 'webhook',
      ...aboutOf(delivery),
      delivery_id: delivery.id,
      attempt: attempts.length,
      status,
      status_code: statusCode,
      error,
      duration_ms: durationMs,
      ...(status === 'pending' ? { next_attempt_at: next } : {}),
    });
  }

  /** Behind the first try of an event waits the next one of the same subject to the same receiver. */
  #planNext(claim: Claim, delivery: StoredDelivery): void {
    if (delivery.tries > 0) return;
    const { store, now } = this.#deps;
    const next = store.deliveries.nextUntried(delivery.id);
    if (next !== null && store.due.at(next) === null) store.due.plan(next, 'deliver', now(), claim.lane);
  }
}

/** What a delivery is about, as it is logged. */
export function aboutOf({ id }: StoredDelivery): Readonly<Record<string, string>> {
  const name = readDeliveryId(id);
  if (!name) return {};
  const { aboutId, moment, endpointId } = name;
  const about =
    moment === 'u' ? { upload_id: aboutId } : moment === 'n' ? { notice_id: aboutId } : { job_id: aboutId };
  return { ...about, event_id: name.eventId, ...(endpointId === null ? {} : { endpoint_id: endpointId }) };
}
