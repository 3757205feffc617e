import { describe, expect, it } from 'vitest';
import {
  ALARM_LEASE_MS,
  backoff,
  COPY_CLAIM_MS,
  COPY_RENEW_MS,
  claimMs,
  DUE_KINDS,
  firstPoll,
  isUpstream,
  MAX_OF_KIND,
  MAX_PER_HOST,
  MAX_RUNNING,
  MAX_UPSTREAM,
  nextPoll,
  TIMEOUT_MS,
} from '../../src/worker/jobs/schedule.ts';

const T = 1_000_000;
const MINUTE_MS = 60_000;

describe('the first poll comes', () => {
  it.each([
    ['a quarter after the usual time', 30_000, 37_500],
    ['never right after the submit', 100, 3_000],
    ['never right after the submit, whatever the model says', 0, 3_000],
    ['never later than two minutes', 600_000, 120_000],
    ['rounded to milliseconds', 10_001, 12_501],
  ])('%s', (_, usualMs, after) => expect(firstPoll(T, usualMs)).toBe(T + after));
});

describe('the next poll comes', () => {
  it.each([
    ['at least three seconds later', 1_000, 3_000],
    ['a quarter of the time waited later', 40_000, 10_000],
    ['at most a minute later', 3_000_000, MINUTE_MS],
  ])('%s', (_, waited, after) => expect(nextPoll({ submittedAt: T }, T + waited)).toBe(T + waited + after));

  it('also for a job that does not know when it was sent', () =>
    expect(nextPoll({ submittedAt: null }, T)).toBe(T + 3_000));

  it.each([
    ['a short job', 30_000, 40_000, 3],
    ['a job of ten minutes', 60_000, 600_000, 14],
    ['a job of an hour', 60_000, 3_600_000, 66],
  ])('seldom enough that %s costs a handful', (_, usualMs, lasts, most) => {
    let polls = 0;
    for (let at = firstPoll(T, usualMs); at < T + lasts; at = nextPoll({ submittedAt: T }, at)) polls++;
    expect(polls).toBeLessThanOrEqual(most);
    expect(polls).toBeGreaterThan(0);
  });
});

describe('a retry waits', () => {
  it('twice as long each time, up to a minute', () =>
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((attempts) => backoff({ attempts, random: 0.5 }))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]));

  it.each([
    ['a fifth less', 0, 3_200],
    ['a fifth more', 1 - Number.EPSILON, 4_800],
  ])('%s or anything between', (_, random, ms) => expect(backoff({ attempts: 3, random })).toBe(ms));

  it.each([
    ['as long as it is asked to', 9_000, 9_000],
    ['no less than its own time when it is asked for less', 10, 1_000],
    ['no longer than five minutes', 86_400_000, 300_000],
    ['its own time when it is asked for nothing', undefined, 1_000],
  ])('%s', (_, retryAfterMs, ms) =>
    expect(
      backoff({ attempts: 1, random: 0.5, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
    ).toBe(ms),
  );
});

describe('the figures agree with each other', () => {
  it.each(DUE_KINDS)('a claim on %s outlives its work', (kind) => {
    // A copy takes longer than its claim, and renews it more than twice before it runs out.
    if (kind === 'copy') expect(2 * COPY_RENEW_MS).toBeLessThan(claimMs(kind));
    else expect(claimMs(kind)).toBeGreaterThanOrEqual(TIMEOUT_MS[kind] + 10_000);
    expect(COPY_CLAIM_MS).toBe(claimMs('copy'));
  });

  it('no kind, and not the upstream, takes all that may run', () => {
    for (const kind of DUE_KINDS) expect(MAX_OF_KIND[kind]).toBeLessThan(MAX_RUNNING);
    for (const kind of DUE_KINDS.filter(isUpstream)) expect(MAX_OF_KIND[kind]).toBeLessThan(MAX_UPSTREAM);
    expect(MAX_UPSTREAM).toBeLessThan(MAX_RUNNING);
    expect(MAX_PER_HOST).toBeLessThan(MAX_OF_KIND.deliver);
    // The platform lets an invocation wait for six.
    expect(MAX_RUNNING).toBeLessThan(6);
  });

  it('the upstream is asked by a job’s own steps, and by nothing else', () =>
    expect(DUE_KINDS.filter((kind) => !isUpstream(kind))).toEqual([
      'deliver',
      'recover',
      'report',
      'settle',
      'retain',
      'start',
      'tidy',
    ]));

  it('the alarm behind running work rings before cron would', () =>
    expect(ALARM_LEASE_MS).toBeLessThanOrEqual(MINUTE_MS));
});
