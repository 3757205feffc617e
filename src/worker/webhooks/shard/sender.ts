/** One try of a delivery: where it goes, what it says, and what it is signed with, each as it is now. */

import type { ReplicaEndpoint, SealedSecret } from '../../accounts/endpoints/contract.ts';
import type { Config } from '../../env.ts';
import { decrypt } from '../../secrets.ts';
import { unanswered } from '../attempt.ts';
import { type Attempt, deliver } from '../deliver.ts';
import { readDeliveryId } from '../ids.ts';
import { aboutOf } from './deliveries.ts';
import { eventOf } from './event-of.ts';
import type { StoredDelivery } from './store.ts';
import type { Subject } from './subject.ts';

export interface SenderDeps {
  readonly config: Config;
  readonly account: string;
  /** The account's own secrets. */
  readonly secrets: () => readonly SealedSecret[];
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  readonly now: () => number;
}

export class Sender {
  readonly #deps: SenderDeps;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /**
   * Makes one try. What cannot be signed or made now counts as a try too, or it would be tried without end: `signature`
   * until an operator has put the dropped secret back, `event` for good.
   */
  async send(delivery: StoredDelivery, subject: Subject): Promise<Attempt> {
    const { config, account, endpoint: endpointOf } = this.#deps;
    const name = readDeliveryId(delivery.id);
    const endpoint = name?.endpointId ? endpointOf(name.endpointId) : null;
    const url = endpoint?.url ?? delivery.url;
    if (!name || url === null) throw new TypeError('a delivery without a receiver');
    const secrets = await this.#open(endpoint ? endpoint.secrets : this.#deps.secrets());
    if (secrets.length === 0) return unanswered('signature');
    let body: string;
    try {
      body = await eventOf(config, account, delivery, subject);
    } catch (cause) {
      console.error({
        event: 'event_not_made',
        ...aboutOf(delivery),
        delivery_id: delivery.id,
        cause: String(cause),
      });
      return unanswered('event');
    }
    return deliver({
      url,
      id: name.eventId,
      secrets,
      body,
      local: config.LOCAL_MODE,
      ownHosts: [new URL(config.PUBLIC_URL).host],
      resolver: config.DOH_URL,
    });
  }

  /** The secrets that sign now; one whose ring entry was dropped is left out. */
  async #open(sealed: readonly SealedSecret[]): Promise<string[]> {
    const { config, account, now } = this.#deps;
    const live = sealed.filter(({ scheme, expiresAt }) => scheme === 'v1' && (expiresAt ?? Infinity) > now());
    const opened = await Promise.all(
      live.map((secret) => decrypt(config.SIGNING_SECRETS, 'webhook-secret', secret.sealed, account)),
    );
    return opened.filter((secret) => secret !== null);
  }
}
