/** One try of a webhook delivery: check the address, sign, send, read a little of the answer, judge it. */

import { checkUrl } from './address.ts';
import { type AttemptError, errorOfException, errorOfStatus } from './attempt-error.ts';
import { readCapped } from './read-capped.ts';
import { parseRetryAfter } from './schedule.ts';
import { webhookHeaders } from './sign.ts';

/** The part of `fetch` that a delivery uses. */
export type Fetcher = (url: string, init: RequestInit) => Promise<Response>;

/** What to deliver, and where. */
export interface Delivery {
  readonly url: string;
  /** The event's id, the same on every try. */
  readonly id: string;
  /** Every secret that the receiver may verify with now. */
  readonly secrets: readonly string[];
  /** The event as JSON text; sent and signed byte for byte. */
  readonly body: string;
  /** Cuts the try off early, which counts as a time-out. */
  readonly signal?: AbortSignal | undefined;
  /** Local mode: loopback receivers are allowed. */
  readonly local: boolean;
  /** Our own hosts; see {@link checkUrl}. */
  readonly ownHosts?: readonly string[];
  readonly fetcher?: Fetcher;
  /** The clock, in ms. */
  readonly now?: () => number;
  readonly timeoutMs?: number;
}

/** What came of one try. */
export interface Attempt {
  /** The receiver answered 2xx: the event is delivered. */
  readonly ok: boolean;
  /** Null when no answer came. */
  readonly statusCode: number | null;
  /** Null when it is delivered, or when the status says it all. */
  readonly error: AttemptError | null;
  readonly durationMs: number;
  /** The beginning of the answer's body as text, or null when no answer came. It belongs to the receiver: show it to the account alone. */
  readonly response: string | null;
  /** When the receiver asked us to come back, in ms from the answer. */
  readonly retryAfterMs?: number;
  /** 410: the receiver wants nothing more at this address. */
  readonly gone: boolean;
}

/** How long a try may take, headers and body together (Standard Webhooks: 15 to 30 s). */
export const DELIVERY_TIMEOUT_MS = 20_000;

/** How much of an answer's body is kept: enough to debug with, little enough to store with each attempt. */
export const MAX_RESPONSE_BYTES = 16_384;

const USER_AGENT = 'Firstframe-Webhooks/1.0';

function requestInit(body: string, headers: object, signal: AbortSignal): RequestInit {
  return {
    method: 'POST',
    // 'error' throws in the Workers runtime; with 'manual' a redirect comes back as the 3xx answer that it is.
    redirect: 'manual',
    headers: { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...headers },
    body,
    signal,
  };
}

/** `work`, or the signal's reason as soon as it is aborted, whether or not the work heeds the signal. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * Makes one try. The address is judged again and the body is signed again, with this try's time. Once a 2xx has come,
 * the event is delivered: a body that stalls or breaks after it only shortens `response`.
 *
 * Never throws and never takes longer than `timeoutMs`.
 */
export async function deliver(delivery: Delivery): Promise<Attempt> {
  const { now = Date.now, fetcher = fetch, timeoutMs = DELIVERY_TIMEOUT_MS, local, ownHosts = [] } = delivery;
  const startedAt = now();
  // A clock that was set back must not make a duration negative.
  const elapsed = () => Math.max(0, now() - startedAt);
  const failed = (error: AttemptError): Attempt => ({
    ok: false,
    statusCode: null,
    error,
    durationMs: elapsed(),
    response: null,
    gone: false,
  });

  const address = checkUrl(delivery.url, { local, purpose: 'webhook', ownHosts });
  if (!address.ok) return failed('address');

  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = delivery.signal ? AbortSignal.any([delivery.signal, timeout]) : timeout;
  let headers: object;
  try {
    const timestamp = Math.floor(startedAt / 1_000);
    headers = await webhookHeaders(delivery.secrets, { id: delivery.id, timestamp, body: delivery.body });
  } catch {
    // A secret or an id that cannot be used. The error's text stays here: the attempt is shown to the customer.
    return failed('signature');
  }

  let response: Response;
  try {
    response = await abortable(
      fetcher(address.url.href, requestInit(delivery.body, headers, signal)),
      signal,
    );
  } catch (cause) {
    return failed(errorOfException(cause, signal));
  }

  const text = await readCapped(response.body, MAX_RESPONSE_BYTES, signal);
  const retryAfterMs = response.ok ? null : parseRetryAfter(response.headers.get('retry-after'), now());
  return {
    ok: response.ok,
    statusCode: response.status,
    error: errorOfStatus(response.status),
    durationMs: elapsed(),
    response: text,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    gone: response.status === 410,
  };
}
