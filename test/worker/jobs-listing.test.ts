import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { tick } from '../support/customer.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { cron } from '../support/time.ts';
import { until } from '../support/upstream.ts';
import { Gate, HOUR_MS, MINUTE_MS, recordLog, World } from './jobs-fixtures.ts';

const SHARD = (world: World) => `${world.customer.account}/weur/0`;
const directories = (env as unknown as Env).DIRECTORIES;
const directory = directories.get(directories.idFromName('directory/weur/0'));

/** The directory's row of a shard; undefined when it never heard of it. */
function listed(world: World): Promise<{ epoch: number; listed: number } | undefined> {
  return runInDurableObject(directory, (_, state) => {
    const tables = state.storage.sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'shards'").toArray();
    if (tables.length === 0) return undefined;
    return state.storage.sql
      .exec<{ epoch: number; listed: number }>(
        'SELECT epoch, listed FROM shards WHERE name = ?',
        SHARD(world),
      )
      .toArray()[0];
  });
}

const is = (method: string) => (hop: Hop) => hop.to === 'directory' && hop.method === method;

/** Lets a job end, and a day and more pass, without cron: the shard is quiet and still listed. */
async function quietForADay(world: World): Promise<void> {
  const job = await world.start({ status: ['running'] });
  await world.callBack(job.prompt, 'ok');
  await world.quiet();
  // Its float goes back first: that is open work too.
  await world.pass(25 * HOUR_MS);
  expect((await world.due()).map(({ kind }) => kind)).toEqual(['retain']);
}

describe('a shard', () => {
  it('is listed before the commit that opens work, and once', async () => {
    const world = await World.create();
    const hops = installHops();
    let jobsAtMark = -1;
    hops.fate = async (hop) => {
      if (is('mark')(hop)) {
        const tables = await world.sql("SELECT 1 FROM sqlite_schema WHERE name = 'jobs'");
        jobsAtMark = tables.length === 0 ? 0 : (await world.sql('SELECT id FROM jobs')).length;
      }
      return 'pass' as const;
    };
    for (let jobs = 0; jobs < 3; jobs++) await world.start({ status: ['running'] });
    expect(jobsAtMark).toBe(0);
    expect(hops.log.filter(is('mark'))).toHaveLength(1);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 1 });
  });

  it('that was only looked at is not listed, and has no table', async () => {
    const world = await World.create();
    const hops = installHops();
    const job = await (await world.another()).start({ status: ['running'] });
    expect((await world.customer.get(`/api/fal/status/${job.id}`)).status).toBe(404);
    expect(hops.log.filter((hop) => hop.name === SHARD(world))).toEqual([]);
    expect(await listed(world)).toBeUndefined();
  });

  it('that the directory does not answer takes no first submit, and leaves no job', async () => {
    const world = await World.create();
    const hops = installHops();
    hops.fate = (hop) => (is('mark')(hop) ? 'lost' : 'pass');
    const refused = await world.customer.submit();
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '2']);
    expect(await world.sql('SELECT id FROM jobs')).toEqual([]);
    expect(await world.credits()).toEqual({ available: 290, held: 0, captured: 0 });
    hops.fate = () => 'pass';
    expect((await world.customer.submit()).status).toBe(202);
  });

  it('that is listed needs the directory for nothing', async () => {
    const world = await World.create();
    await world.start({ status: ['running'] });
    const hops = installHops();
    hops.fate = (hop) => (hop.to === 'directory' ? 'lost' : 'pass');
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed' });
    expect(hops.log.filter((hop) => hop.to === 'directory')).toEqual([]);
  });

  it('of which only the answer to a mark is lost is listed, and does not stay so for ever', async () => {
    const world = await World.create();
    const hops = installHops();
    hops.fate = (hop) => (is('mark')(hop) ? 'answer_lost' : 'pass');
    expect((await world.customer.submit()).status).toBe(503);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 1 });
    // Nothing came of it, so the next tick takes it off again; and the next submit puts it back.
    hops.fate = () => 'pass';
    await cron();
    expect(await listed(world)).toMatchObject({ listed: 0 });
    expect((await world.customer.submit()).status).toBe(202);
    expect(await listed(world)).toEqual({ epoch: 2, listed: 1 });
  });

  it('stays listed for a day after its last work, then leaves, and comes back under a new epoch', async () => {
    const world = await World.create();
    await quietForADay(world);
    await world.pass(24 * HOUR_MS);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 1 });
    await world.pass(HOUR_MS);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 0 });
    const job = await world.start({ status: ['running'] });
    expect(await listed(world)).toEqual({ epoch: 2, listed: 1 });
    expect(await world.ended(job, 70, 10)).toMatchObject({ status: 'failed' });
  });

  it('with anything due does not leave: a job, a webhook, credits to settle', async () => {
    const world = await World.create();
    let status = 500;
    await world.receiver('https://receiver.example.org', () => new Response('so', { status }));
    const job = await world.start({ status: ['running'] }, { webhook_url: 'https://receiver.example.org/' });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    for (let hours = 0; hours < 48; hours += 8) await world.pass(8 * HOUR_MS);
    expect((await world.due()).map(({ kind }) => kind)).toContain('deliver');
    expect(await listed(world)).toEqual({ epoch: 1, listed: 1 });
    status = 200;
    await world.pass(24 * HOUR_MS);
    expect((await world.due()).map(({ kind }) => kind)).toEqual(['retain']);
    await world.pass(26 * HOUR_MS);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 0 });
  });

  it('whose leaving was not heard says it again', async () => {
    const world = await World.create();
    await quietForADay(world);
    const hops = installHops();
    hops.fate = (hop) => (is('unmark')(hop) ? 'lost' : 'pass');
    await world.pass(26 * HOUR_MS);
    expect(hops.log.filter(is('unmark')).length).toBeGreaterThan(0);
    expect(await listed(world)).toEqual({ epoch: 1, listed: 1 });
    hops.fate = () => 'pass';
    await world.pass(MINUTE_MS);
    expect(await listed(world)).toMatchObject({ listed: 0 });
    hops.clear();
    await world.pass(MINUTE_MS);
    expect(hops.log.filter((hop) => hop.name === SHARD(world))).toEqual([]);
  });

  it('that leaves while a submit comes in is listed in the end, in whichever order the two arrive', async () => {
    for (const late of ['unmark', 'mark'] as const) {
      const world = await World.create();
      await quietForADay(world);
      const hops = installHops();
      const gate = new Gate();
      hops.fate = async (hop) => {
        if (is(late)(hop)) await gate.hold();
        return 'pass' as const;
      };
      world.clock.advance(26 * HOUR_MS);
      const leaving = cron();
      if (late === 'unmark') await until(() => gate.waiting === 1);
      else await leaving;
      const submitted = world.customer.submit();
      if (late === 'mark') await until(() => gate.waiting === 1);
      else expect((await submitted).status).toBe(202);
      gate.open();
      await leaving;
      expect((await submitted).status).toBe(202);
      for (let ticks = 0; ticks < 10; ticks++) await tick();
      expect(await listed(world), late).toEqual({ epoch: 2, listed: 1 });
    }
  });
});

