/** What crosses RPC between the Worker and a JobShard. Plain values: expected outcomes are never thrown. */

import type { JobFailure, ServicePart } from '../errors.ts';
import type { ImageSource, StoredVideo } from '../media/contract.ts';
import type { UpstreamEvent } from '../upstream/contract.ts';
import type { JobEventType } from '../webhooks/types.ts';

/** A job's images, as the edge resolved them. */
export interface JobImages {
  readonly start: ImageSource;
  readonly end?: ImageSource;
}

/** What a job is made of. Immutable once submitted; deleted when the job expires. */
export interface JobRequest {
  readonly model: string;
  /** The model's input, parsed, with defaults, its image fields emptied: `images` says what they are. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly images: JobImages;
  /** How long upstream usually takes, in ms. */
  readonly usualMs: number;
  readonly webhookUrl?: string;
  /** What `webhookUrl` hears of; the default is its end, whichever it is. */
  readonly webhookEvents?: readonly JobEventType[];
  /** Given back with the status and in events. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A submit. The id was minted at the edge, so a retry after a lost reply is the same submit. */
export interface SubmitCommand {
  readonly jobId: string;
  readonly keyHash: string;
  readonly request: JobRequest;
  readonly credits: number;
  /** Micro-dollars. */
  readonly cost: number;
  readonly idempotency?: { readonly key: string; readonly fingerprint: string };
  /** The upload whose job this is: it starts one. */
  readonly uploadId?: string;
}

/** The states that a customer sees. */
export type JobStatus = 'in_progress' | 'completed' | 'failed' | 'canceled';

/** A job as its owner may see it. Links are minted by whoever answers. */
export interface JobView {
  readonly jobId: string;
  readonly status: JobStatus;
  /** While in progress. */
  readonly phase?: 'queued' | 'rendering' | 'storing';
  readonly queuePosition?: number;
  /** Held while in progress, charged when completed, 0 otherwise. */
  readonly credits: number;
  /** Micro-dollars, likewise. */
  readonly cost: number;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  readonly endedAt?: number;
  readonly video?: StoredVideo;
  readonly failure?: JobFailure;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Refusals that any call which names a key can meet. */
export type Refusal =
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'unavailable'; readonly part: ServicePart; readonly retryAfter: number };

export type SubmitOutcome =
  | { readonly kind: 'accepted'; readonly job: JobView; readonly replayed: boolean }
  | { readonly kind: 'insufficient'; readonly required: number; readonly balance: number }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'gone' }
  | Refusal;

/** A look at key and balance before input bytes are stored; holds nothing. */
export interface CheckCommand {
  readonly keyHash: string;
  readonly credits: number;
}
export type CheckOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'insufficient'; readonly required: number; readonly balance: number }
  | Refusal;

export interface JobQuery {
  readonly jobId: string;
  readonly keyHash: string;
}
export type StatusOutcome =
  | { readonly kind: 'found'; readonly job: JobView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Refusal;

export type CancelOutcome =
  /** Canceled here and now. */
  | { readonly kind: 'canceled'; readonly job: JobView }
  /** Asked for; the upstream's outcome decides. */
  | { readonly kind: 'requested'; readonly job: JobView }
  | { readonly kind: 'ended'; readonly job: JobView }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'gone' }
  | Refusal;

/** An upstream's verified callback. */
export interface CallbackCommand {
  readonly jobId: string;
  readonly event: UpstreamEvent;
}
