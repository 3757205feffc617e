/** What crosses RPC to and from an Account object. Plain values: expected outcomes are never thrown. */

import type {
  Notice,
  ReplicaEndpoint,
  ReportEndpoint,
  ReportOutcome,
  SealedSecret,
} from './endpoints/contract.ts';
import type { ShardTotals } from './float.ts';

/** One API key as the shards know it. A revoked key stays as a tombstone. */
export interface ReplicaKey {
  readonly id: string;
  /** Lower-case hex SHA-256 of the whole key. */
  readonly hash: string;
  readonly revoked: boolean;
}

/** What an account replicates to its shards. A lower version never replaces a higher one. */
export interface Replica {
  readonly version: number;
  readonly keys: readonly ReplicaKey[];
  /**
   * The account's own: `v1` signs what goes to the `webhook_url` of a job or an upload link, `v1a` every delivery. Of
   * each scheme the present one first. One that has expired may be there still: it signs no more.
   */
  readonly secrets: readonly SealedSecret[];
  /** In the order in which they were made. */
  readonly endpoints: readonly ReplicaEndpoint[];
  /** Only in the replica of the home shard. The same notice may come in several versions. */
  readonly notices: readonly Notice[];
}

/** A shard meets a key hash that its replica does not hold. The account lists the shard before it answers. */
export interface LearnRequest {
  readonly shard: string;
}
export type LearnOutcome = { readonly found: true; readonly replica: Replica } | { readonly found: false };

/** A shard asks for credits for its waiting submits. */
export interface LeaseRequest {
  readonly shard: string;
  readonly totals: ShardTotals;
  /** Credits the shard needs beyond its float, counted against `totals.received`. */
  readonly need: number;
  /** Credits worth having for what comes next (ten jobs, or the last hour's use, whichever is more). */
  readonly want: number;
}
export type LeaseOutcome =
  | {
      readonly kind: 'leased';
      /** Everything ever leased to this shard. */
      readonly leased: number;
      /** Everything of `totals.returned` that the account has booked. */
      readonly returnedSeen: number;
      /**
       * True when the account had no more to give anywhere. What stays unmet is then a true 402, but only for submits
       * that waited when the request was sent, and only if the account knew of all that the shard gave back
       * (`refusalStands` in lease.ts); otherwise the shard asks again with its present totals.
       */
      readonly exhausted: boolean;
      /** Credits left at the account after this lease. The 402 body adds the shard's own float. */
      readonly available: number;
    }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'unknown_account' };

/** A shard reports its totals: after giving credits back, and now and then. */
export interface SettleRequest {
  readonly shard: string;
  readonly totals: ShardTotals;
}
export interface SettleOutcome {
  readonly leased: number;
  readonly returnedSeen: number;
}

/**
 * An account asks a shard for all its unheld float. `leased` lets the shard book a lease whose answer was lost; it
 * admits its waiting submits with that before it gives back the rest, or two shards in need would pass the same
 * credits to and fro.
 */
export interface RecallRequest {
  readonly leased: number;
}

/** A shard's answer to a balance reading. */
export interface ShardBalance {
  readonly float: number;
  readonly held: number;
  readonly totals: ShardTotals;
}

/** `GET /admin/accounts/{id}` and `GET /api/account`. Credits. */
export interface AccountSummary {
  readonly id: string;
  readonly name: string;
  readonly credits: { readonly available: number; readonly held: number; readonly captured: number };
}

/** An operator makes an account. Idempotent: the object is named by the id, so there is at most one. */
export interface CreateRequest {
  /** The object's own name. */
  readonly id: string;
  readonly name: string;
  /** Tells a repeated request from another one that happens on the same id. */
  readonly reference: string;
}
export type CreateOutcome =
  | { readonly kind: 'created' | 'exists'; readonly id: string; readonly name: string }
  | { readonly kind: 'conflict' };

export type CreateKeyOutcome =
  /** `key` is the whole key; it is shown this once and only its hash is kept. */
  | { readonly kind: 'created'; readonly id: string; readonly name: string; readonly key: string }
  | { readonly kind: 'unknown_account' };

export type RevokeOutcome =
  /** Durable. `pending` names the shards that could not be told yet; they are told as soon as they can be. */
  | { readonly kind: 'revoked'; readonly pending: readonly string[] }
  | { readonly kind: 'unknown_key' }
  | { readonly kind: 'unknown_account' };

export interface GrantRequest {
  /** A positive integer. */
  readonly credits: number;
  /** A repeated grant under the same reference is the same grant. */
  readonly reference: string;
}
export type GrantOutcome =
  | { readonly kind: 'granted'; readonly credits: number; readonly repeated: boolean }
  /** The reference stands for another amount: `credits`. */
  | { readonly kind: 'conflict'; readonly credits: number }
  | { readonly kind: 'unknown_account' };

export type SummaryOutcome =
  | { readonly ok: true; readonly summary: AccountSummary }
  | { readonly ok: false; readonly kind: 'unreachable' | 'unknown_account' };

export type WebhookSecretOutcome =
  /** `whsec_` and base64. */
  | { readonly found: true; readonly secret: string }
  /** `unreadable`: the secret of the ring that it was encrypted under has been dropped. */
  | { readonly found: false; readonly kind: 'unknown_account' | 'unreadable' };

/** How many live things of an account need each secret of the ring, by ring id. */
export interface RingUsage {
  /** Keys that have not been revoked. */
  readonly keys: Readonly<Record<string, number>>;
  /** The account's ciphertexts, and the shards that may have copies of some. */
  readonly ciphertexts: Readonly<Record<string, number>>;
}

export type RenewOutcome =
  /** `pending` names the shards that may still have the old ciphertext. */
  | { readonly kind: 'renewed'; readonly pending: readonly string[] }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'unknown_account' };

/** What an Account calls on a JobShard. The shard calls nobody while it answers. */
export interface ShardForAccount {
  recall(request: RecallRequest): Promise<ShardTotals>;
  balance(request: RecallRequest): Promise<ShardBalance>;
  applyReplica(replica: Replica): Promise<{ version: number }>;
  /** When this shard last delivered to an endpoint, in ms; null when it never did. */
  endpointHealth(endpointId: string): Promise<{ readonly deliveredAt: number | null }>;
}

/** What a JobShard calls on its Account. */
export interface AccountForShard {
  learn(request: LearnRequest): Promise<LearnOutcome>;
  lease(request: LeaseRequest): Promise<LeaseOutcome>;
  settle(request: SettleRequest): Promise<SettleOutcome>;
  report(request: ReportEndpoint): Promise<ReportOutcome>;
}
