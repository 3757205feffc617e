import { describe, expect, it } from 'vitest';
import { call, type Json, tick, uniquePrompt } from '../support/customer.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { soakOr } from '../support/soak.ts';
import { until } from '../support/upstream.ts';
import { SECOND_MS, World } from './jobs-fixtures.ts';

const waits = (log: readonly Hop[]) => log.filter(({ method }) => method === 'wait').length;

async function bodies(answers: readonly Promise<Response>[]): Promise<{ status: number; body: Json }[]> {
  return Promise.all(
    answers.map(async (answer) => {
      const response = await answer;
      return { status: response.status, body: (await response.json()) as Json };
    }),
  );
}

/** Submits inline, and returns when upstream has the job and the wait has begun. */
async function inline(world: World, headers: Record<string, string> = {}) {
  const prompt = uniquePrompt();
  world.upstream.plan(prompt, { status: ['running'] });
  const answer = world.customer.submit({ prompt, response_mode: 'inline' }, headers);
  await world.upstream.saw('submit', prompt);
  await world.quiet();
  return { prompt, answer };
}

describe('those who wait for one job', () => {
  it('a thousand of them, are all answered when it ends, with one call each and nothing in between', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    const hops = installHops();
    const count = soakOr(1_000, 200);
    const answers = Array.from({ length: count }, () =>
      world.customer.get(`/api/fal/status/${job.id}?wait=60`),
    );
    await until(() => waits(hops.log) === count);
    for (let ticks = 0; ticks < 100; ticks++) await tick();
    // No polling: not of the shard, not of the account, not of upstream, however long they wait.
    expect(hops.log.filter((hop) => hop.to !== 'outside')).toHaveLength(count);
    expect(world.upstream.count('status', job.prompt)).toBe(0);
    const before = await world.due();
    for (let ticks = 0; ticks < 20; ticks++) await tick();
    expect(await world.due()).toEqual(before);

    await world.callBack(job.prompt, 'ok');
    const answered = await bodies(answers);
    expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answered.map(({ body }) => `${body.job_id} ${body.status}`))).toEqual(
      new Set([`${job.id} completed`]),
    );
    expect(waits(hops.log)).toBe(count);
    expect(hops.log.filter(({ method }) => method === 'status')).toHaveLength(0);
  });

  it('are answered in place when it has ended already, and after their time when it has not', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    const open = await world.customer.get(`/api/fal/status/${job.id}?wait=1`);
    expect([open.status, await open.json()]).toEqual([
      200,
      expect.objectContaining({ status: 'in_progress' }),
    ]);
    await world.callBack(job.prompt, { error: 'content_policy_violation' });
    await world.quiet();
    const ended = await world.customer.get(`/api/fal/status/${job.id}?wait=60`);
    expect([ended.status, await ended.json()]).toEqual([200, expect.objectContaining({ status: 'failed' })]);
  });

  it.each(['canceled', 'failed at its deadline'])('hear also that it was %s', async (end) => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    const hops = installHops();
    const answer = world.customer.get(`/api/fal/status/${job.id}?wait=60`);
    await until(() => waits(hops.log) === 1);
    if (end === 'canceled') {
      await world.customer.get(`/api/jobs/${job.id}/cancel`, { method: 'POST' });
      world.upstream.plan(job.prompt, {});
      await world.quiet();
      await world.pass(5 * SECOND_MS);
    } else await world.pass(3_600 * SECOND_MS);
    expect((await bodies([answer]))[0]).toMatchObject({ status: 200, body: { status: end.split(' ')[0] } });
  });

  it('wait on when the shard dies, and are answered when the job ends', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    const hops = installHops();
    const count = 20;
    const answers = Array.from({ length: count }, () =>
      world.customer.get(`/api/fal/status/${job.id}?wait=60`),
    );
    await until(() => waits(hops.log) === count);
    await world.crash();
    await until(() => waits(hops.log) === 2 * count);
    await world.crash();
    await until(() => waits(hops.log) === 3 * count);
    await world.callBack(job.prompt, 'ok');
    const answered = await bodies(answers);
    expect(answered.map(({ status, body }) => `${status} ${body.status}`)).toEqual(
      Array.from({ length: count }, () => '200 completed'),
    );
  });
});

