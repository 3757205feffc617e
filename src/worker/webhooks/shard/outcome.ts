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
  if (attempt.error === 'resolver') {
    // No fault of the receiver: it does not use up the schedule, and the next event still waits behind this one.
    return { delivery: base, next: now + resolverPause(attempts) };
  }
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
  let room = MAX_ANSWERS_LENGTH;
  return [...delivery.attempts, entry]
    .slice(-MAX_ATTEMPTS)
    .toReversed()
    .map((one) => {
      if (one.response === null) return one;
      room -= one.response.length;
      return room < 0 ? { ...one, response: '' } : one;
    })
    .toReversed();
}

function resolverPause(attempts: readonly LoggedAttempt[]): number {
  const others = attempts.findLastIndex(({ error }) => error !== 'resolver');
  const inARow = attempts.length - 1 - others;
  return Math.min(RESOLVER_PAUSE_MS * 2 ** Math.min(inARow - 1, 16), MAX_RESOLVER_PAUSE_MS);
}
