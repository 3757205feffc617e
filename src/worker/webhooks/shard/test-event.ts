/** Sends an example of an event to one endpoint, because its owner asks. */

import { mintedAt } from '../../ids.ts';
import type { TestEndpoint, TestOutcome } from '../contract.ts';
import { exampleOf } from '../event.ts';
import { deliveryIdOf, receiverOf } from '../ids.ts';
import type { DeliveryDesk } from './desk.ts';
import type { StoredDelivery } from './store.ts';
import type { TakesUpDeps } from './takes-up.ts';

export interface TestEventDeps extends TakesUpDeps {
  readonly desk: DeliveryDesk;
}

export class TestEvents {
  readonly #deps: TestEventDeps;

  constructor(deps: TestEventDeps) {
    this.#deps = deps;
  }

  /** Plans one try of an example, also of a type that the endpoint does not subscribe to. Idempotent by its id. */
  async send(command: TestEndpoint): Promise<TestOutcome> {
    const { store, door, onWork } = this.#deps;
    const outcome = await door.enter(command.keyHash, () => store.transaction(() => this.#make(command)));
    if (outcome.kind === 'sent') onWork();
    return outcome;
  }

  #make({ endpointId, noticeId, event }: TestEndpoint): TestOutcome {
    const { store, desk, endpoint: endpointOf, isDisabled, now } = this.#deps;
    const endpoint = endpointOf(endpointId);
    if (!endpoint) return { kind: 'not_found' };
    const receiver = receiverOf(endpointId);
    const id = deliveryIdOf(noticeId, 'n', receiver);
    const earlier = store.deliveries.get(id);
    if (earlier) return { kind: 'sent', delivery: desk.view(earlier) };
    if (isDisabled(endpoint)) return { kind: 'disabled' };
    const at = mintedAt(noticeId);
    const delivery: StoredDelivery = {
      id,
      type: event,
      receiver,
      url: null,
      status: 'pending',
      reason: null,
      createdAt: at,
      tries: 0,
      manual: false,
      attempts: [],
    };
    store.notices.insert({ id: noticeId, type: event, at, test: true, data: exampleOf(event).data });
    store.deliveries.insert(delivery);
    store.due.plan(id, 'deliver', now(), new URL(endpoint.url).host);
    return { kind: 'sent', delivery: desk.view(delivery) };
  }
}
