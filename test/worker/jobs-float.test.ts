import { describe, expect, it } from 'vitest';
import { floatOf, type ShardBook } from '../../src/worker/accounts/float.ts';
import type { Fate } from '../support/hops.ts';
import { installHops } from '../support/hops.ts';
import { cron } from '../support/time.ts';
import { DAY_MS, MINUTE_MS, type StartedJob, World } from './jobs-fixtures.ts';

const PRICE = 29;
/** Ten jobs of the last price stay for a day, so that an occasional submit from far away asks nobody. */
const RESERVE = 10 * PRICE;
const GRANTED = 10_000;

async function book(world: World): Promise<ShardBook & { returned_seen: number }> {
  return (await world.book()) as unknown as ShardBook & { returned_seen: number };
}

/** What the customer has at any moment, whatever is on its way. */
async function expectConserved(world: World, captured: number, held = 0): Promise<void> {
  expect(await world.credits()).toEqual({ available: GRANTED - captured - held, held, captured });
}

/** A shard that was busy: it has leased more than its reserve. */
async function busyShard(): Promise<{ world: World; captured: number }> {
  const world = await World.create({ credits: GRANTED });
  const jobs: StartedJob[] = [];
  do jobs.push(await world.start({ status: ['running'] }));
  while (floatOf(await book(world)) < RESERVE + 3 * PRICE && jobs.length < 60);
  for (const { prompt } of jobs) await world.callBack(prompt, 'ok');
  await world.quiet();
  expect(floatOf(await book(world))).toBeGreaterThan(RESERVE + PRICE);
  return { world, captured: jobs.length * PRICE };
}

describe('credits that a shard does not use', () => {
  it('stay for ten minutes, then go back but for a reserve, and all of them after a day', async () => {
    const { world, captured } = await busyShard();
    const before = floatOf(await book(world));
    await world.pass(10 * MINUTE_MS - 1);
    expect(floatOf(await book(world))).toBe(before);
    await world.pass(1);
    expect(floatOf(await book(world))).toBe(RESERVE);
    await expectConserved(world, captured);
    await world.pass(DAY_MS - 11 * MINUTE_MS);
    expect(floatOf(await book(world))).toBe(RESERVE);
    await world.pass(2 * MINUTE_MS);
    const last = await book(world);
    expect([floatOf(last), last.returned_seen]).toEqual([0, last.returned]);
    expect((await world.due()).map(({ kind }) => kind)).toEqual(['retain']);
    await expectConserved(world, captured);
  });

  it('are not idle while jobs come', async () => {
    const { world, captured } = await busyShard();
    for (let i = 0; i < 3; i++) {
      await world.pass(9 * MINUTE_MS);
      const job = await world.start({ status: ['running'] });
      await world.callBack(job.prompt, 'ok');
      await world.quiet();
    }
    expect((await book(world)).returned).toBe(0);
    await expectConserved(world, captured + 3 * PRICE);
  });

  it('never include what an open job holds', async () => {
    const { world, captured } = await busyShard();
    const job = await world.start({ submit: [{ accept: 'lost' }] });
    await world.pass(11 * MINUTE_MS);
    expect(await book(world)).toMatchObject({ held: PRICE });
    await expectConserved(world, captured, PRICE);
    expect(await world.ended(job)).toMatchObject({ status: 'failed' });
    await expectConserved(world, captured);
    await world.pass(DAY_MS + MINUTE_MS);
    expect(floatOf(await book(world))).toBe(0);
    await expectConserved(world, captured);
  });

  it.each<[string, Fate]>([
    ['the message is lost', 'lost'],
    ['its answer is lost', 'answer_lost'],
    ['everything dies before it arrives', 'crash'],
    ['everything dies after it arrived', 'crash_after'],
  ])('are neither lost nor made when they go back and %s, again and again', async (_, fate) => {
    const { world, captured } = await busyShard();
    const hops = installHops();
    let settles = 0;
    hops.fate = ({ method }) => (method === 'settle' && ++settles <= 5 ? fate : 'pass');
    for (let minutes = 0; minutes < 20; minutes++) {
      // No `quiet` here: a claim that died with its process is due and claimed, and nobody is at it.
      world.clock.advance(MINUTE_MS);
      await cron();
      await expectConserved(world, captured);
    }
    expect(settles).toBeGreaterThan(5);
    const settled = await book(world);
    expect([floatOf(settled), settled.returned_seen]).toEqual([RESERVE, settled.returned]);
    expect((await world.planned('settle'))?.due_at).toBeGreaterThan(Date.now() + 20 * 60 * MINUTE_MS);
  });

  it('are there for another region at once, also when their return was not heard', async () => {
    const { world, captured } = await busyShard();
    const hops = installHops();
    hops.fate = ({ method }) => (method === 'settle' ? 'lost' : 'pass');
    await world.pass(11 * MINUTE_MS);
    const left = Math.floor((GRANTED - captured) / PRICE);
    const answers = [];
    for (let i = 0; i < left; i += 40) {
      const batch = Array.from({ length: Math.min(40, left - i) }, () =>
        world.customer.submit({}, { 'X-Firstframe-Region': 'oc' }),
      );
      answers.push(...(await Promise.all(batch)));
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect((await world.customer.submit()).status).toBe(402);
    await expectConserved(world, captured, left * PRICE);
  });
});
