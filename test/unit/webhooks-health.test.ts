import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/worker/webhooks/attempt.ts';
import {
  afterReport,
  afterTry,
  FAILING_MS,
  type Health,
  isDisabled,
} from '../../src/worker/webhooks/health.ts';

const T = 1_800_000_000_000;
const OK: Attempt = {
  ok: true,
  statusCode: 200,
  error: null,
  durationMs: 40,
  response: '',
  gone: false,
  abort: false,
  disable: false,
  throttled: false,
};
const FAILED: Attempt = { ...OK, ok: false, statusCode: 500 };
const THROTTLED: Attempt = { ...FAILED, statusCode: 429, throttled: true };
const GONE: Attempt = { ...FAILED, statusCode: 410, gone: true };
const FAILING: Health = { epoch: 1, failingSince: T, slowUntil: 0, slowStep: 0, mark: null };

/** The record after tries that each end a second after the one before, all of epoch 1. */
function healthAfter(attempts: readonly Attempt[], start: Health | null = null, from = T): Health | null {
  return attempts.reduce<Health | null>((health, attempt, n) => {
    const now = from + n * 1_000;
    return afterTry(health, { attempt, epoch: 1, startedAt: now, now, random: 0.5 });
  }, start);
}

describe('the record of an endpoint', () => {
  it('is none while it is well, and goes with its first success', () => {
    expect(healthAfter([OK, OK])).toBeNull();
    expect(healthAfter([FAILED, FAILED])).toEqual(FAILING);
    expect(healthAfter([FAILED, THROTTLED, OK])).toBeNull();
  });

  it.each(['resolver', 'signature', 'event'] as const)('is not touched by our own fault: %s', (error) => {
    expect(healthAfter([{ ...FAILED, statusCode: null, error }])).toBeNull();
    expect(healthAfter([FAILED, { ...FAILED, statusCode: null, error }])).toEqual(FAILING);
  });

  it('has a pause that doubles with each throttled try after the one before is over', () => {
    const pauses: number[] = [];
    let health: Health | null = null;
    for (let n = 0, now = T; n < 10; n++, now = health?.slowUntil ?? now) {
      health = afterTry(health, { attempt: THROTTLED, epoch: 1, startedAt: now, now, random: 0.5 });
      pauses.push(((health?.slowUntil ?? 0) - now) / 1_000);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  });

  it('has one pause for tries that were under way together, the longest that was asked for', () => {
    expect(healthAfter([THROTTLED, THROTTLED])).toMatchObject({ slowUntil: T + 5_000, slowStep: 1 });
    expect(healthAfter([THROTTLED, { ...THROTTLED, retryAfterMs: 60_000 }])).toMatchObject({
      slowUntil: T + 61_000,
      slowStep: 1,
    });
    expect(healthAfter([THROTTLED, FAILED])).toMatchObject({ slowUntil: T + 5_000, slowStep: 1 });
  });

  it('has a mark when the receiver demands it, which no late success takes away', () => {
    const mark = { reason: 'gone', since: T, reported: false };
    expect(healthAfter([GONE])).toMatchObject({ mark });
    expect(healthAfter([GONE, OK, FAILED, { ...FAILED, disable: true }])).toMatchObject({ mark });
    expect(healthAfter([{ ...OK, disable: true }])).toMatchObject({
      failingSince: null,
      mark: { reason: 'requested', since: T, reported: false },
    });
  });

  it('has a mark after five days of nothing but failures, which a success takes away', () => {
    expect(healthAfter([FAILED], FAILING, T + FAILING_MS - 1)?.mark).toBeNull();
    const marked = healthAfter([FAILED], FAILING, T + FAILING_MS);
    expect(marked?.mark).toEqual({ reason: 'failing', since: T, reported: false });
    expect(healthAfter([FAILED], marked, T + FAILING_MS + 9)?.mark).toEqual(marked?.mark);
    expect(healthAfter([GONE], marked, T + FAILING_MS + 9)?.mark?.reason).toBe('gone');
    expect(healthAfter([OK], marked, T + FAILING_MS + 9)).toBeNull();
  });

  it('is begun anew when the endpoint has been enabled since', () => {
    const old = healthAfter([GONE], { ...FAILING, slowStep: 4, slowUntil: T + 9 });
    const fresh = afterTry(old, { attempt: FAILED, epoch: 2, startedAt: T + 7, now: T + 8, random: 0 });
    expect(fresh).toEqual({ epoch: 2, failingSince: T + 7, slowUntil: 0, slowStep: 0, mark: null });
  });
});

describe('the account’s answer to a report', () => {
  const marked = (reason: 'gone' | 'failing'): Health => ({
    ...FAILING,
    mark: { reason, since: T, reported: false },
  });

  it('that it is disabled is remembered until the replica says so', () => {
    expect(afterReport(marked('failing'), 'disabled', T)?.mark?.reported).toBe(true);
  });

  it('that it is kept takes the mark away, and the days are counted anew', () => {
    expect(afterReport(marked('failing'), 'kept', T + 5)).toEqual({ ...FAILING, failingSince: T + 5 });
    expect(afterReport(marked('gone'), 'kept', T + 5)).toEqual(FAILING);
  });
});

describe('an endpoint is disabled', () => {
  const endpoint = { enabled: true, epoch: 1 };
  const withMark = (reason: 'gone' | 'requested' | 'failing', reported = false): Health => ({
    ...FAILING,
    mark: { reason, since: T, reported },
  });

  it.each<[string, boolean, Health | null]>([
    ['well', false, null],
    ['failing', false, FAILING],
    ['gone', true, withMark('gone')],
    ['requested', true, withMark('requested')],
    ['failing for long, before the account has agreed', false, withMark('failing')],
    ['failing for long', true, withMark('failing', true)],
    ['gone before it was enabled', false, { ...withMark('gone'), epoch: 0 }],
  ])('%s: %s', (_, expected, health) => {
    expect(isDisabled(endpoint, health)).toBe(expected);
    expect(isDisabled({ ...endpoint, enabled: false }, health)).toBe(true);
  });
});
