/**
 * What a shard knows of an endpoint that does not answer as it should: since when it fails, how long it is left alone, and
 * what the account is to be told. Pure. An endpoint that is well has no such record.
 */

import type { DisabledReason, ReplicaEndpoint } from '../accounts/endpoints/contract.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptError } from './attempt-error.ts';
import { slowDown } from './schedule.ts';

/** That the endpoint is to be disabled, as this shard has seen. */
export interface Mark {
  readonly reason: Exclude<DisabledReason, 'manual'>;
  /** When it was seen; of `failing`, since when every try has failed. */
  readonly since: number;
  /** Whether the account has agreed. */
  readonly reported: boolean;
}

export interface Health {
  /** The endpoint's when this was seen. It grows whenever the endpoint is enabled, and then all of this is over. */
  readonly epoch: number;
  /** Since when every try has failed; null when the last one did not. */
  readonly failingSince: number | null;
  /** Nothing is sent before this, in ms. */
  readonly slowUntil: number;
  /** Throttled tries in a row; 0 when the endpoint keeps up. */
  readonly slowStep: number;
  readonly mark: Mark | null;
}

/** So long may an endpoint do nothing but fail, in ms: longer than the whole schedule of any one event. */
export const FAILING_MS = 120 * 3_600_000;

/** What failed by our own fault says nothing about the endpoint. */
const OURS: ReadonlySet<AttemptError> = new Set(['resolver', 'signature', 'event']);

/** Whether a try tells anything about its receiver. */
export function concernsReceiver({ error }: Pick<Attempt, 'error'>): boolean {
  return error === null || !OURS.has(error);
}

/** What is known still holds: the endpoint has not been enabled anew since. */
export function current(health: Health | null, { epoch }: Pick<ReplicaEndpoint, 'epoch'>): Health | null {
  return health?.epoch === epoch ? health : null;
}

/** Whether nothing is to be sent, by what the owner has set or by what this shard has seen. */
export function isDisabled(
  endpoint: Pick<ReplicaEndpoint, 'enabled' | 'epoch'>,
  health: Health | null,
): boolean {
  if (!endpoint.enabled) return true;
  const mark = current(health, endpoint)?.mark;
  // That it fails here is not enough: it may answer another shard, which only the account can tell.
  return mark != null && (mark.reason !== 'failing' || mark.reported);
}

/** What a try says about its endpoint. `now`: when it had ended, in ms; `random` in [0, 1). */
export interface Tried {
  readonly attempt: Attempt;
  readonly epoch: number;
  readonly startedAt: number;
  readonly now: number;
  readonly random: number;
}

/** The record after a try; null when there is nothing (more) to remember. */
export function afterTry(before: Health | null, tried: Tried): Health | null {
  const { attempt, epoch, startedAt, now } = tried;
  const known = current(before, tried);
  if (!concernsReceiver(attempt)) return before;
  const demanded = demandOf(attempt);
  const mark = demanded ? { reason: demanded, since: now, reported: false } : null;
  // What the receiver has demanded once stands, whatever it answered to tries that were under way.
  const standing = known?.mark && known.mark.reason !== 'failing' ? known.mark : mark;
  if (attempt.ok) {
    return standing && { epoch, failingSince: null, slowUntil: 0, slowStep: 0, mark: standing };
  }
  const failingSince = known?.failingSince ?? startedAt;
  const failed = { epoch, failingSince, ...pauseAfter(known, tried) };
  if (standing) return { ...failed, mark: standing };
  if (known?.mark) return { ...failed, mark: known.mark };
  const tooLong = now - failingSince >= FAILING_MS;
  return { ...failed, mark: tooLong ? { reason: 'failing', since: failingSince, reported: false } : null };
}

/** The record after the account's answer to the report of its mark; null when nothing is left to remember. */
export function afterReport(health: Health, answer: 'disabled' | 'kept', now: number): Health | null {
  const { mark } = health;
  if (mark === null) return health;
  if (answer === 'disabled') return { ...health, mark: { ...mark, reported: true } };
  // It has answered another shard: the days are counted anew. Or the report was of an older epoch.
  const failing = mark.reason === 'failing';
  return { ...health, mark: null, failingSince: failing ? now : health.failingSince };
}

/** What the receiver demands by its answer. */
function demandOf({ gone, disable }: Attempt): 'gone' | 'requested' | null {
  if (gone) return 'gone';
  return disable ? 'requested' : null;
}

function pauseAfter(known: Health | null, { attempt, now, random }: Tried) {
  const { slowUntil = 0, slowStep = 0 } = known ?? {};
  if (!attempt.throttled) return { slowUntil, slowStep };
  // Of tries that were under way together the first has made it slow, and the others say nothing new.
  if (slowUntil > now) {
    const asked = now + slowDown(0, random, attempt.retryAfterMs);
    return { slowUntil: Math.max(slowUntil, attempt.retryAfterMs === undefined ? 0 : asked), slowStep };
  }
  return { slowUntil: now + slowDown(slowStep, random, attempt.retryAfterMs), slowStep: slowStep + 1 };
}