describe('the sweep', () => {
  it('says in one line what it did', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'] });
    await world.crash({ alarm: false });
    const log = recordLog();
    world.clock.advance(2 * MINUTE_MS);
    await cron();
    const lines = log.entries.filter((entry) => (entry as { event?: string }).event === 'sweep');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toEqual({
      event: 'sweep',
      regions: 9,
      regions_failed: 0,
      listed: expect.any(Number),
      ticked: expect.any(Number),
      failed: 0,
      left: 0,
      worked: expect.any(Number),
      due: 0,
      ms: expect.any(Number),
      failures: [],
    });
    const { listed: open, ticked, worked } = lines[0] as Record<string, number>;
    expect(ticked).toBe(open);
    expect(worked).toBeGreaterThanOrEqual(3);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed' });
  });

  it('is hurt by no shard and no directory that fails, and says which', async () => {
    const bad = await World.create();
    const good = await bad.another();
    const [stuck, moving] = [
      await bad.start({ status: ['completed'] }),
      await good.start({ status: ['completed'] }),
    ];
    const hops = installHops();
    hops.fate = (hop) =>
      (hop.method === 'tick' && hop.name === SHARD(bad)) || hop.name === 'directory/sam/0' ? 'lost' : 'pass';
    const log = recordLog();
    good.clock.advance(2 * MINUTE_MS);
    await cron();
    await good.quiet();
    const line = log.entries.find((entry) => (entry as { event?: string }).event === 'sweep');
    expect(line).toMatchObject({ regions: 8, regions_failed: 1, failed: 1 });
    expect(JSON.stringify(line)).toContain(SHARD(bad));
    expect(await good.state(moving)).toBe('completed');
    expect(await bad.state(stuck)).toBe('submitted');
    hops.fate = () => 'pass';
    await bad.pass(MINUTE_MS);
    expect(await bad.state(stuck)).toBe('completed');
  });
});
