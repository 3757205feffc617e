/** Local crons: on the minute, never on top of each other, whatever a run does. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { requireEveryMinute, startCrons, untilNextMinute } from '../../src/cli/serve/cron.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-22T12:00:20Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  [0, 60_000],
  [1, 59_999],
  [59_999, 1],
  [60_000, 60_000],
])('at %i ms the next minute is %i ms away', (now, expected) => {
  expect(untilNextMinute(now)).toBe(expected);
});

test('runs at once and then on each full minute until stopped', async () => {
  const runs: string[] = [];
  const crons = startCrons(
    async (at) => runs.push(at.toISOString()),
    () => {},
  );
  await vi.advanceTimersByTimeAsync(100_000);
  expect(runs).toEqual(['2026-11-22T12:00:20.000Z', '2026-11-22T12:01:00.000Z', '2026-11-22T12:02:00.000Z']);
  await crons.stop();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(runs).toHaveLength(3);
});

test('a run that outlasts its minute is not overlapped', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const crons = startCrons(
    async () => {
      runs++;
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 90_000));
      running--;
    },
    () => {},
  );
  await vi.advanceTimersByTimeAsync(300_000);
  expect(most).toBe(1);
  expect(runs).toBe(3);
  const stopped = crons.stop();
  await vi.advanceTimersByTimeAsync(90_000);
  await stopped;
});

test('a run that fails is reported, and the next one comes', async () => {
  const failures: unknown[] = [];
  let runs = 0;
  const crons = startCrons(
    async () => {
      runs++;
      throw new Error(`run ${runs}`);
    },
    (thrown) => failures.push((thrown as Error).message),
  );
  await vi.advanceTimersByTimeAsync(40_000);
  expect(failures).toEqual(['run 1', 'run 2']);
  await crons.stop();
});

test('stop waits for the run under way and keeps its failure to itself', async () => {
  const failures: unknown[] = [];
  let fail = () => {};
  const crons = startCrons(
    () =>
      new Promise((_, reject) => {
        fail = () => reject(new Error('cut off'));
      }),
    (thrown) => failures.push(thrown),
  );
  let stopped = false;
  const stopping = crons.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toBe(false);
  fail();
  await stopping;
  expect(failures).toEqual([]);
});

test('a schedule that would not be kept is refused', () => {
  expect(() => requireEveryMinute(['* * * * *'])).not.toThrow();
  expect(() => requireEveryMinute(['* * * * *', '0 3 * * *'])).toThrow('The cron "0 3 * * *"');
});
