import { describe, expect, it } from 'vitest';
import { tick } from '../support/customer.ts';
import { cron } from '../support/time.ts';
import type { JobPlan } from '../support/upstream.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';

const RECEIVER = 'https://receiver.example.org';

/** The shard has neither alarm nor memory: nobody but cron knows that it has work. */
async function forget(world: World): Promise<void> {
  await world.crash({ alarm: false });
  expect(await world.inShard((_, state) => state.storage.getAlarm())).toBeNull();
}

/** Waits long enough for anything that still goes by itself. */
async function nothingMoves(world: World): Promise<void> {
  const before = [world.upstream.calls.length, JSON.stringify(await world.due())];
  for (let ticks = 0; ticks < 30; ticks++) await tick();
  expect([world.upstream.calls.length, JSON.stringify(await world.due())]).toEqual(before);
}

describe('without alarm and memory, and with cron alone,', () => {
  it.each<[string, JobPlan]>([
    ['that waits for a better moment to be sent', { submit: [{ status: 429 }, 'accept'] }],
    ['that is being rendered', { status: ['running', 'running', 'completed'] }],
    ['whose result was not there yet', { status: ['completed'], result: [{ status: 502 }, 'video'] }],
    ['whose file was cut off', { status: ['completed'], file: ['cut_off', 'mp4'] }],
  ])('a job %s completes', async (_, plan) => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    const job = await world.start(plan, { webhook_url: `${RECEIVER}/` });
    let runs = 0;
    for (; (await world.state(job)) !== 'completed' || events.length === 0; runs++) {
      if (runs > 20) throw new Error(`stuck as ${await world.state(job)}`);
      await forget(world);
      world.clock.advance(MINUTE_MS);
      await nothingMoves(world);
      await cron();
      await world.quiet();
    }
    expect(runs).toBeGreaterThan(0);
    expect(await world.credits()).toEqual({ available: 261, held: 0, captured: 29 });
    expect(events.map(({ body }) => body.type)).toEqual(['job.completed']);
  });

  it('a submit that was taken but not sent goes out', async () => {
    const world = await World.create();
    const job = await world.startRaw({ submit: ['hang'] });
    // It dies before the request has left: as if the intent had never been written.
    await world.upstream.saw('submit', job.prompt);
    await world.crash({ alarm: false });
    await world.sql("UPDATE jobs SET state = 'queued' WHERE id = ?", [job.id]);
    world.upstream.plan(job.prompt, { status: ['completed'] });
    await world.pass(MINUTE_MS);
    expect(await world.state(job)).toBe('submitted');
    expect(await world.ended(job)).toMatchObject({ status: 'completed' });
  });

  it('a webhook that is due is delivered', async () => {
    const world = await World.create();
    let status = 503;
    const events = await world.receiver(RECEIVER, () => new Response('so', { status }));
    const job = await world.start({ status: ['running'] }, { webhook_url: `${RECEIVER}/` });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    await forget(world);
    status = 200;
    world.clock.advance(7 * SECOND_MS);
    await nothingMoves(world);
    expect(events).toHaveLength(1);
    await cron();
    // The cron does not wait for slow receivers.
    await world.quiet();
    expect(events).toHaveLength(2);
  });

  it('a job is canceled upstream and fails at its deadline', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    await forget(world);
    await world.pass(HOUR_MS);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'failed' });
    expect(world.upstream.count('cancel', job.prompt)).toBe(1);
    expect(await world.credits()).toEqual({ available: 290, held: 0, captured: 0 });
  });

  it('idle credits go back, and what is kept for a day', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    await forget(world);
    await world.pass(DAY_MS + HOUR_MS);
    const book = await world.book();
    expect(book.received).toBe((book.returned ?? 0) + (book.captured ?? 0));
  });
});

it('a run arms the alarm that was lost', async () => {
  const world = await World.create();
  await world.start({ status: ['running'] });
  const alarm = () => world.inShard((_, state) => state.storage.getAlarm());
  const before = await alarm();
  expect(before).not.toBeNull();
  // Only the platform has lost it: the shard's memory is whole, and believes in it.
  await world.inShard((_, state) => state.storage.deleteAlarm());
  await cron();
  expect(await alarm()).toBeGreaterThan(Date.now());
  expect(await alarm()).toBeLessThanOrEqual((await world.due())[0]?.due_at ?? 0);
});

it('two runs at once do no work twice', async () => {
  const world = await World.create();
  const jobs = [];
  for (let i = 0; i < 4; i++) jobs.push(await world.start({ status: ['completed'] }));
  await world.crash({ alarm: false });
  world.clock.advance(2 * MINUTE_MS);
  await Promise.all([cron(), cron(), cron()]);
  await world.quiet();
  for (const job of jobs) {
    expect(await world.state(job)).toBe('completed');
    for (const kind of ['status', 'result', 'file'] as const)
      expect(world.upstream.count(kind, job.prompt)).toBe(1);
  }
});
