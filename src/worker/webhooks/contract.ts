/**
 * What crosses RPC between the Worker and the shards that deliver an account's events. Plain values: expected outcomes
 * are never thrown. Times are milliseconds since 1970.
 */

import type { Refusal } from '../jobs/contract.ts';
import type { AttemptError } from './attempt-error.ts';
import type { EventType } from './types.ts';

/**
 * `pending`: to be tried (again) · `delivered` · `failed`: given up · `held`: its endpoint was disabled, so nothing was
 * sent; a resend or a recovery takes it up.
 */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed', 'held'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/**
 * Why a delivery is `failed`. `exhausted`: the last try of the schedule · `gone`: the receiver answered 410 ·
 * `aborted`: it answered `webhook-delivery: abort-message` · `event`: the event could not be made · `endpoint_deleted`.
 */
export type DeliveryReason = 'exhausted' | 'gone' | 'aborted' | 'event' | 'endpoint_deleted';

/** One try. */
export interface AttemptView {
  readonly at: number;
  /** Null when no answer came. */
  readonly statusCode: number | null;
  readonly durationMs: number;
  readonly error: AttemptError | null;
  /** The first 16 KiB of the answer as text; null when no answer came. */
  readonly response: string | null;
  /** Asked for by a resend or a recovery, not by the schedule. */
  readonly manual: boolean;
}

/** A delivery as its account may see it. */
export interface DeliveryView {
  readonly deliveryId: string;
  readonly eventId: string;
  readonly event: EventType;
  /** Null: the `webhook_url` of the job or the upload link. */
  readonly endpointId: string | null;
  readonly url: string | null;
  /** The job or the upload link; null for events about the account, and tests. */
  readonly jobId: string | null;
  readonly uploadId: string | null;
  readonly status: DeliveryStatus;
  readonly reason: DeliveryReason | null;
  readonly createdAt: number;
  /** Oldest first; of very many the latest. */
  readonly attempts: readonly AttemptView[];
  readonly nextAttemptAt: number | null;
}

/** What a list is narrowed to. */
export interface DeliveryFilter {
  readonly jobId?: string;
  readonly endpointId?: string;
  readonly status?: DeliveryStatus;
  readonly event?: EventType;
}

export interface ListDeliveries {
  readonly keyHash: string;
  readonly filter: DeliveryFilter;
  /** Deliveries that come after this one in the list (newest first); of whichever shard. */
  readonly after?: string;
  readonly limit: number;
}
export type ListDeliveriesOutcome =
  | {
      readonly kind: 'page';
      /** Newest first, by the time and then the text of their ids. */
      readonly deliveries: readonly DeliveryView[];
      /**
       * Null: there are no more here. Else the last one that was looked at: a page ends early when it has grown large or
       * when the filter let very many pass.
       */
      readonly next: string | null;
    }
  | Refusal;

export interface DeliveryQuery {
  readonly keyHash: string;
  readonly deliveryId: string;
}
export type DeliveryOutcome =
  | { readonly kind: 'found'; readonly delivery: DeliveryView }
  | { readonly kind: 'not_found' }
  | Refusal;
export type ResendOutcome =
  /** Due now, with the whole schedule before it. A delivery that is being tried this moment is left as it is. */
  | { readonly kind: 'resent'; readonly delivery: DeliveryView }
  | { readonly kind: 'not_found' }
  /** The job, link or notice is no more, so the event cannot be made. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'disabled' | 'endpoint_deleted' }
  | Refusal;

/** Takes up, in the background, every delivery to an endpoint since then that is `failed` or `held`. Idempotent. */
export interface RecoverEndpoint {
  readonly keyHash: string;
  readonly endpointId: string;
  readonly since: number;
  /** Events after this are no part of it: the moment of the call. */
  readonly until: number;
}
export type RecoverOutcome =
  | { readonly kind: 'recovering' }
  | { readonly kind: 'disabled' | 'not_found' }
  | Refusal;

/** An example event to one endpoint, tried once. To the home shard. */
export interface TestEndpoint {
  readonly keyHash: string;
  readonly endpointId: string;
  /** A minted `evt` id of the home shard. */
  readonly noticeId: string;
  readonly event: EventType;
}
export type TestOutcome =
  | { readonly kind: 'sent'; readonly delivery: DeliveryView }
  | { readonly kind: 'disabled' | 'not_found' }
  | Refusal;

/** Days of statistics that are kept, and may be asked for: whole UTC days, the present one included. */
export const STATS_DAYS = 30;

export interface EndpointStatsQuery {
  readonly keyHash: string;
  readonly endpointId: string;
  /** At most {@link STATS_DAYS}. */
  readonly days: number;
}
/** What one shard knows of one endpoint. */
export interface EndpointStats {
  readonly days: readonly {
    /** Days since 1970 (UTC). */
    readonly day: number;
    readonly delivered: number;
    /** Tries that did not deliver. */
    readonly failed: number;
    /** Of all tries together. */
    readonly durationMs: number;
  }[];
  readonly lastDeliveredAt: number | null;
  /** Since when every try has failed. */
  readonly failingSince: number | null;
}
export type EndpointStatsOutcome = { readonly kind: 'found'; readonly stats: EndpointStats } | Refusal;

/** What the Worker calls on a shard for an account's deliveries. */
export interface DeliveryShard {
  deliveries(query: ListDeliveries): Promise<ListDeliveriesOutcome>;
  delivery(query: DeliveryQuery): Promise<DeliveryOutcome>;
  resend(query: DeliveryQuery): Promise<ResendOutcome>;
  recover(command: RecoverEndpoint): Promise<RecoverOutcome>;
  testEndpoint(command: TestEndpoint): Promise<TestOutcome>;
  endpointStats(query: EndpointStatsQuery): Promise<EndpointStatsOutcome>;
}
