/** What came of one try of a delivery. Pure. */

import type { AttemptError } from './attempt-error.ts';

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
  /** A failure that said `webhook-delivery: abort-message`: this event is not to be sent again. */
  readonly abort: boolean;
  /** An answer, be it a 2xx, that said `webhook-delivery: disable`: nothing more is to be sent to this address. */
  readonly disable: boolean;
  /** The receiver has too much to do, or seems to: it is to be sent less for a while. */
  readonly throttled: boolean;
}

/** Too many requests, and what stands before a receiver that cannot keep up (Standard Webhooks). */
const THROTTLED: ReadonlySet<number> = new Set([429, 502, 504]);

/** Whether such an outcome asks for fewer requests: 429, 502, 504, and every time-out. */
export function isThrottled(statusCode: number | null, error: AttemptError | null): boolean {
  return error === 'timeout' || (statusCode !== null && THROTTLED.has(statusCode));
}

/** A try that no answer came of; `durationMs` is 0 when nothing was even begun. */
export function unanswered(error: AttemptError, durationMs = 0): Attempt {
  return {
    ok: false,
    statusCode: null,
    error,
    durationMs,
    response: null,
    gone: false,
    abort: false,
    disable: false,
    throttled: isThrottled(null, error),
  };
}

/** The header of an answer by which a receiver says what is to become of the event, or of its address. */
const WISH_HEADER = 'webhook-delivery';

/** What the receiver wishes beyond its status; other words mean nothing to us. */
export function wishesOf(headers: Pick<Headers, 'get'>): {
  readonly abort: boolean;
  readonly disable: boolean;
} {
  const words = (headers.get(WISH_HEADER) ?? '').split(',').map((word) => word.trim().toLowerCase());
  return { abort: words.includes('abort-message'), disable: words.includes('disable') };
}
