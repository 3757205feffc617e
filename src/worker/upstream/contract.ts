/**
 * What an upstream is to the rest of the service: a queue that takes a job, tells its state, gives its result and may
 * call back. A new upstream is one file beside this one. Replies are values; an upstream never throws for what a
 * network or a server can do.
 */

import type { JobFailure } from '../errors.ts';

/** Where an accepted request can be asked for. The URLs are the upstream's own, checked against its configured host. */
export interface UpstreamHandle {
  readonly requestId: string;
  readonly statusUrl: string;
  readonly responseUrl: string;
  readonly cancelUrl: string;
}

/** The end of a request without a video. */
export interface UpstreamFailed {
  readonly kind: 'failed';
  readonly failure: JobFailure;
  /** The upstream ended it because somebody canceled it there: the job is canceled if its customer asked for that. */
  readonly canceled?: true;
}

/** A submit, ready to be sent. */
export interface UpstreamSubmit {
  /** The full endpoint id, such as `fal-ai/ltx-2.3/image-to-video/fast`. */
  readonly endpoint: string;
  /** The model's input, as the endpoint wants it. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Where the upstream calls when the job has ended: unique per job and the same on every try. */
  readonly callbackUrl: string;
}

export type SubmitReply =
  | { readonly kind: 'accepted'; readonly handle: UpstreamHandle }
  /** The upstream answered that it will not do this. Nothing runs there. */
  | { readonly kind: 'refused'; readonly failure: JobFailure }
  /** The request cannot have started anything (never connected, or 429): trying again is safe. */
  | { readonly kind: 'not_accepted'; readonly failure: JobFailure; readonly retryAfterMs?: number }
  /** The request left and no usable answer came: it may or may not run. */
  | { readonly kind: 'unknown'; readonly detail: string };

export type PollReply =
  | { readonly kind: 'queued'; readonly position?: number }
  | { readonly kind: 'running' }
  /** The upstream has ended the job; the result tells how. */
  | { readonly kind: 'completed' }
  | UpstreamFailed
  /** The upstream knows no such request. */
  | { readonly kind: 'not_found' }
  /** No answer, an answer that cannot be read, or a status that we do not know: ask again later. */
  | { readonly kind: 'unclear'; readonly detail: string; readonly retryAfterMs?: number };

/** A video as the upstream describes it. Only the URL is certain. */
export interface UpstreamVideo {
  readonly url: string;
  readonly contentType?: string;
  /** Seconds. */
  readonly duration?: number;
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
}

export type ResultReply =
  | { readonly kind: 'video'; readonly video: UpstreamVideo }
  | UpstreamFailed
  | { readonly kind: 'not_ready' }
  /** The upstream no longer has it, or never had it. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'unclear'; readonly detail: string; readonly retryAfterMs?: number };

export type CancelReply =
  /** Asked for; only the job's end tells whether it worked. */
  | { readonly kind: 'requested' }
  | { readonly kind: 'already_completed' }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'unclear'; readonly detail: string; readonly retryAfterMs?: number };

/** A callback whose signature has been verified. */
export interface UpstreamEvent {
  readonly requestId: string;
  /** `ended`: the event carries no usable result, so it must be fetched; that may still say `not_ready`. */
  readonly outcome:
    | { readonly kind: 'video'; readonly video: UpstreamVideo }
    | UpstreamFailed
    | { readonly kind: 'ended' };
}

export interface Upstream {
  /** Whether two submits with one callback URL are one request. fal: no. The local engine: yes. */
  readonly dedupes: boolean;
  /**
   * The handle of a request known by its id alone, as from a callback that overtook the answer to its submit, or
   * whose submit was never answered. `endpoint` is the one that the submit went to.
   * @throws {TypeError} for text that is no request id; a verified event never carries any.
   */
  handle(endpoint: string, requestId: string): UpstreamHandle;
  submit(submit: UpstreamSubmit, signal: AbortSignal): Promise<SubmitReply>;
  poll(handle: UpstreamHandle, signal: AbortSignal): Promise<PollReply>;
  result(handle: UpstreamHandle, signal: AbortSignal): Promise<ResultReply>;
  cancel(handle: UpstreamHandle, signal: AbortSignal): Promise<CancelReply>;
}
