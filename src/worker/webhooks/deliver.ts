/**
 * One try of a webhook delivery: check the address, sign, resolve the name and check what it resolves to, send, read a
 * little of the answer, judge it.
 */

import { abortable } from './abortable.ts';
import { checkUrl } from './address.ts';
import { type Attempt, isThrottled, unanswered, wishesOf } from './attempt.ts';
import { errorOfException, errorOfStatus } from './attempt-error.ts';
import { checkNames, type Fetcher } from './dns.ts';
import { readCapped } from './read-capped.ts';
import { parseRetryAfter } from './schedule.ts';
import { webhookHeaders } from './sign.ts';

export type { Attempt } from './attempt.ts';
export type { Fetcher } from './dns.ts';

/** What to deliver, and where. */
export interface Delivery {
  readonly url: string;
  /** The event's id, the same on every try. */
  readonly id: string;
  /** Every secret and key that the receiver may verify with now, `whsec_` and `whsk_`. */
  readonly secrets: readonly string[];
  /** The event as JSON text; sent and signed byte for byte. */
  readonly body: string;
  /** The endpoint's own headers, which headers.ts has let pass. Ours win. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the try off early, which counts as a time-out. */
  readonly signal?: AbortSignal | undefined;
  /** Local mode: loopback receivers are allowed. */
  readonly local: boolean;
  /** Our own hosts; see {@link checkUrl}. */
  readonly ownHosts?: readonly string[];
  /** Who is asked what names resolve to; see {@link checkNames}. */
  readonly resolver: string;
  /** Also for the resolver. */
  readonly fetcher?: Fetcher;
  /** The clock, in ms. */
  readonly now?: () => number;
  readonly timeoutMs?: number;
  readonly bodyTimeoutMs?: number;
}

/** How long a try may take, headers and body together (Standard Webhooks: 15 to 30 s). */
export const DELIVERY_TIMEOUT_MS = 20_000;

/**
 * How long a body may take behind its status, in ms. The status has decided, and the body is for the log alone: a receiver
 * that accepts event after event and never ends an answer must not stand in the way of others for a whole try each time.
 */
export const BODY_TIMEOUT_MS = 2_000;

/** How much of an answer's body is kept: enough to debug with, little enough to store with each attempt. */
export const MAX_RESPONSE_BYTES = 16_384;

const USER_AGENT = 'Firstframe-Webhooks/1.0';

/** `signed` are the headers that the signature is in. */
function requestInit(delivery: Delivery, signed: object, signal: AbortSignal): RequestInit {
  const own = Object.entries(delivery.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: 'POST',
    // 'error' throws in the Workers runtime; with 'manual' a redirect comes back as the 3xx answer that it is.
    redirect: 'manual',
    headers: {
      ...Object.fromEntries(own),
      'content-type': 'application/json',
      'user-agent': USER_AGENT,
      ...signed,
    },
    body: delivery.body,
    signal,
  };
}

/**
 * Makes one try. The address is judged again, its name is resolved again, and the body is signed again with this try's
 * time. Once a 2xx has come, the event is delivered: a body that stalls or breaks after it only shortens `response`.
 *
 * Never throws and never takes longer than `timeoutMs`.
 */
export async function deliver(delivery: Delivery): Promise<Attempt> {
  const { now = Date.now, fetcher = fetch, local, ownHosts = [] } = delivery;
  const { timeoutMs = DELIVERY_TIMEOUT_MS, bodyTimeoutMs = BODY_TIMEOUT_MS } = delivery;
  const startedAt = now();
  // A clock that was set back must not make a duration negative.
  const elapsed = () => Math.max(0, now() - startedAt);

  const address = checkUrl(delivery.url, { local, purpose: 'webhook', ownHosts });
  if (!address.ok) return unanswered('address', elapsed());

  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = delivery.signal ? AbortSignal.any([delivery.signal, timeout]) : timeout;
  let signed: object;
  try {
    const timestamp = Math.floor(startedAt / 1_000);
    signed = await webhookHeaders(delivery.secrets, { id: delivery.id, timestamp, body: delivery.body });
  } catch {
    // A secret or an id that cannot be used. The error's text stays here: the attempt is shown to the customer.
    return unanswered('signature', elapsed());
  }

  // Last before the request, so that as little time as can be lies between the check and the connection.
  const names = await checkNames(address.url, { resolver: delivery.resolver, local, fetcher, signal });
  if (names.kind === 'refused') return unanswered(names.error, elapsed());
  if (names.kind === 'unreachable') return unanswered(signal.aborted ? 'timeout' : 'resolver', elapsed());

  let response: Response;
  try {
    response = await abortable(fetcher(address.url.href, requestInit(delivery, signed, signal)), signal);
  } catch (cause) {
    return unanswered(errorOfException(cause, signal), elapsed());
  }

  const reading = AbortSignal.any([signal, AbortSignal.timeout(bodyTimeoutMs)]);
  const text = await readCapped(response.body, MAX_RESPONSE_BYTES, reading);
  const { ok, status, headers } = response;
  const error = errorOfStatus(status);
  const retryAfterMs = ok ? null : parseRetryAfter(headers.get('retry-after'), now());
  const wishes = wishesOf(headers);
  return {
    ok,
    statusCode: status,
    error,
    durationMs: elapsed(),
    response: text,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
    gone: status === 410,
    abort: wishes.abort && !ok,
    disable: wishes.disable,
    throttled: isThrottled(status, error),
  };
}
