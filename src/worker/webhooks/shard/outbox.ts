/**
 * Writes down who is to hear of an event: one delivery, and one piece of due work, for each receiver that wants it. In
 * the transaction of what happened, so that an event is sent if and only if it is true.
 */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { DueTable } from '../../jobs/due.ts';
import { deliveryIdOf, type Moment, OWN_RECEIVER, type Receiver, receiverOf } from '../ids.ts';
import type { EventType } from '../types.ts';
import type { DeliveryStore } from './store.ts';

/** Something that happened. */
export interface Announcement {
  /** The job, the upload link or the notice. */
  readonly aboutId: string;
  readonly moment: Moment;
  readonly type: EventType;
  /** When it happened, in ms. */
  readonly at: number;
  /** The first try is not made before this, in ms. Default `at`. */
  readonly notBefore?: number;
  /** The subject's own address, and what it wants to hear of. */
  readonly own?: { readonly url: string; readonly events: readonly EventType[] } | undefined;
  /** The endpoint that does not hear of it, though it subscribes: the one that it is about. */
  readonly except?: string | undefined;
}

export interface OutboxDeps {
  readonly deliveries: DeliveryStore;
  readonly due: DueTable;
  /** The account's endpoints, as far as this shard knows. */
  readonly endpoints: () => readonly ReplicaEndpoint[];
  /** Whether the endpoint takes nothing now: switched off, or about to be, as this shard has seen. */
  readonly isDisabled: (endpoint: ReplicaEndpoint) => boolean;
}

export class Outbox {
  readonly #deps: OutboxDeps;
  #planned = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** Whether deliveries were planned since this was last asked. */
  takePlanned(): boolean {
    const planned = this.#planned;
    this.#planned = false;
    return planned;
  }

  /** Plans the deliveries of an event. Idempotent. In a transaction. */
  announce(event: Announcement): void {
    const { own, type, except } = event;
    if (own?.events.includes(type)) this.#write(event, OWN_RECEIVER, own.url, false);
    for (const endpoint of this.#deps.endpoints()) {
      if (endpoint.id === except) continue;
      if (endpoint.events !== null && !endpoint.events.includes(type)) continue;
      this.#write(event, receiverOf(endpoint.id), endpoint.url, this.#deps.isDisabled(endpoint));
    }
  }

  #write(event: Announcement, receiver: Receiver, url: string, held: boolean): void {
    const { deliveries, due } = this.#deps;
    const { aboutId, moment, type, at, notBefore = at } = event;
    const id = deliveryIdOf(aboutId, moment, receiver);
    const inserted = deliveries.insert({
      id,
      type,
      receiver,
      url: receiver === OWN_RECEIVER ? url : null,
      status: held ? 'held' : 'pending',
      reason: null,
      createdAt: at,
      tries: 0,
      manual: false,
      attempts: [],
    });
    if (!inserted || held) return;
    // Behind an earlier event of the same subject: planned when that one has had its first try.
    if (deliveries.hasEarlierUntried(aboutId, moment, receiver)) return;
    due.plan(id, 'deliver', notBefore, new URL(url).host);
    this.#planned = true;
  }
}
