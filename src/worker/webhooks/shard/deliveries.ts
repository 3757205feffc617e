/**
 * Delivers events to their receivers: each is made from its subject whenever it is sent, under one id for all tries, and
 * every try is written down with what came of it.
 */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { Claim } from '../../jobs/due.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Attempt } from '../attempt.ts';
import type { Forward, Gate } from '../gate.ts';
import { concernsReceiver } from '../health.ts';
import { readDeliveryId } from '../ids.ts';
import { aboutOf } from './log.ts';
import { afterTry } from './outcome.ts';
import type { Sending } from './sender.ts';
import type { StoredDelivery } from './store.ts';
import { subjectOf } from './subject.ts';
import { noteTry } from './try-notes.ts';

export interface DeliveryDeps {
  readonly store: JobStore;
  readonly gate: Gate;
  /** Signs and sends one try. */
  readonly send: (sending: Sending) => Promise<Attempt>;
  /** An endpoint of the account; null when it was deleted. */
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  /** Told of each try whether its receiver answered in time, by the lane of the due table. */
  readonly onAnswer: (lane: string, inTime: boolean) => void;
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
    const { store, send, now, onAnswer } = this.#deps;
    const sending = store.transaction(() => this.#admit(claim));
    if (!sending) return;
    const startedAt = now();
    const attempt = await send(sending);
    if (concernsReceiver(attempt)) onAnswer(claim.lane, attempt.error !== 'timeout');
    store.transaction(() => {
      if (store.due.holds(claim)) this.#write(sending, attempt, startedAt);
    });
  }

  /** What to send now; or null when it is not to be sent, or not yet, and that is written. In a transaction. */
  #admit(claim: Claim): Sending | null {
    const { store, gate, endpoint: endpointOf, now } = this.#deps;
    const delivery = store.deliveries.get(claim.key);
    const subject = delivery && subjectOf(store, delivery);
    if (!delivery || !subject || delivery.status !== 'pending') {
      store.due.drop(claim.key);
      return null;
    }
    const endpointId = readDeliveryId(delivery.id)?.endpointId ?? null;
    if (endpointId === null) return { delivery, subject, endpoint: null };
    const endpoint = endpointOf(endpointId);
    const lane = this.#laneOf(delivery);
    if (endpoint && lane !== claim.lane) {
      // It has moved since this was planned: it waits for room with what goes to the same host.
      store.due.plan(claim.key, 'deliver', now(), lane);
      return null;
    }
    const health = store.health.get(endpointId);
    const verdict = gate.judge({ deliveryId: delivery.id, endpoint, health, now: now() });
    switch (verdict.kind) {
      case 'send':
        return { delivery, subject, endpoint };
      case 'wait':
        store.due.plan(claim.key, 'deliver', verdict.until, claim.lane);
        return null;
      case 'hold':
        this.#end(delivery, { ...delivery, status: 'held' });
        return null;
      case 'deleted':
        this.#end(delivery, { ...delivery, status: 'failed', reason: 'endpoint_deleted' });
        return null;
    }
  }

  /** Writes a try down, and what comes of it. In a transaction. */
  #write({ delivery: before, subject, endpoint }: Sending, attempt: Attempt, startedAt: number): void {
    const { store, gate, now, random, log, endpoint: endpointOf } = this.#deps;
    const test = subject.kind === 'notice' && subject.notice.test;
    const tried = { delivery: before, attempt, test, startedAt, now: now(), random: random() };
    const { delivery: after, next } = afterTry(tried);
    if (endpoint) {
      const present = endpointOf(endpoint.id);
      const recovered = noteTry(store, { ...tried, endpoint, present });
      const taker = present ?? endpoint;
      if (recovered) this.#bringForward(gate.recover(taker, tried.now));
      else if (attempt.ok) this.#bringForward(gate.goOn(taker, tried.now));
    }
    if (next === null) this.#end(before, after);
    else {
      store.deliveries.update(after);
      store.due.plan(before.id, 'deliver', next, this.#laneOf(before));
      if (after.tries > 0) this.#planBehind(before);
    }
    log({
      event: 'webhook',
      ...aboutOf(before),
      delivery_id: before.id,
      attempt: after.attempts.length,
      status: after.status,
      ...(after.reason === null ? {} : { reason: after.reason }),
      status_code: attempt.statusCode,
      error: attempt.error,
      duration_ms: attempt.durationMs,
      ...(next === null ? {} : { next_attempt_at: next }),
    });
  }

  /** What waited for a slow endpoint need not wait any longer. */
  #bringForward(forward: readonly Forward[]): void {
    const { store } = this.#deps;
    for (const { deliveryId, at } of forward) {
      const planned = store.due.at(deliveryId);
      if (planned !== null && planned > at) store.due.planSooner(deliveryId, 'deliver', at);
    }
  }

  /** Nothing more is done for the delivery by itself. */
  #end(before: StoredDelivery, after: StoredDelivery): void {
    const { store } = this.#deps;
    store.deliveries.update(after);
    store.due.drop(before.id);
    this.#planBehind(before);
  }

  /** Behind an event that had no try yet waits the next one of the same subject to the same receiver. */
  #planBehind(before: StoredDelivery): void {
    if (before.tries > 0) return;
    const { store, now } = this.#deps;
    const next = store.deliveries.nextUntried(before.id);
    if (next !== null && store.due.at(next) === null) {
      store.due.plan(next, 'deliver', now(), this.#laneOf(before));
    }
  }

  /** The host of the delivery's receiver, as it is now. */
  #laneOf({ id, url }: StoredDelivery): string {
    const endpointId = readDeliveryId(id)?.endpointId ?? null;
    const address = endpointId === null ? url : this.#deps.endpoint(endpointId)?.url;
    return address == null ? '' : new URL(address).host;
  }
}
