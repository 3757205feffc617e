/** What becomes of a delivery by a try. Pure. */

import type { Attempt } from '../attempt.ts';
import type { DeliveryReason, DeliveryStatus } from '../contract.ts';
import { readDeliveryId } from '../ids.ts';
import { nextAttempt } from '../schedule.ts';
import type { LoggedAttempt } from './records.ts';
import type { StoredDelivery } from './store.ts';

/** A try that has ended. */
export interface Tried {
  readonly delivery: StoredDelivery;
  readonly attempt: Attempt;
  /** An example: tried once. */
  readonly test: boolean;
  /** When it began, in ms. */
  readonly startedAt: number;
  /** When it had ended, in ms. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}

/** The delivery after it, and when it is tried next: null for never. */
export interface Outcome {
  readonly delivery: StoredDelivery;
  readonly next: number | null;
}

/** So many tries are kept of each delivery, the latest: five resends of a whole schedule. */
export const MAX_ATTEMPTS = 50;
/** And so many characters of answers with them. A row may have 2 MB, and a character at most six bytes in JSON. */
export const MAX_ANSWERS_LENGTH = 200_000;

/** When our resolver is asked again, in ms: it is mostly back within seconds. Doubles with each try in a row. */
const RESOLVER_PAUSE_MS = 5_000;
const MAX_RESOLVER_PAUSE_MS = 300_000;
/** A schedule whose first try is so long ago ends when the resolver cannot be asked, in ms: as long as any may last. */
export const RESOLVER_PATIENCE_MS = 120 * 3_600_000;
/** Of tries in a row without a resolver so many are logged, the first among them: they must not drive out all others. */
const MAX_RESOLVER_LOG = 10;

/** The delivery after a try. */
export function afterTry(tried: Tried): Outcome {
  const { delivery, attempt, test, now, random } = tried;
  const attempts = logged(tried);
  const base = { ...delivery, attempts, manual: false };
  const ended = (status: DeliveryStatus, reason: DeliveryReason | null): Outcome => ({
    delivery: { ...base, tries: delivery.tries + 1, status, reason },
    next: null,
  });
  if (attempt.ok) return ended('delivered', null);
  if (attempt.error === 'event') return ended('failed', 'event');
  if (attempt.gone) return ended('failed', 'gone');
  if (attempt.abort) return ended('failed', 'aborted');
  // An endpoint that wants nothing more is disabled, and its events are kept; another address has no owner to ask.
  if (attempt.disable) {
    return readDeliveryId(delivery.id)?.endpointId === null ? ended('failed', 'gone') : ended('held', null);
  }
  if (test) return ended('failed', 'exhausted');
  if (attempt.error === 'resolver' && now - beganAt(attempts) < RESOLVER_PATIENCE_MS) {
    // No fault of the receiver: it does not use up the schedule, and the next event still waits behind this one.
    return { delivery: base, next: now + resolverPause(attempts) };
  }
  if (attempt.error === 'resolver') return ended('failed', 'exhausted');
  const next = nextAttempt({
    attempts: delivery.tries + 1,
    now,
    random,
    retryAfterMs: attempt.retryAfterMs ?? null,
  });
  if (next === null) return ended('failed', 'exhausted');
  return { delivery: { ...base, tries: delivery.tries + 1 }, next };
}

/** The log with this try. Of too many the oldest go, and the oldest answers where they are too long together. */
function logged({ delivery, attempt, startedAt }: Tried): LoggedAttempt[] {
  const { statusCode, durationMs, error, response } = attempt;
  const entry = {
    at: startedAt,
    status_code: statusCode,
    duration_ms: durationMs,
    error,
    response,
    manual: delivery.manual,
  };
  const before = [...delivery.attempts];
  if (error === 'resolver' && !entry.manual && resolverRun(before) === MAX_RESOLVER_LOG) before.pop();
  let room = MAX_ANSWERS_LENGTH;
  return [...before, entry]
    .slice(-MAX_ATTEMPTS)
    .toReversed()
    .map((one) => {
      if (one.response === null) return one;
      room -= one.response.length;
      return room < 0 ? { ...one, response: '' } : one;
    })
    .toReversed();
}

/** When the running schedule had its first try, in ms: the last one that was asked for, or the first of all. */
function beganAt(attempts: readonly LoggedAttempt[]): number {
  return (attempts.findLast(({ manual }) => manual) ?? attempts[0])?.at ?? 0;
}

/** How many tries at the end of the log had no resolver, as far back as one that was asked for. */
function resolverRun(attempts: readonly LoggedAttempt[]): number {
  const other = attempts.findLastIndex(({ error }) => error !== 'resolver');
  const asked = attempts.findLastIndex(({ manual }) => manual);
  return attempts.length - Math.max(other + 1, asked);
}

function resolverPause(attempts: readonly LoggedAttempt[]): number {
  const pause = RESOLVER_PAUSE_MS * 2 ** (resolverRun(attempts) - 1);
  return Math.min(pause, MAX_RESOLVER_PAUSE_MS);
}
