import { describe, expect, it } from 'vitest';
import { EVENT_SCHEMAS } from '../../src/worker/webhooks/event.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { Endpoints, status } from './deliveries-fixtures.ts';
import { HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

describe('the events of a job', () => {
  it('come to each endpoint that subscribes, in their order, each under its own id', async () => {
    const { world, endpoints } = await create();
    const all = await endpoints.make();
    const ends = await endpoints.make(undefined, { events: ['job.completed', 'job.failed'] });
    const others = await endpoints.make(undefined, { events: ['upload.completed'] });
    const job = await world.start({ status: ['running'] });
    const submittedAt = Date.now();
    world.clock.advance(MINUTE_MS);
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect(all.hits.map(({ id, body }) => [id, body.type])).toEqual([
      [eventIdOf(job.id, 'c'), 'job.created'],
      [eventIdOf(job.id, 's'), 'job.started'],
      [eventIdOf(job.id, 'z'), 'job.completed'],
    ]);
    expect(ends.hits.map(({ id }) => id)).toEqual([eventIdOf(job.id, 'z')]);
    expect(others.hits).toEqual([]);
    for (const { body } of all.hits) {
      expect(EVENT_SCHEMAS[body.type as 'job.created'].parse(body)).toEqual(body);
    }
    const [created, started] = all.hits.map(({ body }) => body);
    expect(created).toMatchObject({
      data: { job_id: job.id, status: 'in_progress', phase: 'queued', credits_charged: 29 },
    });
    expect(started).toMatchObject({
      timestamp: new Date(submittedAt).toISOString(),
      data: { job_id: job.id, status: 'in_progress', phase: 'rendering', credits_charged: 29 },
    });
  });

  it('say on every try what they said on the first, although the job has moved on', async () => {
    const { world, endpoints } = await create();
    const slow = await endpoints.make((_, nth) => new Response('', { status: nth <= 6 ? 500 : 200 }));
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await endpoints.run(2 * HOUR_MS);
    expect(await world.state(job)).toBe('completed');
    for (const moment of ['c', 's', 'z'] as const) {
      const texts = slow.hits.filter(({ id }) => id === eventIdOf(job.id, moment)).map(({ text }) => text);
      expect(texts.length).toBeGreaterThan(1);
      expect(new Set(texts).size).toBe(1);
    }
  });

  it('go to the job’s own address as it asks, beside the endpoints', async () => {
    const { world, endpoints } = await create();
    const own = await world.receiver('https://own.example.org');
    const all = await endpoints.make();
    const { prompt, id } = await endpoints.submit({
      webhookUrl: 'https://own.example.org/',
      webhookEvents: ['job.created'],
    });
    await world.quiet();
    await world.callBack(prompt, 'ok');
    await world.quiet();
    expect(all.hits).toHaveLength(3);
    expect(own.map(({ id }) => id)).toEqual([eventIdOf(id, 'c')]);
  });

  it('are not written at all when nobody listens', async () => {
    const { world, endpoints } = await create();
    await endpoints.make(status(200), { events: ['upload.completed'] });
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect(await endpoints.deliveries()).toEqual([]);
  });
});
