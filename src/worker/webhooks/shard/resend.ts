/** Sends one delivery again, because its owner asks. */

import type { DeliveryQuery, ResendOutcome } from '../contract.ts';
import { readDeliveryId } from '../ids.ts';
import type { DeliveryDesk } from './desk.ts';
import { retake } from './retake.ts';
import type { StoredDelivery } from './store.ts';
import { subjectOf } from './subject.ts';
import type { TakesUpDeps } from './takes-up.ts';

export interface ResendDeps extends TakesUpDeps {
  readonly desk: DeliveryDesk;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

export class Resend {
  readonly #deps: ResendDeps;

  constructor(deps: ResendDeps) {
    this.#deps = deps;
  }

  /** Makes the delivery due now, whatever became of it, unless it is being tried this moment. */
  async resend({ keyHash, deliveryId }: DeliveryQuery): Promise<ResendOutcome> {
    const { store, door, onWork, log } = this.#deps;
    if (!store.ready) return { kind: 'not_found' };
    const outcome = await door.enter(keyHash, () => store.transaction(() => this.#again(deliveryId)));
    if (outcome.kind !== 'resent') return outcome;
    log({ event: 'webhook_resend', delivery_id: deliveryId });
    onWork();
    return outcome;
  }

  #again(id: string): ResendOutcome {
    const { store, desk, now } = this.#deps;
    const stored = store.deliveries.get(id);
    if (!stored) return { kind: 'not_found' };
    const url = this.#urlOf(stored);
    if (typeof url !== 'string') return url;
    if (!subjectOf(store, stored)) return { kind: 'gone' };
    if (!store.due.isClaimed(id, now())) {
      retake(store, id, { at: now(), lane: new URL(url).host, now: now() });
    }
    return { kind: 'resent', delivery: desk.view(store.deliveries.get(id) ?? stored) };
  }

  /** Where it goes, or why it goes nowhere. */
  #urlOf({ id, url }: StoredDelivery): string | { readonly kind: 'disabled' | 'endpoint_deleted' } {
    const { endpoint: endpointOf, isDisabled } = this.#deps;
    const endpointId = readDeliveryId(id)?.endpointId ?? null;
    if (endpointId === null && url !== null) return url;
    const endpoint = endpointId === null ? null : endpointOf(endpointId);
    if (!endpoint) return { kind: 'endpoint_deleted' };
    return isDisabled(endpoint) ? { kind: 'disabled' } : endpoint.url;
  }
}
