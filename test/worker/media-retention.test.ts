import { describe, expect, it } from 'vitest';
import {
  deleteResult,
  inputMaxAge,
  type SweepOutcome,
  sweepInputs,
} from '../../src/worker/media/retention.ts';
import { brokenBucket, bucket } from './media-fixtures.ts';

const HOUR_MS = 3_600_000;

async function fill(prefix: string, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, i) => bucket.put(`${prefix}${String(i).padStart(3, '0')}`, 'x')),
  );
}

const left = async (prefix: string) => (await bucket.list({ prefix })).objects.length;
const unique = () => `test-${crypto.randomUUID()}/`;

/** Steps until the sweep says that it is through. */
async function sweepAll(prefixes: string[], now: number, limit: number): Promise<SweepOutcome[]> {
  const steps: SweepOutcome[] = [];
  let cursor: string | undefined;
  do {
    const swept = prefixes.map((prefix) => ({ prefix, olderThanMs: HOUR_MS }));
    const step = await sweepInputs(bucket, { prefixes: swept, now, limit, cursor });
    steps.push(step);
    cursor = step.cursor;
  } while (cursor !== undefined && steps.length < 100);
  return steps;
}

describe('the sweep', () => {
  it('deletes what is past its age, page by page, over all prefixes', async () => {
    const [first, second, other] = [unique(), unique(), unique()];
    await Promise.all([fill(first, 7), fill(second, 4), fill(other, 2)]);
    const steps = await sweepAll([first, second], Date.now() + 2 * HOUR_MS, 3);
    expect(steps.map(({ seen, deleted }) => [seen, deleted])).toEqual([
      [3, 3],
      [3, 3],
      [1, 1],
      [3, 3],
      [1, 1],
    ]);
    expect([await left(first), await left(second), await left(other)]).toEqual([0, 0, 2]);
  });

  it('keeps what is younger', async () => {
    const prefix = unique();
    await fill(prefix, 5);
    const steps = await sweepAll([prefix], Date.now() + HOUR_MS - 60_000, 2);
    expect(steps.reduce((sum, { seen }) => sum + seen, 0)).toBe(5);
    expect(steps.every(({ deleted }) => deleted === 0)).toBe(true);
    expect(await left(prefix)).toBe(5);
  });

  it('of nothing is one step a prefix', async () => {
    expect(await sweepAll([unique(), unique()], Date.now(), 10)).toEqual([
      { seen: 0, deleted: 0, cursor: '1:' },
      { seen: 0, deleted: 0 },
    ]);
    expect(await sweepAll([], Date.now(), 10)).toEqual([{ seen: 0, deleted: 0 }]);
  });

  it('done again from the same cursor deletes nothing more', async () => {
    const prefix = unique();
    await fill(prefix, 4);
    const sweep = { prefixes: [{ prefix, olderThanMs: HOUR_MS }], now: Date.now() + 2 * HOUR_MS, limit: 2 };
    const { cursor } = await sweepInputs(bucket, sweep);
    expect(await sweepInputs(bucket, { ...sweep, cursor })).toMatchObject({ deleted: 2 });
    expect(await sweepInputs(bucket, { ...sweep, cursor })).toEqual({ seen: 0, deleted: 0 });
  });

  it('begins anew at a cursor that is not its own, and ends at one past its prefixes', async () => {
    const prefix = unique();
    await fill(prefix, 1);
    const sweep = { prefixes: [{ prefix, olderThanMs: HOUR_MS }], now: Date.now(), limit: 2 };
    expect(await sweepInputs(bucket, { ...sweep, cursor: 'nonsense' })).toEqual({ seen: 1, deleted: 0 });
    expect(await sweepInputs(bucket, { ...sweep, cursor: '7:' })).toEqual({ seen: 0, deleted: 0 });
  });

  it('fails with R2, and finds the same again', async () => {
    const prefix = unique();
    await fill(prefix, 2);
    const sweep = { prefixes: [{ prefix, olderThanMs: HOUR_MS }], now: Date.now() + 2 * HOUR_MS, limit: 10 };
    await expect(sweepInputs(brokenBucket('delete'), sweep)).rejects.toThrow();
    expect(await sweepInputs(bucket, sweep)).toEqual({ seen: 2, deleted: 2 });
  });
});

it('an input outlives the last job that can use it', () => {
  const age = inputMaxAge({ INPUT_RETENTION_HOURS: 48, JOB_DEADLINE_S: 3_600 });
  expect(age).toBeGreaterThan(49 * HOUR_MS);
  expect(age).toBeLessThanOrEqual(50 * HOUR_MS);
});

it('a result is deleted once, and again', async () => {
  const key = `${unique()}a.mp4`;
  await bucket.put(key, 'x');
  await deleteResult(bucket, key);
  await deleteResult(bucket, key);
  expect(await bucket.head(key)).toBeNull();
});
