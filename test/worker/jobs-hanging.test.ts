import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  COPY_OPEN_MS,
  MAX_OF_KIND,
  MAX_PER_HOST,
  MAX_RUNNING,
  MAX_UPSTREAM,
} from '../../src/worker/jobs/schedule.ts';
import { JobShard } from '../../src/worker/jobs/shard.ts';
import { tick } from '../support/customer.ts';
import { soakOr } from '../support/soak.ts';
import { type JobPlan, until } from '../support/upstream.ts';
import { Gate, MINUTE_MS, type StartedJob, World } from './jobs-fixtures.ts';

const HANGS = 'https://hangs.example.org';
const ANSWERS = 'https://answers.example.org';
const CREDITS = 29 * 1_000;

/** What hangs does so until the test lets it go: no request is given up meanwhile, however slow the machine is. */
beforeEach(() => {
  const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal);
  return () => spy.mockRestore();
});

/** Jobs that must move while others hang. */
const MOVING = soakOr(40, 12);

/** Starts jobs that move, sees them through by callbacks, and returns when all have ended and their events have come. */
async function seeThrough(world: World, count: number): Promise<void> {
  const events = await world.receiver(ANSWERS);
  const jobs = await Promise.all(
    Array.from({ length: count }, () =>
      world.startRaw({ status: ['running'] }, { webhook_url: `${ANSWERS}/` }),
    ),
  );
  await Promise.all(jobs.map(({ prompt }) => world.upstream.saw('submit', prompt)));
  for (const { prompt } of jobs) await world.callBack(prompt, 'ok');
  const ended = await Promise.all(jobs.map(({ id }) => world.customer.ended(id)));
  expect(ended.map(({ status }) => status)).toEqual(jobs.map(() => 'completed'));
  await until(() => events.length >= count);
  expect(new Set(events.map(({ id }) => id)).size).toBe(count);
}

/** Starts many jobs, one after the other, and waits until they are upstream. */
async function startMany(world: World, count: number, plan: JobPlan, fields = {}): Promise<StartedJob[]> {
  const jobs = await Promise.all(Array.from({ length: count }, () => world.startRaw(plan, fields)));
  await world.quiet();
  return jobs;
}

describe('while a customer’s receiver hangs, with a crowd of events for it', () => {
  it('its other jobs and events move, another customer is untouched, and two requests hang', async () => {
    const world = await World.create({ credits: CREDITS });
    const gate = new Gate();
    world.installed.receive(HANGS, async () => {
      await gate.hold();
      return new Response('at last');
    });
    const crowd = await startMany(
      world,
      soakOr(200, 40),
      { status: ['running'] },
      { webhook_url: `${HANGS}/` },
    );
    for (const { prompt } of crowd) await world.callBack(prompt, 'ok');
    await Promise.all(crowd.map(({ id }) => world.customer.ended(id)));
    await until(() => gate.waiting === MAX_PER_HOST);

    await seeThrough(world, MOVING);
    await seeThrough(await world.another({ credits: CREDITS }), MOVING);
    expect([gate.waiting, gate.peak, gate.passed]).toEqual([MAX_PER_HOST, MAX_PER_HOST, 0]);
    gate.open();
    await until(() => gate.passed >= crowd.length);
    await world.quiet();
    expect(gate.passed).toBe(crowd.length);
  });

  it('the alarm does not ring for what only waits for room', async () => {
    const alarms = vi.spyOn(JobShard.prototype, 'alarm');
    onTestFinished(() => alarms.mockRestore());
    const world = await World.create({ credits: CREDITS });
    const gate = new Gate();
    world.installed.receive(HANGS, async () => {
      await gate.hold();
      return new Response('at last');
    });
    const crowd = await startMany(world, 10, { status: ['running'] }, { webhook_url: `${HANGS}/` });
    for (const { prompt } of crowd) await world.callBack(prompt, 'ok');
    await until(() => gate.waiting === MAX_PER_HOST);
    alarms.mockClear();
    await world.ring();
    for (let ticks = 0; ticks < 200; ticks++) await tick();
    // One that the test rang itself.
    const shard = await world.inShard((object) => object);
    expect(alarms.mock.contexts.filter((object) => object === shard)).toHaveLength(1);
    gate.open();
    await world.quiet();
  });
});

