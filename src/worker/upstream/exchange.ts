/** One HTTP exchange with an upstream, reduced to a value: it never throws and never reads more than it may. */

import { readLimited } from '../media/body.ts';

/** `fetch`, or what stands for it. */
export type Fetcher = (request: Request) => Promise<Response>;

/** What came of a request. */
export type Exchange =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Headers;
      /** The parsed JSON; undefined when the body is none. */
      readonly body: unknown;
    }
  /** The body is larger than allowed; the rest was not read. */
  | { readonly kind: 'too_large'; readonly status: number }
  /** No answer, or it broke off. `sent`: whether the request may have left. */
  | { readonly kind: 'none'; readonly detail: string; readonly sent: boolean };

/**
 * Sends a request, which must not follow redirects, and reads at most `limit` bytes of its answer.
 *
 * workerd's `fetch` throws the same "Network connection lost." for a refused connection and for one that broke after
 * the request was read, so a thrown error never proves that nothing was sent; only a signal that had fired before does.
 */
export async function exchange(fetcher: Fetcher, request: Request, limit: number): Promise<Exchange> {
  const { signal } = request;
  if (signal.aborted) return { kind: 'none', detail: 'out of time before sending', sent: false };
  try {
    const response = await fetcher(request);
    const { status, headers } = response;
    const bytes = await readLimited(response.body, limit, signal);
    if (bytes === 'too_large') return { kind: 'too_large', status };
    if (bytes === 'ended_early') {
      return signal.aborted
        ? noAnswer(signal.reason)
        : { kind: 'none', detail: 'the answer ended early', sent: true };
    }
    return { kind: 'answer', status, headers, body: parseJson(bytes) };
  } catch (cause) {
    return noAnswer(cause);
  }
}

/** The cause's name alone: a message may carry the URL, and the submit's URL carries the callback's token. */
function noAnswer(cause: unknown): Exchange {
  return {
    kind: 'none',
    detail: `no answer (${cause instanceof Error ? cause.name : 'unknown'})`,
    sent: true,
  };
}

/** The JSON in `bytes`; undefined when they are none, or no UTF-8. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)) as unknown;
  } catch {
    // Both report what is wrong by throwing; the caller only needs to know that it is no JSON.
    return undefined;
  }
}

/** Longest wait that a `Retry-After` may ask of us, in ms: a job's own deadline is an hour. */
const MAX_RETRY_AFTER_MS = 600_000;

const SECONDS = /^\d{1,9}$/;
/** `Date.parse` alone takes much else for a date, such as "-3". */
const HTTP_DATE = /^[A-Z][a-z]+, .+ GMT$/;

/** What `Retry-After` asks, in ms from `now` (RFC 9110 §10.2.3: seconds, or a date); undefined when it says nothing. */
export function retryAfterMs(headers: Pick<Headers, 'get'>, now: number): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? '';
  let wait = Number.NaN;
  if (SECONDS.test(text)) wait = Number(text) * 1_000;
  else if (HTTP_DATE.test(text)) wait = Date.parse(text) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS);
}
