import { describe, expect, it } from 'vitest';
import { post } from '../support/customer.ts';
import { until } from '../support/upstream.ts';
import { Gate, MINUTE_MS, type StartedJob, World } from './jobs-fixtures.ts';

const BEFORE = { available: 290, held: 0, captured: 0 };
const HELD = { available: 261, held: 29, captured: 0 };
const CHARGED = { available: 261, held: 0, captured: 29 };
const RECEIVER = 'https://receiver.example.org';
const WEBHOOK = { webhook_url: `${RECEIVER}/` };

async function setUp() {
  const world = await World.create();
  return { world, events: await world.receiver(RECEIVER) };
}

async function cancel(world: World, job: StartedJob) {
  const response = await post(`/api/jobs/${job.id}/cancel`, {}, { 'X-API-Key': world.customer.key });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('a cancel of a job', () => {
  it('that has not been sent ends it at once, and it never is sent', async () => {
    const { world, events } = await setUp();
    const job = await world.start({ submit: [{ status: 429 }, 'accept'] }, WEBHOOK);
    expect(await world.state(job)).toBe('queued');
    expect(await cancel(world, job)).toMatchObject({
      status: 200,
      body: {
        job_id: job.id,
        status: 'canceled',
        credits_charged: 0,
        cost_usd: 0,
        completed_at: expect.any(String),
      },
    });
    expect(await world.credits()).toEqual(BEFORE);
    await world.pass(10 * MINUTE_MS);
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
    expect(events.map(({ body }) => body.type)).toEqual(['job.canceled']);
  });

  it('that is being sent goes upstream as soon as the request is known', async () => {
    const { world, events } = await setUp();
    const job = await world.startRaw({ submit: [{ accept: 'hang' }], status: ['running'] }, WEBHOOK);
    await world.upstream.saw('submit', job.prompt);
    expect(await cancel(world, job)).toMatchObject({
      status: 202,
      body: { status: 'in_progress', credits_charged: 29 },
    });
    expect(await world.credits()).toEqual(HELD);
    world.upstream.release();
    await world.upstream.saw('cancel', job.prompt);
    world.upstream.plan(job.prompt, {});
    await world.quiet();
    expect(await world.ended(job, 5)).toMatchObject({ status: 'canceled', credits_charged: 0 });
    expect(await world.credits()).toEqual(BEFORE);
    expect(events.map(({ body }) => body.type)).toEqual(['job.canceled']);
  });

  it('that upstream then has no room for is not sent again', async () => {
    const { world, events } = await setUp();
    const gate = new Gate();
    const { upstream } = world;
    world.installed.receive(upstream.queueUrl, async () => {
      await gate.hold();
      return Response.json({ detail: 'busy' }, { status: 429 });
    });
    const job = await world.startRaw({}, WEBHOOK);
    await until(() => gate.waiting === 1);
    expect((await cancel(world, job)).status).toBe(202);
    gate.open();
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'canceled', credits_charged: 0 });
    await world.pass(10 * MINUTE_MS);
    expect(gate.passed).toBe(1);
    expect(events.map(({ body }) => body.type)).toEqual(['job.canceled']);
    expect(await world.credits()).toEqual(BEFORE);
  });

  it('that was being sent when the shard died ends it when nothing more is heard', async () => {
    const { world } = await setUp();
    const job = await world.startRaw({ submit: ['hang'] });
    await world.upstream.saw('submit', job.prompt);
    await world.crash();
    expect((await cancel(world, job)).status).toBe(202);
    expect(await world.ended(job, 20)).toMatchObject({ status: 'canceled', credits_charged: 0 });
    expect(world.upstream.accepted(job.prompt)).toBe(0);
    expect(await world.credits()).toEqual(BEFORE);
  });

  it('that upstream has is decided there', async () => {
    const { world, events } = await setUp();
    const job = await world.start({}, WEBHOOK);
    expect(await cancel(world, job)).toMatchObject({ status: 202, body: { status: 'in_progress' } });
    await world.quiet();
    expect(world.upstream.requestOf(job.prompt).state).toBe('canceled');
    expect(await world.credits()).toEqual(HELD);
    expect(await world.ended(job, 5)).toMatchObject({ status: 'canceled', credits_charged: 0, cost_usd: 0 });
    expect(await world.credits()).toEqual(BEFORE);
    expect(events.map(({ body }) => body.type)).toEqual(['job.canceled']);
    expect(await cancel(world, job)).toMatchObject({ status: 409, body: { code: 'job_ended' } });
  });

  it('asked for three times goes upstream once', async () => {
    const { world } = await setUp();
    const job = await world.start({ status: ['running'] });
    const answers = await Promise.all([cancel(world, job), cancel(world, job), cancel(world, job)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    await world.quiet();
    expect((await cancel(world, job)).status).toBe(202);
    await world.quiet();
    expect(world.upstream.count('cancel', job.prompt)).toBe(1);
  });

  it('that upstream completed first is charged, and its video is there', async () => {
    const { world, events } = await setUp();
    const job = await world.start({}, WEBHOOK);
    world.upstream.requestOf(job.prompt).state = 'completed';
    expect((await cancel(world, job)).status).toBe(202);
    await world.quiet();
    const status = await world.ended(job, 5);
    expect(status).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await world.credits()).toEqual(CHARGED);
    expect(events.map(({ body }) => body.type)).toEqual(['job.completed']);
  });

  it('that upstream goes on with all the same is charged when it completes', async () => {
    const { world } = await setUp();
    const job = await world.start({ cancel: ['ignored'], status: ['running'] });
    expect((await cancel(world, job)).status).toBe(202);
    await world.quiet();
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each([['lost'], [{ status: 500 }], ['garbage'], ['redirect']] as const)(
    'that upstream does not answer (%j) is asked again for as long as it could work',
    async (answer) => {
      const { world } = await setUp();
      const job = await world.start({ cancel: [answer], status: ['running'] });
      expect((await cancel(world, job)).status).toBe(202);
      for (let minutes = 0; minutes < 10; minutes++) await world.pass(MINUTE_MS);
      // A garbled 2xx is an answer: the status alone says that it was asked for.
      const asked = world.upstream.count('cancel', job.prompt);
      if (answer === 'garbage') expect(asked).toBe(1);
      else expect(asked).toBeGreaterThan(5);
      // Between two rounds of cancels a poll looks how the job is doing.
      if (answer !== 'garbage') expect(world.upstream.count('status', job.prompt)).toBeGreaterThan(0);
      // Backed off: ten minutes of it are no storm.
      expect(asked).toBeLessThan(20);
      expect(world.upstream.count('foreign')).toBe(0);
      expect(await world.state(job)).toBe('submitted');
      expect(await world.ended(job, 60, 10)).toMatchObject({ status: 'canceled', credits_charged: 0 });
      expect(await world.credits()).toEqual(BEFORE);
    },
  );

  it('whose video is being stored comes too late', async () => {
    const { world } = await setUp();
    const job = await world.start({ status: ['running'], file: ['hang', 'mp4'] });
    await world.callBack(job.prompt, 'ok');
    await world.upstream.saw('file', job.prompt);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'in_progress', phase: 'storing' });
    expect((await cancel(world, job)).status).toBe(202);
    expect((await cancel(world, job)).status).toBe(202);
    world.upstream.release();
    await world.quiet();
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.count('cancel', job.prompt)).toBe(0);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each(['ok', { error: 'content_policy_violation' }] as const)(
    'that has ended (%j) is a 409',
    async (end) => {
      const { world } = await setUp();
      const job = await world.start({ status: ['running'] });
      await world.callBack(job.prompt, end);
      await world.quiet();
      const [before, credits] = [await world.customer.status(job.id), await world.credits()];
      expect(await cancel(world, job)).toMatchObject({ status: 409, body: { code: 'job_ended' } });
      expect({ ...(await world.customer.status(job.id)), result: null }).toEqual({ ...before, result: null });
      expect(await world.credits()).toEqual(credits);
    },
  );

  it('of unknown outcome ends as canceled, and a success that comes first is charged', async () => {
    const { world } = await setUp();
    const lost = await world.start({ submit: [{ accept: 'lost' }] });
    const found = await world.start({ submit: [{ accept: 'lost' }] });
    for (const job of [lost, found]) expect((await cancel(world, job)).status).toBe(202);
    await world.callBack(found.prompt, 'ok');
    await world.quiet();
    expect(await world.customer.status(found.id)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await world.ended(lost, 20, 5)).toMatchObject({ status: 'canceled', credits_charged: 0 });
    expect(await world.credits()).toEqual(CHARGED);
  });

  it('of somebody else, or that never was, is a 404', async () => {
    const { world } = await setUp();
    const job = await world.start({ status: ['running'] });
    const other = await world.another();
    expect((await cancel(other, job)).status).toBe(404);
    expect(
      (await cancel(world, { ...job, id: `${job.id.slice(0, -1)}${job.id.endsWith('0') ? '1' : '0'}` }))
        .status,
    ).toBe(404);
    expect(await world.state(job)).toBe('submitted');
  });
});