describe('while the upstream hangs', () => {
  it.each<[string, number, JobPlan]>([
    ['at status calls', MAX_OF_KIND.poll, { status: ['hang'] }],
    ['at result calls', MAX_OF_KIND.result, { status: ['completed'], result: ['hang'] }],
  ])('%s, the customer’s other jobs move, and another customer is untouched', async (_, most, plan) => {
    const world = await World.create({ credits: CREDITS });
    const { upstream } = world;
    const crowd = await startMany(world, soakOr(100, 30), plan);
    const kind = plan.result ? 'result' : 'status';
    await world.ring(2 * MINUTE_MS);
    const hanging = () => crowd.filter(({ prompt }) => upstream.count(kind, prompt) > 0).length;
    await until(() => hanging() === most);
    await seeThrough(world, MOVING);
    await seeThrough(await world.another({ credits: CREDITS }), MOVING);
    expect(hanging()).toBe(most);
    // What is left is let go, so that it outlives no test.
    while ((await world.due()).some(({ due_at }) => due_at <= Date.now())) {
      upstream.release();
      await tick();
    }
  });

  it('at submits, jobs that are upstream end, and another customer is untouched', async () => {
    const world = await World.create({ credits: CREDITS });
    const { upstream } = world;
    const moving = await startMany(world, MOVING, { status: ['running'] });
    const crowd = await Promise.all(
      Array.from({ length: 30 }, () => world.startRaw({ submit: [{ accept: 'hang' }] })),
    );
    const hanging = () => crowd.filter(({ prompt }) => upstream.count('submit', prompt) > 0).length;
    await until(() => hanging() === MAX_OF_KIND.submit);
    for (const { prompt } of moving) await world.callBack(prompt, 'ok');
    for (const { id } of moving)
      expect(await world.customer.ended(id)).toMatchObject({ status: 'completed' });
    await seeThrough(await world.another({ credits: CREDITS }), MOVING);
    expect(hanging()).toBe(MAX_OF_KIND.submit);
    while ((await world.due()).some(({ due_at }) => due_at <= Date.now())) {
      upstream.release();
      await tick();
    }
  });
});

it('a file that does not begin within its time is given up for now, and lets others have its place', async () => {
  const world = await World.create();
  const setTimer = globalThis.setTimeout;
  const opening: (() => void)[] = [];
  const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms?: number) => {
    if (ms !== COPY_OPEN_MS) return setTimer(run, ms);
    return opening.push(run);
  }) as typeof setTimeout);
  onTestFinished(() => spy.mockRestore());
  const crowd = await startMany(world, 3, { status: ['running'], file: ['hang', 'mp4'] });
  for (const { prompt } of crowd) await world.callBack(prompt, 'ok');
  await until(() => opening.length === MAX_OF_KIND.copy);
  opening.shift()?.();
  opening.shift()?.();
  await until(() => opening.length === 1);
  expect(crowd.map(({ prompt }) => world.upstream.count('file', prompt))).toEqual([1, 1, 1]);
  opening.shift()?.();
  await world.quiet();
  for (const job of crowd) expect(await world.ended(job)).toMatchObject({ status: 'completed' });
  expect(await world.credits()).toEqual({ available: 203, held: 0, captured: 87 });
});

/** Requests of one shard that wait for an answer, by whom they go to, and the most there ever were. */
class Flights {
  readonly now = new Map<string, number>();
  readonly peak = new Map<string, number>();

  async during<T>(names: readonly string[], flight: () => Promise<T>): Promise<T> {
    for (const name of names) {
      const count = (this.now.get(name) ?? 0) + 1;
      this.now.set(name, count);
      this.peak.set(name, Math.max(count, this.peak.get(name) ?? 0));
    }
    try {
      // Long enough for others to come in between.
      for (let ticks = 0; ticks < 2; ticks++) await tick();
      return await flight();
    } finally {
      for (const name of names) this.now.set(name, (this.now.get(name) ?? 0) - 1);
    }
  }
}

it('with hundreds due, at most five requests wait at once, three of them upstream, two at a host', async () => {
  const world = await World.create({ credits: CREDITS });
  const { upstream } = world;
  const hosts = ['a', 'b', 'c'].map((name) => `https://${name}.example.org`);
  const count = soakOr(300, 48);
  const jobs = (
    await Promise.all(
      hosts.map((host) => startMany(world, count / 3, { status: ['running'] }, { webhook_url: `${host}/` })),
    )
  ).flat();

  const flights = new Flights();
  let up = false;
  for (const origin of [upstream.queueUrl, upstream.filesUrl]) {
    world.installed.receive(origin, (request) => {
      const kind = request.url.startsWith(upstream.filesUrl)
        ? 'copy'
        : request.url.endsWith('/status')
          ? 'poll'
          : 'result';
      return flights.during(['all', 'upstream', kind], () => upstream.handle(request));
    });
  }
  for (const host of hosts) {
    world.installed.receive(host, () =>
      flights.during(['all', 'deliver', host], async () => new Response('so', { status: up ? 200 : 503 })),
    );
  }
  // First the receivers are down, so that hundreds of events are due when hundreds of jobs are.
  for (const { prompt } of jobs) await world.callBack(prompt, 'ok');
  await world.quiet();
  expect(new Set(await Promise.all(jobs.map((job) => world.state(job))))).toEqual(new Set(['completed']));
  up = true;
  const more = await startMany(world, count, { status: ['completed'] });
  await world.ring(2 * MINUTE_MS);
  await world.quiet();
  expect(new Set(await Promise.all(more.map((job) => world.state(job))))).toEqual(new Set(['completed']));
  expect(await world.sql("SELECT id FROM deliveries WHERE status <> 'delivered'")).toEqual([]);

  const peak = Object.fromEntries(flights.peak);
  console.log({ jobs: count, peak });
  // As many as there may be, so the limits are used, and never one more.
  expect([peak.all, peak.upstream]).toEqual([MAX_RUNNING, MAX_UPSTREAM]);
  for (const host of hosts) expect(peak[host]).toBeLessThanOrEqual(MAX_PER_HOST);
  for (const kind of ['poll', 'result', 'copy', 'deliver'] as const) {
    expect(peak[kind]).toBeLessThanOrEqual(MAX_OF_KIND[kind]);
  }
}, 180_000);
