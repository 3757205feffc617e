/**
 * The client of fal's queue, and of everything that speaks its protocol. Each call is one exchange: nothing is sent
 * twice here, since fal has no idempotency key and a second submit may be a second bill.
 */

import * as z from 'zod';
import { addressNow, builtHandle, isRequestId, pinnedHandle } from './address.ts';
import type {
  CancelReply,
  PollReply,
  ResultReply,
  SubmitReply,
  Upstream,
  UpstreamHandle,
  UpstreamSubmit,
} from './contract.ts';
import { readUpstreamError } from './error.ts';
import { type Exchange, exchange, type Fetcher, retryAfterMs } from './exchange.ts';
import { videoOf } from './output.ts';
import {
  endOfStatus,
  failedBy,
  failureOf,
  isStillOpen,
  resultVerdict,
  submitVerdict,
  tellsTheEnd,
} from './policy.ts';

export interface FalOptions {
  /** Base URL of the queue, without a trailing slash. The key goes to its host and to no other. */
  readonly queueUrl: string;
  readonly key: string;
  /** See {@link Upstream.dedupes}. */
  readonly dedupes: boolean;
  /** Seconds within which a request must have started, else fal gives it up: the job's own deadline. */
  readonly startTimeoutS?: number;
  /** Default: the global `fetch`. */
  readonly fetcher?: Fetcher;
}

/** A status has a few hundred bytes without logs, and we ask for none. */
const MAX_STATUS_BYTES = 65_536;
/** An output of this kind has a few hundred bytes; an error may repeat the input. */
const MAX_RESULT_BYTES = 1_048_576;

/** How long fal keeps the output file, in seconds: three days, far longer than copying it can take. */
const OUTPUT_LIFETIME_S = 259_200;

const text = z.string().optional().catch(undefined);

const Accepted = z.object({
  request_id: z.string().refine(isRequestId),
  status_url: text,
  response_url: text,
  cancel_url: text,
});

const Status = z.object({
  status: z.string(),
  queue_position: z.number().int().nonnegative().optional().catch(undefined),
  error: z.unknown().optional(),
  error_type: text,
});

const CancelAnswer = z.object({ status: z.literal('ALREADY_COMPLETED') });

/** What a header's value can hold, without spaces. */
const KEY = /^[\x21-\x7e]+$/;

/**
 * An upstream over fal's queue protocol.
 * @throws {TypeError} when the key cannot stand in a header. White space around it, as a secret read from a file has,
 * is dropped.
 */
export function falUpstream(options: FalOptions): Upstream {
  return new FalUpstream(options);
}

class FalUpstream implements Upstream {
  readonly dedupes: boolean;
  readonly #options: FalOptions;
  readonly #fetcher: Fetcher;

  constructor(options: FalOptions) {
    const key = options.key.trim();
    if (!KEY.test(key)) throw new TypeError('FAL_KEY is empty or holds characters that no header can carry');
    this.dedupes = options.dedupes;
    this.#options = { ...options, key };
    // Looked up on each call, so that a test may replace the global one.
    this.#fetcher = options.fetcher ?? ((request) => fetch(request));
  }

