/**
 * Webhook endpoints of an account: what crosses RPC between the Worker and the Account object, and what is replicated
 * to the shards. Plain values: expected outcomes are never thrown. Times are milliseconds since 1970.
 */

import type { EventType, NoticeType } from '../../webhooks/types.ts';

/** A signing secret under the ring. The context of every ciphertext here is the account's id. */
export interface SealedSecret {
  readonly id: string;
  /** `v1`: a `whsec_` secret, purpose `webhook-secret`. `v1a`: a `whsk_` key, purpose `webhook-key`. */
  readonly scheme: 'v1' | 'v1a';
  readonly sealed: string;
  /** Null: the present one. Else an old one, which still signs until then. */
  readonly expiresAt: number | null;
}

/** Why an endpoint is disabled. `requested`: it answered `webhook-delivery: disable`. `failing`: five days of nothing else. */
export type DisabledReason = 'manual' | 'gone' | 'requested' | 'failing';

/** An endpoint as the shards know it. One that was deleted is not there. */
export interface ReplicaEndpoint {
  /** `ep_` and 12 characters. */
  readonly id: string;
  readonly url: string;
  /** Null: every event, also of types that are yet to come. */
  readonly events: readonly EventType[] | null;
  /** Custom headers as sealed JSON (purpose `webhook-headers`), or null. */
  readonly headers: string | null;
  /** Tries a second, in each shard; null: no limit. */
  readonly rateLimit: number | null;
  readonly enabled: boolean;
  /** Grows whenever it is enabled: what a shard saw of an older epoch counts no more. */
  readonly epoch: number;
  /** Scheme `v1`, the present one first. */
  readonly secrets: readonly SealedSecret[];
}

/** An event about the account, for its home shard to deliver. Stays in the replica until that shard has it. */
export interface Notice {
  /** A minted `evt` id of the home shard. */
  readonly id: string;
  readonly type: NoticeType;
  readonly at: number;
  /** The event's `data`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** An endpoint as its account may see it. */
export interface EndpointView {
  readonly id: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly EventType[] | null;
  /** Names of the custom headers; values are secrets. */
  readonly headerNames: readonly string[];
  readonly rateLimit: number | null;
  readonly enabled: boolean;
  readonly disabledAt: number | null;
  readonly disabledReason: DisabledReason | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Old secrets that still sign: until when each does. */
  readonly expiringSecrets: readonly number[];
}

/** What an owner may set. */
export interface EndpointFields {
  readonly url: string;
  readonly description: string;
  readonly events: readonly EventType[] | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly rateLimit: number | null;
  readonly enabled: boolean;
}

/** `pending` names the shards that could not be told yet; they are told as soon as they can be. */
interface Published {
  readonly pending: readonly string[];
}
interface Unknown {
  readonly kind: 'not_found' | 'unknown_account';
}

/** Idempotent by id, which the Worker mints. */
export interface CreateEndpoint extends EndpointFields {
  readonly id: string;
}
export type CreateEndpointOutcome =
  | (Published & { readonly kind: 'created'; readonly endpoint: EndpointView; readonly secret: string })
  | { readonly kind: 'too_many'; readonly limit: number }
  | { readonly kind: 'unreadable' | 'unknown_account' };

export interface UpdateEndpoint {
  readonly id: string;
  /** What is absent stays as it is. */
  readonly fields: Partial<EndpointFields>;
}
export type UpdateEndpointOutcome =
  | (Published & { readonly kind: 'updated'; readonly endpoint: EndpointView })
  | Unknown;
export type DeleteEndpointOutcome = (Published & { readonly kind: 'deleted' }) | Unknown;
export type ReadEndpointOutcome = { readonly kind: 'found'; readonly endpoint: EndpointView } | Unknown;
export type ListEndpointsOutcome =
  | { readonly kind: 'list'; readonly endpoints: readonly EndpointView[] }
  | { readonly kind: 'unknown_account' };

/** A new secret; the present one goes on signing beside it for `graceMs`. Idempotent by `secretId`. */
export interface RotateSecret {
  /** `ep_…`; or null for the account's own secrets: `v1` signs the `webhook_url` of jobs, `v1a` everything. */
  readonly endpointId: string | null;
  /** Of an endpoint always `v1`. */
  readonly scheme: 'v1' | 'v1a';
  readonly graceMs: number;
  /** Minted by the Worker, so that a call whose answer was lost rotates once. */
  readonly secretId: string;
}
export type RotateOutcome =
  /** `secret`: `whsec_…`, or for `v1a` the public key `whpk_…`. */
  | (Published & { readonly kind: 'rotated'; readonly secret: string })
  /** So many still sign; wait until the oldest does no more. */
  | { readonly kind: 'too_many'; readonly limit: number; readonly freeAt: number }
  | { readonly kind: 'unreadable' }
  | Unknown;

/** The account's `v1a` keys that sign now, the present one first. */
export type WebhookKeysOutcome =
  | {
      readonly kind: 'found';
      readonly keys: readonly {
        readonly id: string;
        /** 32 bytes, base64. */
        readonly publicKey: string;
        readonly expiresAt: number | null;
      }[];
    }
  | { readonly kind: 'unreadable' | 'unknown_account' };

/** Settings of the account that are its owner's. */
export interface AccountSettings {
  /** `credits.low` is sent when no more than so many are available; null: never. */
  readonly creditsLowThreshold: number | null;
}
export type SettingsOutcome =
  | { readonly kind: 'found'; readonly settings: AccountSettings }
  | { readonly kind: 'unknown_account' };

/** What the Worker calls on an Account for its webhooks. Every call is safe to repeat. */
export interface AccountForWebhooks {
  createEndpoint(request: CreateEndpoint): Promise<CreateEndpointOutcome>;
  updateEndpoint(request: UpdateEndpoint): Promise<UpdateEndpointOutcome>;
  deleteEndpoint(id: string): Promise<DeleteEndpointOutcome>;
  readEndpoint(id: string): Promise<ReadEndpointOutcome>;
  /** In the order in which they were made. */
  listEndpoints(): Promise<ListEndpointsOutcome>;
  rotateSecret(request: RotateSecret): Promise<RotateOutcome>;
  webhookKeys(): Promise<WebhookKeysOutcome>;
  settings(): Promise<SettingsOutcome>;
  /** What is absent stays as it is. */
  updateSettings(settings: Partial<AccountSettings>): Promise<SettingsOutcome>;
  /** The names of the shards that may have work of this account. */
  shards(): Promise<readonly string[]>;
}

/** A shard saw what disables an endpoint. Idempotent; of an older epoch it changes nothing. */
export interface ReportEndpoint {
  readonly shard: string;
  readonly endpointId: string;
  readonly epoch: number;
  readonly reason: Exclude<DisabledReason, 'manual'>;
  /** When it was seen; for `failing`: since when every try has failed. */
  readonly since: number;
}
/**
 * `disabled`: it is now, or was already. `kept`: another shard has delivered since, or the report is of an older epoch, or
 * there is no such endpoint. `unreachable`: a shard could not be asked; report again.
 */
export interface ReportOutcome {
  readonly kind: 'disabled' | 'kept' | 'unreachable';
}