describe('an inline submit', () => {
  it('is answered with the video when the job ends', async () => {
    const world = await World.create();
    const { prompt, answer } = await inline(world);
    await world.callBack(prompt, 'ok');
    expect((await bodies([answer]))[0]).toMatchObject({
      status: 200,
      body: {
        job_id: expect.any(String),
        result: { video: { content_type: 'video/mp4' } },
        credits_charged: 29,
      },
    });
  });

  it('is a 500 with the job’s id when the job fails, and costs nothing', async () => {
    const world = await World.create();
    const { prompt, answer } = await inline(world);
    await world.callBack(prompt, { error: 'content_policy_violation' });
    expect((await bodies([answer]))[0]).toMatchObject({
      status: 500,
      body: { code: 'generation_failed', job_id: expect.any(String) },
    });
    expect(await world.credits()).toEqual({ available: 290, held: 0, captured: 0 });
  });

  it('is a 202 when the job outlasts the wait, and the job goes on', async () => {
    const world = await World.create();
    const { prompt, answer } = await inline(world, { Prefer: 'wait=1' });
    const [{ status, body }] = (await bodies([answer])) as [{ status: number; body: Json }];
    expect([status, body.status]).toEqual([202, 'in_progress']);
    await world.callBack(prompt, 'ok');
    expect(await world.customer.ended(body.job_id)).toMatchObject({ status: 'completed' });
  });

  it('is answered with the video when the shard dies meanwhile', async () => {
    const world = await World.create();
    const hops = installHops();
    const { prompt, answer } = await inline(world);
    await until(() => waits(hops.log) === 1);
    await world.crash();
    await until(() => waits(hops.log) === 2);
    await world.callBack(prompt, 'ok');
    expect((await bodies([answer]))[0]).toMatchObject({ status: 200, body: { credits_charged: 29 } });
    expect(world.upstream.count('submit', prompt)).toBe(1);
  });

  it('is a 202 when no wait can be attached any more', async () => {
    const world = await World.create();
    const hops = installHops();
    hops.fate = (hop) => {
      if (hop.method !== 'wait') return 'pass';
      world.clock.advance(60 * SECOND_MS);
      return 'lost';
    };
    const { prompt, answer } = await inline(world);
    const [{ status, body }] = (await bodies([answer])) as [{ status: number; body: Json }];
    expect([status, body.status]).toEqual([202, 'in_progress']);
    // The default wait of 240 s, and not one call more than it takes.
    expect(waits(hops.log)).toBe(4);
    await world.callBack(prompt, 'ok');
    expect(await world.customer.ended(body.job_id)).toMatchObject({ status: 'completed' });
  });

  it('never is a 500 when the shard cannot be reached any more, and tells the job’s id', async () => {
    const world = await World.create();
    const hops = installHops();
    hops.fate = (hop) => {
      if (hop.method !== 'wait' && hop.method !== 'status') return 'pass';
      world.clock.advance(60 * SECOND_MS);
      return 'lost';
    };
    const { prompt, answer } = await inline(world);
    const [{ status, body }] = (await bodies([answer])) as [{ status: number; body: Json }];
    expect([202, 503]).toContain(status);
    hops.fate = () => 'pass';
    await world.callBack(prompt, 'ok');
    expect(await world.customer.ended(body.job_id)).toMatchObject({ status: 'completed' });
  });

  it('whose client hangs up goes on', async () => {
    const world = await World.create();
    const hops = installHops();
    const prompt = uniquePrompt();
    world.upstream.plan(prompt, { status: ['running'] });
    const client = new AbortController();
    const answer = call('/api/ltx-2.3-image-to-video', {
      method: 'POST',
      signal: client.signal,
      headers: {
        'Content-Type': 'application/json',
        'X-API-Key': world.customer.key,
        'X-Firstframe-Region': 'weur',
      },
      body: JSON.stringify({ prompt, image_url: 'https://images.example.org/start.png' }),
    });
    await until(() => waits(hops.log) === 1);
    await world.upstream.saw('submit', prompt);
    client.abort();
    await expect(answer).rejects.toThrow();
    await world.callBack(prompt, 'ok');
    await world.quiet();
    expect(await world.sql('SELECT state FROM jobs')).toEqual([{ state: 'completed' }]);
    expect(await world.credits()).toEqual({ available: 261, held: 0, captured: 29 });
  });
});
