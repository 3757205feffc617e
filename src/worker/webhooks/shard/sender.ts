/** One try of a delivery: where it goes, what it says, and what it is signed with, each as it is now. */

import * as z from 'zod';
import type { ReplicaEndpoint, SealedSecret } from '../../accounts/endpoints/contract.ts';
import type { Config } from '../../env.ts';
import { decrypt } from '../../secrets.ts';
import { type Attempt, unanswered } from '../attempt.ts';
import { deliver } from '../deliver.ts';
import { readDeliveryId } from '../ids.ts';
import { eventOf } from './event-of.ts';
import { aboutOf } from './log.ts';
import type { StoredDelivery } from './store.ts';
import type { Subject } from './subject.ts';

export interface SenderDeps {
  readonly config: Config;
  readonly account: string;
  /** The account's own secrets: `v1` for what a job or an upload link names, `v1a` for every delivery. */
  readonly secrets: () => readonly SealedSecret[];
  readonly now: () => number;
}

/** What is to be sent. */
export interface Sending {
  readonly delivery: StoredDelivery;
  readonly subject: Subject;
  /** Null: to the subject's own `webhook_url`. */
  readonly endpoint: ReplicaEndpoint | null;
}

const PURPOSES = { v1: 'webhook-secret', v1a: 'webhook-key' } as const;
const StoredHeaders = z.record(z.string(), z.string());

export class Sender {
  readonly #deps: SenderDeps;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /**
   * Makes one try. What cannot be signed or made now counts as a try too, or it would be tried without end: `signature`
   * until an operator has put the dropped secret back, `event` for good.
   */
  async send({ delivery, subject, endpoint }: Sending): Promise<Attempt> {
    const { config, account, secrets: own } = this.#deps;
    const eventId = readDeliveryId(delivery.id)?.eventId;
    const url = endpoint ? endpoint.url : delivery.url;
    if (eventId === undefined || url === null) throw new TypeError('a delivery without a receiver');
    const [secrets, keys, headers] = await Promise.all([
      this.#open('v1', endpoint ? endpoint.secrets : own()),
      this.#open('v1a', own()),
      this.#headers(endpoint?.headers ?? null),
    ]);
    // `v1` is what every library knows: without it the receiver would refuse what it cannot read.
    if (secrets.length === 0 || headers === null) return unanswered('signature');
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
      id: eventId,
      secrets: [...secrets, ...keys],
      body,
      headers,
      local: config.LOCAL_MODE,
      ownHosts: [new URL(config.PUBLIC_URL).host],
      resolver: config.DOH_URL,
    });
  }

  /** The secrets of a scheme that sign now; one whose ring entry was dropped is left out. */
  async #open(scheme: SealedSecret['scheme'], sealed: readonly SealedSecret[]): Promise<string[]> {
    const { config, account, now } = this.#deps;
    const at = now();
    const live = sealed.filter(
      (secret) => secret.scheme === scheme && (secret.expiresAt === null || secret.expiresAt > at),
    );
    const opened = await Promise.all(
      live.map((secret) => decrypt(config.SIGNING_SECRETS, PURPOSES[scheme], secret.sealed, account)),
    );
    return opened.filter((secret) => secret !== null);
  }

  /** The endpoint's own headers; null when they cannot be read. */
  async #headers(sealed: string | null): Promise<Readonly<Record<string, string>> | null> {
    if (sealed === null) return {};
    const { config, account } = this.#deps;
    const text = await decrypt(config.SIGNING_SECRETS, 'webhook-headers', sealed, account);
    return text === null ? null : StoredHeaders.parse(JSON.parse(text));
  }
}
