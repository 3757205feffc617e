import { describe, expect, it } from 'vitest';
import {
  FIRST_PAUSE_MS,
  JITTER,
  MAX_ASKED_PAUSE_MS,
  MAX_PAUSE_MS,
  MAX_RETRY_AFTER_MS,
  nextAttempt,
  parseRetryAfter,
  RETRY_DELAYS_MS,
  slowDown,
} from '../../src/worker/webhooks/schedule.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 9, 1, 12, 0, 0);
/** The value of `random` that adds no jitter. */
const MIDDLE = 0.5;

/** The times of all tries of a receiver that always fails, in ms from the first. */
function timesOfTries(random: number, retryAfterMs?: number): number[] {
  const times: number[] = [];
  let now = NOW;
  for (let attempts = 0; ; attempts++) {
    const at = nextAttempt({
      attempts,
      now,
      random,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
    if (at === null) return times;
    times.push(at - NOW);
    now = at;
  }
}

describe('the schedule', () => {
  it('tries ten times, the last 75:35:05 after the first', () => {
    const seconds = timesOfTries(MIDDLE).map((ms) => ms / 1_000);
    expect(seconds).toEqual([0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105]);
    expect(seconds.at(-1)).toBe(75 * 3_600 + 35 * 60 + 5);
  });

  it('tries the first time at once, whatever the jitter', () => {
    for (const random of [0, 0.3, 0.999]) expect(nextAttempt({ attempts: 0, now: NOW, random })).toBe(NOW);
  });

  it.each(RETRY_DELAYS_MS.map((delay, attempts) => ({ attempts, delay })))(
    'spreads try $attempts by 20 % to both sides and no further',
    ({ attempts, delay }) => {
      const at = (random: number) => (nextAttempt({ attempts, now: NOW, random }) ?? Number.NaN) - NOW;
      expect(at(0)).toBe(Math.round(delay * (1 - JITTER)));
      expect(at(MIDDLE)).toBe(delay);
      expect(at(1 - Number.EPSILON)).toBeLessThanOrEqual(Math.round(delay * (1 + JITTER)));
      expect(at(0.25)).toBeGreaterThanOrEqual(at(0));
    },
  );

  it.each([10, 11, 1_000])('is exhausted after %i tries', (attempts) => {
    expect(nextAttempt({ attempts, now: NOW, random: MIDDLE })).toBeNull();
  });
});

describe('Retry-After', () => {
  const delayOf = (retryAfterMs: number | null, attempts = 1) =>
    (nextAttempt({ attempts, now: NOW, random: MIDDLE, retryAfterMs }) ?? Number.NaN) - NOW;

  it('makes a try later', () => expect(delayOf(90_000)).toBe(90_000));
  it('never makes a try earlier', () => expect(delayOf(60_000, 4)).toBe(2 * HOUR));
  it('is nothing when absent', () => expect(delayOf(null)).toBe(5_000));
  it('is nothing when negative', () => expect(delayOf(-1)).toBe(5_000));
  it('is obeyed up to six hours', () => expect(delayOf(7 * HOUR)).toBe(MAX_RETRY_AFTER_MS));
  it('leaves a longer delay of ours alone', () => expect(delayOf(30 * HOUR, 9)).toBe(24 * HOUR));
  it('does not prolong an exhausted schedule', () => {
    expect(nextAttempt({ attempts: 10, now: NOW, random: MIDDLE, retryAfterMs: 1 })).toBeNull();
  });
  it('on every answer, with the worst jitter, still lets the schedule end within five days', () => {
    expect(timesOfTries(0.999, Number.MAX_SAFE_INTEGER).at(-1)).toBeLessThan(5 * 24 * HOUR);
  });

  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['120.1', 120_100],
    ['0.0001', 1],
    ['007', 7_000],
    ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
    ['Thu, 01 Oct 2026 12:02:00 GMT', 120_000],
    ['Thursday, 01-Oct-26 12:02:00 GMT', 120_000],
    ['Thu Oct  1 12:02:00 2026', 120_000],
    ['Thu, 01 Oct 2026 11:59:59 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('reads %j as %d ms', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });

  it.each([
    null,
    '',
    ' ',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '1,5',
    '1.',
    '.5',
    '120 s',
    '120, 60',
    'soon',
    'Infinity',
    'NaN',
    '2026-10-01T12:02:00Z',
    'Thu, 32 Oct 2026 12:02:00 GMT',
    'Thu, 01 Oct 2026 12:02:00',
    'Thu, 01 Oct 2026 12:02:00 +0200',
    'Thu, 01 Foo 2026 12:02:00 GMT',
  ])('ignores %j', (header) => {
    expect(parseRetryAfter(header, NOW)).toBeNull();
  });
});

describe('an endpoint that has too much to do', () => {
  it('is left alone for 5 s, then twice as long each time, up to 10 min', () => {
    const pauses = Array.from({ length: 12 }, (_, step) => slowDown(step, MIDDLE) / 1_000);
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]);
    expect(slowDown(2_000, MIDDLE)).toBe(MAX_PAUSE_MS);
  });

  it('is left alone a fifth less or more by chance', () => {
    expect(slowDown(0, 0)).toBe(FIRST_PAUSE_MS * (1 - JITTER));
    expect(slowDown(0, 1 - Number.EPSILON)).toBeLessThanOrEqual(FIRST_PAUSE_MS * (1 + JITTER));
  });

  it.each([
    [0, null, 5_000],
    [0, 1_000, 5_000],
    [0, -1, 5_000],
    [0, 90_000, 90_000],
    [7, 90_000, MAX_PAUSE_MS],
    [7, 20 * 60_000, 20 * 60_000],
    [0, 2 * HOUR, MAX_ASKED_PAUSE_MS],
    [0, Number.MAX_SAFE_INTEGER, MAX_ASKED_PAUSE_MS],
  ])('at step %i that asks for %j ms is left alone for %i ms', (step, asked, expected) => {
    expect(slowDown(step, MIDDLE, asked)).toBe(expected);
  });
});
