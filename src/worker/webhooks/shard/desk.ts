/** What an account's owner may read of a shard's deliveries. Writes nothing. */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { Door } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';
import type {
  DeliveryOutcome,
  DeliveryQuery,
  DeliveryView,
  EndpointStatsOutcome,
  EndpointStatsQuery,
  ListDeliveries,
  ListDeliveriesOutcome,
} from '../contract.ts';
import { current } from '../health.ts';
import { charsOf, fitting } from '../pages.ts';
import { pageIds } from './list.ts';
import type { Scan } from './scan.ts';
import type { StoredDelivery } from './store.ts';
import { deliveryViewOf } from './view.ts';

export interface DeskDeps {
  readonly store: JobStore;
  readonly scan: Scan;
  readonly door: Door;
  /** What all ids of the shard's deliveries begin with. */
  readonly prefix: string;
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  readonly now: () => number;
}

export class DeliveryDesk {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  /** A page of deliveries, newest first. */
  async list({ keyHash, filter, after, limit }: ListDeliveries): Promise<ListDeliveriesOutcome> {
    const { store, scan, door, prefix } = this.#deps;
    if (!store.ready) return { kind: 'page', deliveries: [], next: null };
    const refusal = await door.refuse(keyHash);
    if (refusal) return refusal;
    const { ids, next } = pageIds(scan, { filter, after, limit, prefix });
    const page = fitting(this.#load(ids), limit, charsOf);
    const cutAt = page.length < ids.length ? page.at(-1)?.id : undefined;
    return { kind: 'page', deliveries: page.map((one) => this.view(one)), next: cutAt ?? next };
  }

  /** One delivery. */
  async read({ keyHash, deliveryId }: DeliveryQuery): Promise<DeliveryOutcome> {
    const { store, door } = this.#deps;
    if (!store.ready) return { kind: 'not_found' };
    const refusal = await door.refuse(keyHash);
    if (refusal) return refusal;
    const stored = store.deliveries.get(deliveryId);
    return stored ? { kind: 'found', delivery: this.view(stored) } : { kind: 'not_found' };
  }

  /** How an endpoint has done, as far as this shard has sent to it. */
  async stats({ keyHash, endpointId, days }: EndpointStatsQuery): Promise<EndpointStatsOutcome> {
    const { store, door, endpoint: endpointOf, now } = this.#deps;
    // A shard that was never used learns no key.
    const refusal = store.ready ? await door.refuse(keyHash) : null;
    if (refusal) return refusal;
    const endpoint = endpointOf(endpointId);
    const health = endpoint && current(store.health.get(endpointId), endpoint);
    return {
      kind: 'found',
      stats: {
        days: store.days.last(days, endpointId, now()),
        lastDeliveredAt: store.days.deliveredAt(endpointId),
        failingSince: health?.failingSince ?? null,
      },
    };
  }

  /** A delivery as its owner may see it. */
  view(stored: StoredDelivery): DeliveryView {
    const { store, endpoint } = this.#deps;
    return deliveryViewOf(stored, { endpoint, nextAttemptAt: (id) => store.due.at(id) });
  }

  /** One after the other, so that those behind the end of the page are not read. */
  *#load(ids: readonly string[]): Generator<StoredDelivery> {
    for (const id of ids) {
      const stored = this.#deps.store.deliveries.get(id);
      if (stored) yield stored;
    }
  }
}
