import { describe, expect, it } from 'vitest';
import { call } from '../support/customer.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { cron } from '../support/time.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, type StartedJob, TINY_PNG, World } from './jobs-fixtures.ts';

/** `RESULT_RETENTION_DAYS` of wrangler.toml. */
const RETENTION_MS = 30 * DAY_MS;

const IMAGE = { image_url: TINY_PNG };

/** A completed job that brought an image of its own, and its webhook. */
async function completed(world: World, fields: Record<string, unknown> = {}) {
  const job = await world.start({ status: ['running'] }, { ...IMAGE, ...fields });
  await world.callBack(job.prompt, 'ok');
  await world.quiet();
  return job;
}

const status = async (world: World, id: string) => (await world.customer.get(`/api/fal/status/${id}`)).status;

describe('after its retention a job', () => {
  it('is 410; its files and its data are gone, and what it cost stays', async () => {
    const world = await World.create();
    await world.receiver('https://receiver.example.org');
    const job = await completed(world, { webhook_url: 'https://receiver.example.org/' });
    const link = new URL((await world.customer.status(job.id)).result.video.url).pathname;
    expect(await world.files(job.id)).toEqual([
      `out/${world.customer.account}/${job.id}.mp4`,
      `in/${world.customer.account}/${job.id}/start`,
    ]);
    await world.pass(RETENTION_MS - MINUTE_MS);
    expect(await status(world, job.id)).toBe(200);
    expect(await world.files(job.id)).toContain(`out/${world.customer.account}/${job.id}.mp4`);

    await world.pass(2 * MINUTE_MS);
    const gone = await world.customer.get(`/api/fal/status/${job.id}`);
    expect([gone.status, await gone.json()]).toEqual([410, expect.objectContaining({ code: 'job_expired' })]);
    expect((await world.customer.get(`/api/jobs/${job.id}/cancel`, { method: 'POST' })).status).toBe(410);
    expect(await world.files(job.id)).toEqual([]);
    expect([403, 404, 410]).toContain((await call(link)).status);
    expect(await world.sql('SELECT * FROM jobs')).toEqual([
      {
        id: job.id,
        state: 'completed',
        credits: 29,
        cost: 288_000,
        created_at: expect.any(Number),
        ended_at: expect.any(Number),
        expired_at: expect.any(Number),
        request: null,
        progress: null,
      },
    ]);
    expect(await world.sql('SELECT id FROM deliveries')).toEqual([]);
    expect(await world.credits()).toEqual({ available: 261, held: 0, captured: 29 });
  });

  it('keeps its Idempotency-Key, which is 410 too', async () => {
    const world = await World.create();
    const prompt = `once ${crypto.randomUUID()}`;
    world.upstream.plan(prompt, { status: ['completed'] });
    const submit = () => world.customer.submit({ prompt }, { 'Idempotency-Key': 'order-7' });
    const { job_id: id } = (await (await submit()).json()) as { job_id: string };
    await world.ended({ id, prompt });
    expect((await submit()).status).toBe(200);
    await world.pass(RETENTION_MS);
    const gone = await submit();
    expect([gone.status, await gone.json()]).toEqual([
      410,
      expect.objectContaining({ code: 'idempotency_key_expired' }),
    ]);
    expect(world.upstream.count('submit', prompt)).toBe(1);
  });

  it('that failed after its file was stored leaves no file either', async () => {
    const world = await World.create();
    const job = await world.startRaw({ status: ['running'] }, IMAGE);
    const hops = installHops();
    // The shard dies between the file's arrival and the end of the job, and is not heard of until the deadline.
    hops.fate = (hop) => (hop.to === 'bucket' && hop.method === 'put' ? 'crash_after' : 'pass');
    await world.quiet();
    await world.callBack(job.prompt, 'ok');
    await expect.poll(() => world.files(job.id)).toHaveLength(2);
    hops.fate = () => 'pass';
    await world.pass(2 * HOUR_MS);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'failed', credits_charged: 0 });
    await world.pass(RETENTION_MS);
    expect(await status(world, job.id)).toBe(410);
    expect(await world.files(job.id)).toEqual([]);
  });
});

it('retention goes by age, a batch at a time, and leaves what is younger', async () => {
  const world = await World.create({ credits: 29 * 30 });
  // Every tenth minute a cron sweeps old files, too, inputs among them: not in this test, whose steps are whole days.
  world.clock.advance((15 - (Math.floor(Date.now() / MINUTE_MS) % 10)) * MINUTE_MS);
  const old: string[] = [];
  for (let i = 0; i < 23; i++)
    old.push((await completed(world, i % 10 === 0 ? {} : { image_url: 'https://x.example.org/a.png' })).id);
  world.clock.advance(10 * DAY_MS);
  const young = await completed(world);
  world.clock.advance(RETENTION_MS - 5 * DAY_MS);
  await cron();
  await world.quiet();
  expect(await Promise.all(old.map((id) => status(world, id)))).toEqual(old.map(() => 410));
  expect(await status(world, young.id)).toBe(200);
  expect(await world.files(young.id)).toHaveLength(2);
  expect((await world.planned('retain'))?.due_at).toBeGreaterThan(Date.now() + 4 * DAY_MS);
  await world.pass(5 * DAY_MS);
  expect(await status(world, young.id)).toBe(410);
  expect(await world.credits()).toEqual({ available: 29 * 6, held: 0, captured: 29 * 24 });
});

describe('a retention that is cut short is taken up again:', () => {
  it.each([
    ['R2 does not answer', 'lost'],
    ['the answer of R2 is lost', 'answer_lost'],
    ['the shard dies before a file is deleted', 'crash'],
    ['the shard dies after a file was deleted', 'crash_after'],
  ] as const)('%s', async (_, fate) => {
    const world = await World.create();
    const jobs: StartedJob[] = [];
    for (let i = 0; i < 3; i++) {
      jobs.push(await completed(world));
      world.clock.advance(MINUTE_MS);
    }
    const hops = installHops();
    let deletes = 0;
    // Results only: inputs are deleted by the sweep of old files as well.
    const isResult = (hop: Hop) =>
      hop.method === 'delete' && hop.name.startsWith(`out/${world.customer.account}/`);
    hops.fate = (hop) => (isResult(hop) && ++deletes === 2 ? fate : 'pass');
    world.clock.advance(RETENTION_MS);
    await cron();
    expect(deletes).toBe(2);
    // Between the files and the row: nobody may see what is half gone.
    for (const { id } of jobs.slice(0, 2)) expect(await status(world, id)).toBe(410);
    hops.fate = () => 'pass';
    for (let minutes = 0; minutes < 3; minutes++) await world.pass(MINUTE_MS);
    for (const { id } of jobs) {
      expect(await status(world, id)).toBe(410);
      expect(await world.files(id)).toEqual([]);
    }
    const rows = await world.sql<{ request: string | null }>('SELECT request FROM jobs');
    expect(rows.map(({ request }) => request)).toEqual([null, null, null]);
    expect(await world.credits()).toEqual({ available: 203, held: 0, captured: 87 });
  });
});

it('retention of a shard that has long left the list comes by cron alone', async () => {
  const world = await World.create();
  const job = await completed(world);
  // A quiet day and some: its credits go home, and it leaves the list.
  for (let hours = 0; hours < 52; hours += 4) await world.pass(4 * HOUR_MS);
  await world.crash({ alarm: false });
  world.clock.advance(RETENTION_MS);
  await cron();
  await world.quiet();
  expect(await status(world, job.id)).toBe(410);
  expect(await world.files(job.id)).toEqual([]);
});
