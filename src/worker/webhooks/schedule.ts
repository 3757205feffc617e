/**
 * When a delivery is tried again. Pure.
 *
 * The delays are those of the Standard Webhooks example but for the last one, which is 20 h instead of 24 h, so that
 * the tenth and last try comes 71:35:05 after the first: three days, give or take the jitter.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Before each try, counted from the try before it, in ms. Sums up to 0, 5 s, 5:05, 35:05, … 71:35:05. */
export const RETRY_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  20 * HOUR_MS,
];

/** Each delay is spread by this share to both sides, so that events that failed together do not come back together. */
export const JITTER = 0.2;

/**
 * The longest that a receiver's `Retry-After` is obeyed beyond our own delay. With it on every answer the schedule
 * still ends within five days, which bounds how long a delivery's row can stay open.
 */
export const MAX_RETRY_AFTER_MS = 6 * HOUR_MS;

/** What decides about the next try. */
export interface RetryState {
  /** Tries made so far; 0 asks for the first. */
  readonly attempts: number;
  /** Now, in ms. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
  /** What the receiver asked for in its last answer, in ms. */
  readonly retryAfterMs?: number | null;
}

/**
 * When to try next, in ms, or null when the schedule is exhausted. The receiver's wish can only make it later than our
 * own delay: a receiver must not be able to make us hammer it, or anybody.
 */
export function nextAttempt({ attempts, now, random, retryAfterMs }: RetryState): number | null {
  const delay = RETRY_DELAYS_MS[attempts];
  if (delay === undefined) return null;
  const own = Math.round(delay * (1 - JITTER + 2 * JITTER * random));
  const wished = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return now + Math.max(own, wished);
}

/** Dates of HTTP (RFC 9110 §5.6.7): the preferred form, and the two obsolete ones that readers must still know. */
const IMF_OR_RFC850_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;
const DELAY_SECONDS = /^\d+(\.\d+)?$/;

/**
 * `Retry-After` in ms from `now`: seconds, also with a fraction, which some servers send, or an HTTP date. Null when
 * it is absent or none of these; 0 for a date that has passed.
 */
export function parseRetryAfter(header: string | null, now: number): number | null {
  const text = header?.trim() ?? '';
  if (DELAY_SECONDS.test(text)) {
    return Math.min(Math.ceil(Number(text) * SECOND_MS), Number.MAX_SAFE_INTEGER);
  }
  let at = Number.NaN;
  if (IMF_OR_RFC850_DATE.test(text)) at = Date.parse(text.replaceAll('-', ' '));
  else if (ASCTIME_DATE.test(text)) at = Date.parse(`${text} GMT`);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
