/** One HTTP exchange with an upstream, reduced to a value: it never throws and never reads more than it may. */

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
    const bytes = await readCapped(response.body, limit, signal);
    return bytes
      ? { kind: 'answer', status, headers, body: parseJson(bytes) }
      : { kind: 'too_large', status };
  } catch (cause) {
    // The name alone: a message may carry the URL, and the submit's URL carries the callback's token.
    return {
      kind: 'none',
      detail: `no answer (${cause instanceof Error ? cause.name : 'unknown'})`,
      sent: true,
    };
  }
}

/**
 * All bytes of a body, or null as soon as there are more than `limit`; the rest is then refused.
 * @throws the stream's error, or the signal's reason.
 */
export async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!body) return new Uint8Array(0);
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const aborted = abortOf(signal);
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted.promise]);
      if (done) break;
      length += value.length;
      if (length > limit) {
        await reader.cancel('larger than allowed');
        return null;
      }
      chunks.push(value);
    }
  } catch (cause) {
    // Frees the connection. A stream that broke by itself rejects this with the error that is thrown anyway.
    reader.cancel(cause).catch(() => undefined);
    throw cause;
  } finally {
    aborted.stop();
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** A promise that rejects when the signal fires: a body's stream does not everywhere know of its request's signal. */
function abortOf(signal?: AbortSignal): { promise: Promise<never>; stop: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  if (!signal) return { promise, stop: () => undefined };
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return { promise, stop: () => signal.removeEventListener('abort', abort) };
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
