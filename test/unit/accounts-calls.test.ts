import { describe, expect, test } from 'vitest';
import { pushDelay } from '../../src/worker/accounts/schedule.ts';
import { CallTimeout, callTwice, fewAtOnce, within } from '../../src/worker/calls.ts';

/** Longer than any test takes, in ms. */
const LONG = 60_000;

describe('a call', () => {
  test('is tried once more when it breaks', async () => {
    let tries = 0;
    const answer = await callTwice(LONG, async () => {
      if (++tries === 1) throw new Error('reset');
      return tries;
    });
    expect(answer).toBe(2);
  });

  test('is not tried a third time', async () => {
    let tries = 0;
    const call = async () => {
      tries++;
      throw new Error('reset');
    };
    await expect(callTwice(LONG, call)).rejects.toThrow('reset');
    expect(tries).toBe(2);
  });

  test.each([
    ['an overloaded object', () => Promise.reject(Object.assign(new Error(), { overloaded: true })), 1],
    ['an object that does not answer', () => new Promise<never>(() => undefined), 1],
  ])('is not repeated to %s', async (_, call, expected) => {
    let tries = 0;
    await expect(
      callTwice(1, () => {
        tries++;
        return call();
      }),
    ).rejects.toThrow();
    expect(tries).toBe(expected);
  });

  test('that comes too late is a time-out, and its failure after that is nobody’s', async () => {
    let fail: (error: Error) => void = () => undefined;
    const call = within(1, () => new Promise<void>((_, reject) => (fail = reject)));
    await expect(call).rejects.toBeInstanceOf(CallTimeout);
    fail(new Error('late'));
  });
});

test('work is done by a few at a time, in order, and answered in order', async () => {
  const started: number[] = [];
  let running = 0;
  let most = 0;
  const results = await fewAtOnce([1, 2, 3, 4, 5, 6, 7], async (item) => {
    started.push(item);
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return item * 2;
  });
  expect(results).toEqual([2, 4, 6, 8, 10, 12, 14]);
  expect(started).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(5);
  expect(await fewAtOnce([], async () => 1)).toEqual([]);
});

test('pushes wait longer each time, up to a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 1_000].map(pushDelay)).toEqual([
    2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
  ]);
});
