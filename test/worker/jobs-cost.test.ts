import { runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Hops, installHops } from '../support/hops.ts';
import { Endpoints } from './deliveries-fixtures.ts';
import { MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';

const RECEIVER = 'https://receiver.example.org';
/** How long upstream takes: a little less than usual, so its callback comes before the first poll. */
const RENDER_MS = 25 * SECOND_MS;
const JOBS = 20;

/** Rows that all objects write, as the platform bills them. */
class Rows {
  readonly #cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  #others = 0;

  /** Patches what all objects of this isolate share. */
  static async install(world: World): Promise<Rows> {
    const rows = new Rows();
    await world.inShard((_, { storage }) => {
      const patch = <T extends object>(
        target: T,
        method: keyof T & string,
        seen: (result: unknown) => void,
      ) => {
        const prototype = Object.getPrototypeOf(target) as Record<string, (...args: unknown[]) => unknown>;
        const original = prototype[method];
        if (!original) throw new TypeError(`no ${method} to count`);
        prototype[method] = function counted(this: unknown, ...args: unknown[]) {
          const result = original.apply(this, args);
          seen(result);
          return result;
        };
        onTestFinished(() => {
          prototype[method] = original;
        });
      };
      patch(storage.sql, 'exec', (cursor) => {
        rows.#cursors.push(cursor as SqlStorageCursor<Record<string, SqlStorageValue>>);
      });
      const one = () => {
        rows.#others++;
      };
      for (const method of ['put', 'delete'] as const) patch(storage.kv, method, one);
      for (const method of ['put', 'delete', 'setAlarm', 'deleteAlarm'] as const) patch(storage, method, one);
    });
    return rows;
  }

  get written(): number {
    return this.#cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, this.#others);
  }

  clear(): void {
    this.#cursors.length = 0;
    this.#others = 0;
  }
}

/** Lets the time pass and the shard's alarm ring whenever it is due. @returns how often it rang. */
async function passByAlarms(world: World, ms: number): Promise<number> {
  const until = Date.now() + ms;
  const armedFor = () => world.inShard((_, state) => state.storage.getAlarm());
  let rings = 0;
  for (let at = await armedFor(); at !== null && at <= until; at = await armedFor()) {
    world.clock.advance(Math.max(0, at - Date.now()));
    await runDurableObjectAlarm(world.stub());
    rings++;
    await world.quiet();
  }
  world.clock.advance(until - Date.now());
  return rings;
}

interface Cost {
  readonly requests: number;
  readonly rows: number;
  readonly alarms: number;
}

/** One job with one callback and one webhook, no client that polls, no cron; then nothing until the next one. */
async function oneJob(world: World, hops: Hops, pauseMs: number, fields: object): Promise<number> {
  const job = await world.start({ status: ['running'] }, { ...fields });
  let rings = await passByAlarms(world, RENDER_MS);
  await world.callBack(job.prompt, 'ok');
  await world.quiet();
  rings += await passByAlarms(world, pauseMs);
  expect(await world.state(job)).toBe('completed');
  expect(world.upstream.count('status', job.prompt)).toBe(0);
  expect(hops.log.some(({ method }) => method === 'tick' || method === 'status')).toBe(false);
  return rings;
}

/** @param listeners endpoints that hear of the end of a job; without any it has a `webhook_url` or, if null, nothing. */
async function measure(pauseMs: number, listeners: number | null = 0): Promise<Cost> {
  const world = await World.create({ credits: 29 * 1_000 });
  const events = await world.receiver(RECEIVER);
  const endpoints = await Endpoints.of(world);
  const made = [];
  for (let n = 0; n < (listeners ?? 0); n++) {
    made.push(await endpoints.make(undefined, { events: ['job.completed', 'job.failed'] }));
  }
  const fields = listeners === 0 ? { webhook_url: `${RECEIVER}/` } : {};
  const rows = await Rows.install(world);
  const hops = installHops();
  for (let warmUp = 0; warmUp < 2; warmUp++) await oneJob(world, hops, pauseMs, fields);
  rows.clear();
  hops.clear();
  let alarms = 0;
  for (let jobs = 0; jobs < JOBS; jobs++) alarms += await oneJob(world, hops, pauseMs, fields);
  const calls = hops.log.filter(({ to }) => to === 'shard' || to === 'account' || to === 'directory');
  expect(events).toHaveLength(listeners === 0 ? JOBS + 2 : 0);
  for (const { hits } of made) expect(hits).toHaveLength(JOBS + 2);
  return { requests: (calls.length + alarms) / JOBS, rows: rows.written / JOBS, alarms: alarms / JOBS };
}

describe('a job with one callback and one webhook costs at most 8 object requests and 30 rows', () => {
  it.each([
    ['one after the other', 0],
    ['every minute', 35 * SECOND_MS],
    ['every quarter of an hour, so that each is followed by a settlement', 15 * MINUTE_MS],
  ])('%s', async (what, pauseMs) => {
    const cost = await measure(pauseMs);
    console.log({ event: 'cost_of_a_job', what, ...cost });
    // A job that costs less than it can is one that was not counted.
    expect(cost.requests).toBeGreaterThanOrEqual(2);
    expect(cost.rows).toBeGreaterThan(10);
    expect(cost.requests).toBeLessThanOrEqual(8);
    expect(cost.rows).toBeLessThanOrEqual(30);
  });
});

describe('an event to three endpoints', () => {
  it('costs what docs/design.md says: seven rows for each of them, and no object request', async () => {
    const [none, three] = [await measure(0, null), await measure(0, 3)];
    const extra = { rows: three.rows - none.rows, requests: three.requests - none.requests };
    console.log({ event: 'cost_of_an_event', none, three, extra });
    expect(Math.round(extra.rows)).toBeGreaterThan(0);
    expect(Math.round(extra.rows)).toBeLessThanOrEqual(3 * 7);
    expect(extra.requests).toBeLessThanOrEqual(0.1);
  });
});
