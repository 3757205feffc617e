/**
 * When a delivery is tried again, and how long an endpoint that has too much to do is left alone. Pure.
 *
 * The delays are those of the Standard Webhooks example: the tenth and last try comes 75:35:05 after the first, a little
 * over three days, give or take the jitter.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Before each try, counted from the try before it, in ms. Sums up to 0, 5 s, 5:05, 35:05, … 75:35:05. */
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
  24 * HOUR_MS,
];

/** Each delay is spread by this share to both sides, so that events that failed together do not come back together. */
export const JITTER = 0.2;

/**
 * The longest that a receiver's `Retry-After` is obeyed beyond our own delay. With it on every answer the schedule
 * still ends within five days, which bounds how long a delivery's row can stay open.
 */
export const MAX_RETRY_AFTER_MS = 6 * HOUR_MS;

/** `delay` spread by {@link JITTER}; `random` is in [0, 1). */
function jittered(delay: number, random: number): number {
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random));
}

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
  const own = jittered(delay, random);
  const wished = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return now + Math.max(own, wished);
}

/** How long an endpoint is left alone after its first throttled try, in ms; each further one in a row doubles it. */
export const FIRST_PAUSE_MS = 5 * SECOND_MS;
/** The longest pause of ours: when the endpoint is well again, its events wait no longer than this for it to be seen. */
export const MAX_PAUSE_MS = 10 * MINUTE_MS;
/** The longest pause that a `Retry-After` can ask for. It holds back every event of the endpoint, so it is obeyed less far than for one event. */
export const MAX_ASKED_PAUSE_MS = HOUR_MS;

/**
 * How long to send nothing to an endpoint that has too much to do, in ms from now. `step` counts the throttled tries in a
 * row before this one, `random` is in [0, 1). The receiver's wish can only make it longer.
 */
export function slowDown(step: number, random: number, retryAfterMs: number | null = null): number {
  const own = jittered(Math.min(FIRST_PAUSE_MS * 2 ** step, MAX_PAUSE_MS), random);
  return Math.max(own, Math.min(retryAfterMs ?? 0, MAX_ASKED_PAUSE_MS));
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