  handle(endpoint: string, requestId: string): UpstreamHandle {
    if (!isRequestId(requestId)) throw new TypeError('not a request id');
    return builtHandle(this.#options.queueUrl, endpoint, requestId);
  }

  async submit({ endpoint, input, callbackUrl }: UpstreamSubmit, signal: AbortSignal): Promise<SubmitReply> {
    const { queueUrl, startTimeoutS } = this.#options;
    const url = new URL(`${queueUrl}/${endpoint}`);
    url.searchParams.set('fal_webhook', callbackUrl);
    // Not sent, and why: X-Fal-No-Retry, because fal's own retries are of one request, one bill and no charge for a
    // failed try; X-Fal-Store-IO: 0, because the result must still be there when a lost callback is made good by a
    // poll; X-Fal-Queue-Priority: low, because the queue is shared with all of fal's customers.
    const answer = await this.#call('POST', url.href, signal, MAX_STATUS_BYTES, {
      body: JSON.stringify(input),
      headers: {
        'content-type': 'application/json',
        'x-fal-object-lifecycle-preference': JSON.stringify({
          expiration_duration_seconds: OUTPUT_LIFETIME_S,
        }),
        ...(startTimeoutS === undefined ? {} : { 'x-fal-request-timeout': String(startTimeoutS) }),
      },
    });
    if (answer.kind === 'none' && !answer.sent) {
      return { kind: 'not_accepted', failure: failureOf('upstream_error') };
    }
    if (answer.kind !== 'answer') return { kind: 'unknown', detail: detailOf(answer) };
    const { status, headers, body } = answer;
    if (isSuccess(status)) {
      const accepted = Accepted.safeParse(body);
      if (!accepted.success) return { kind: 'unknown', detail: `HTTP ${status} without a request id` };
      const { request_id, status_url, response_url, cancel_url } = accepted.data;
      const given = { status: status_url, response: response_url, cancel: cancel_url };
      return { kind: 'accepted', handle: pinnedHandle(queueUrl, endpoint, request_id, given) };
    }
    const { failure } = failedBy(readUpstreamError(status, headers, body));
    switch (submitVerdict(status)) {
      case 'refused':
        return { kind: 'refused', failure };
      case 'not_accepted':
        return { kind: 'not_accepted', failure, ...waitOf(answer) };
      case 'unknown':
        return { kind: 'unknown', detail: detailOf(answer) };
    }
  }

  async poll(handle: UpstreamHandle, signal: AbortSignal): Promise<PollReply> {
    const answer = await this.#call('GET', handle.statusUrl, signal, MAX_STATUS_BYTES);
    if (answer.kind !== 'answer') return { kind: 'unclear', detail: detailOf(answer) };
    if (answer.status === 404) return { kind: 'not_found' };
    const parsed = isSuccess(answer.status) ? Status.safeParse(answer.body) : null;
    if (!parsed?.success) return { kind: 'unclear', detail: detailOf(answer), ...waitOf(answer) };
    const { status, queue_position, error, error_type } = parsed.data;
    switch (status) {
      case 'IN_QUEUE':
        return { kind: 'queued', ...(queue_position === undefined ? {} : { position: queue_position }) };
      case 'IN_PROGRESS':
        return { kind: 'running' };
      case 'COMPLETED': {
        // There is no FAILED: the result call of a failed job answers with the error itself.
        const ended = readUpstreamError(null, answer.headers, { detail: error, error_type });
        return endOfStatus(ended) ?? { kind: 'completed' };
      }
      default:
        return { kind: 'unclear', detail: `unknown status${/^\w{1,40}$/.test(status) ? ` ${status}` : ''}` };
    }
  }

  async result(handle: UpstreamHandle, signal: AbortSignal): Promise<ResultReply> {
    const answer = await this.#call('GET', handle.responseUrl, signal, MAX_RESULT_BYTES);
    if (answer.kind !== 'answer') return { kind: 'unclear', detail: detailOf(answer) };
    const { status, headers, body } = answer;
    if (isStillOpen(status, body)) return { kind: 'not_ready' };
    const error = readUpstreamError(status, headers, body);
    if (isSuccess(status)) {
      if (body === undefined) return { kind: 'unclear', detail: detailOf(answer) };
      const video = videoOf(body);
      if (video) return { kind: 'video', video };
      // The output is whole and final, and holds no video: nothing better comes of asking again.
      return tellsTheEnd(error) ? failedBy(error) : { kind: 'failed', failure: failureOf('result_invalid') };
    }
    switch (resultVerdict(error)) {
      case 'ended':
        return failedBy(error);
      case 'gone':
        return { kind: 'gone' };
      case 'transient':
        return { kind: 'unclear', detail: detailOf(answer), ...waitOf(answer) };
    }
  }

  async cancel(handle: UpstreamHandle, signal: AbortSignal): Promise<CancelReply> {
    const answer = await this.#call('PUT', handle.cancelUrl, signal, MAX_STATUS_BYTES);
    if (answer.kind === 'none') return { kind: 'unclear', detail: detailOf(answer) };
    // The body of a 2xx is documented in two ways; the status alone says that it was asked for.
    if (isSuccess(answer.status)) return { kind: 'requested' };
    if (answer.status === 404) return { kind: 'not_found' };
    if (answer.kind === 'answer' && answer.status === 400 && CancelAnswer.safeParse(answer.body).success) {
      return { kind: 'already_completed' };
    }
    return { kind: 'unclear', detail: detailOf(answer), ...waitOf(answer) };
  }

  /** One exchange with the configured host, whatever host the address names. */
  async #call(
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    signal: AbortSignal,
    limit: number,
    init: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Exchange> {
    const address = addressNow(this.#options.queueUrl, url);
    if (address === null) return { kind: 'none', detail: 'not an address', sent: false };
    const request = new Request(address, {
      method,
      redirect: 'manual',
      signal,
      headers: { accept: 'application/json', authorization: `Key ${this.#options.key}`, ...init.headers },
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    return exchange(this.#fetcher, request, limit);
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** What to log of an exchange that did not help: never a word of the body. */
function detailOf(answer: Exchange): string {
  switch (answer.kind) {
    case 'none':
      return answer.detail;
    case 'too_large':
      return `HTTP ${answer.status} with too large a body`;
    case 'answer':
      return `HTTP ${answer.status}${isSuccess(answer.status) ? ' that cannot be read' : ''}`;
  }
}

/** How long the upstream asks us to wait, where it does. */
function waitOf(answer: Exchange): { readonly retryAfterMs?: number } {
  const wait = answer.kind === 'answer' ? retryAfterMs(answer.headers, Date.now()) : undefined;
  return wait === undefined ? {} : { retryAfterMs: wait };
}
