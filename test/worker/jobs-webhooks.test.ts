import { describe, expect, it } from 'vitest';
import type { Replica } from '../../src/worker/accounts/contract.ts';
import { deliveryIdOf, eventIdOf, OWN_RECEIVER } from '../../src/worker/webhooks/ids.ts';
import { RETRY_DELAYS_MS } from '../../src/worker/webhooks/schedule.ts';
import { call, type Json } from '../support/customer.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, recordLog, SECOND_MS, World } from './jobs-fixtures.ts';

const RECEIVER = 'https://receiver.example.org';
const URL_ = `${RECEIVER}/hooks?tenant=7`;

/** Ids of the event of a job's end, and of its delivery to the job's own address. */
function namesOf(jobId: string) {
  return { eventId: eventIdOf(jobId, 'z'), deliveryId: deliveryIdOf(jobId, 'z', OWN_RECEIVER) };
}

/** Ends a job, and returns when its event has been sent or has failed to be. */
async function endedJob(
  world: World,
  fields: Record<string, unknown> = {},
  end: 'ok' | { error: string } = 'ok',
) {
  const job = await world.start({ status: ['running'] }, { webhook_url: URL_, ...fields });
  await world.callBack(job.prompt, end);
  await world.quiet();
  return { ...job, ...namesOf(job.id) };
}

interface DeliveryRow extends Record<string, SqlStorageValue> {
  status: string;
  attempts: string;
}

async function delivery(
  world: World,
  deliveryId: string,
): Promise<{ status: string; attempts: Json[] } | undefined> {
  const [row] = await world.sql<DeliveryRow>('SELECT status, attempts FROM deliveries WHERE id = ?', [
    deliveryId,
  ]);
  return row && { status: row.status, attempts: JSON.parse(row.attempts) };
}

describe('the event of a job', () => {
  it('is delivered once when all is well, says what the status says, and its link works', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    const job = await endedJob(world);
    await world.pass(HOUR_MS);
    expect(events).toHaveLength(1);
    const [{ id, body }] = events as [(typeof events)[number]];
    expect(id).toBe(job.eventId);
    const status = await world.customer.status(job.id);
    expect(body).toEqual({
      type: 'job.completed',
      timestamp: status.completed_at,
      data: {
        ...status,
        result: {
          video: {
            ...status.result.video,
            url: expect.stringMatching(/^https:\/\/firstframe\.test\/files\//),
          },
        },
      },
    });
    const file = await call(new URL(body.data.result.video.url).pathname, { method: 'HEAD' });
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    expect(await delivery(world, job.deliveryId)).toMatchObject({
      status: 'delivered',
      attempts: [{ status_code: 200, error: null }],
    });
    expect(await world.planned(job.deliveryId)).toBeUndefined();
  });

  it('has a link that works for two weeks', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    await endedJob(world);
    const path = new URL(events[0]?.body.data.result.video.url).pathname;
    world.clock.advance(14 * DAY_MS - MINUTE_MS);
    expect((await call(path, { method: 'HEAD' })).status).toBe(200);
    world.clock.advance(2 * MINUTE_MS);
    expect((await call(path, { method: 'HEAD' })).status).toBe(403);
  });

  it('that failed says so in the words of the status', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    const job = await endedJob(world, {}, { error: 'content_policy_violation' });
    expect(events[0]?.body).toEqual({
      type: 'job.failed',
      timestamp: (await world.customer.status(job.id)).completed_at,
      data: await world.customer.status(job.id),
    });
  });

  it('is tried on the schedule: same id, same body, signed anew with each try’s own time', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER, () => new Response('later', { status: 503 }));
    const job = await endedJob(world);
    const endedAt = Date.now();
    for (let tries = 1; tries < RETRY_DELAYS_MS.length; tries++) {
      expect(events).toHaveLength(tries);
      const next = (await world.planned(job.deliveryId))?.due_at ?? Number.NaN;
      const share = (next - Date.now()) / (RETRY_DELAYS_MS[tries] as number);
      expect(share).toBeGreaterThanOrEqual(0.8);
      expect(share).toBeLessThanOrEqual(1.2);
      // Not a moment sooner.
      await world.pass(next - Date.now() - 1);
      expect(events).toHaveLength(tries);
      await world.pass(1);
    }
    expect(events).toHaveLength(RETRY_DELAYS_MS.length);
    expect(new Set(events.map(({ id }) => id))).toEqual(new Set([job.eventId]));
    expect(new Set(events.map(({ text }) => text)).size).toBe(1);
    expect(new Set(events.map(({ timestamp }) => timestamp)).size).toBe(events.length);
    expect(new Set(events.map(({ signature }) => signature)).size).toBe(events.length);
    // Three days, give or take the jitter; then it has failed for good.
    expect((Date.now() - endedAt) / DAY_MS).toBeGreaterThan(2.3);
    expect(await delivery(world, job.deliveryId)).toMatchObject({ status: 'failed' });
    expect((await delivery(world, job.deliveryId))?.attempts).toHaveLength(RETRY_DELAYS_MS.length);
    expect(await world.planned(job.deliveryId)).toBeUndefined();
    await world.pass(10 * DAY_MS);
    expect(events).toHaveLength(RETRY_DELAYS_MS.length);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed' });
  });

  it('is delivered by the second try, and then left alone', async () => {
    const world = await World.create();
    const events = await world.receiver(
      RECEIVER,
      () => new Response(null, { status: events.length === 1 ? 500 : 204 }),
    );
    const job = await endedJob(world);
    await world.pass(6 * SECOND_MS);
    await world.pass(DAY_MS);
    expect(events).toHaveLength(2);
    expect(await delivery(world, job.deliveryId)).toMatchObject({
      status: 'delivered',
      attempts: [{ status_code: 500 }, { status_code: 204 }],
    });
  });

  it('waits as long as its receiver asks', async () => {
    const world = await World.create();
    await world.receiver(
      RECEIVER,
      () => new Response('busy', { status: 429, headers: { 'Retry-After': '3600' } }),
    );
    const job = await endedJob(world);
    expect((await world.planned(job.deliveryId))?.due_at).toBe(Date.now() + HOUR_MS);
  });

  it('is not sent to a receiver that is gone', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER, () => new Response('gone', { status: 410 }));
    const job = await endedJob(world);
    await world.pass(3 * DAY_MS);
    expect(events).toHaveLength(1);
    expect(await delivery(world, job.deliveryId)).toMatchObject({
      status: 'failed',
      attempts: [{ status_code: 410 }],
    });
  });

  it('does not follow a redirect, which is a failure', async () => {
    const world = await World.create();
    const headers = { Location: 'https://elsewhere.example.org/' };
    const events = await world.receiver(RECEIVER, () => new Response(null, { status: 308, headers }));
    const job = await endedJob(world);
    await world.pass(6 * SECOND_MS);
    expect(events.map(({ redirect }) => redirect)).toEqual(['manual', 'manual']);
    // A request to anybody else fails the test when it has finished.
    expect(await delivery(world, job.deliveryId)).toMatchObject({
      status: 'pending',
      attempts: [
        { status_code: 308, error: 'redirect' },
        { status_code: 308, error: 'redirect' },
      ],
    });
  });

  it('is tried again when the connection breaks, and no word of the receiver’s is logged', async () => {
    const log = recordLog();
    const world = await World.create();
    await world.receiver(RECEIVER, () => {
      throw new TypeError('Network connection lost: tenant=7');
    });
    const job = await endedJob(world);
    expect(await delivery(world, job.deliveryId)).toMatchObject({
      status: 'pending',
      attempts: [{ status_code: null, error: 'network' }],
    });
    expect(log.text()).toContain(job.eventId);
    expect(log.text()).not.toContain('tenant=7');
  });

  it('is not written for a job that named no receiver', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['running'] });
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    expect(await world.sql('SELECT id FROM deliveries')).toEqual([]);
    expect((await world.due()).map(({ kind }) => kind).sort()).toEqual(['retain', 'settle']);
  });

  it('is sent again, once, when the shard died while the receiver answered', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER, async () => {
      if (events.length === 1) await world.crash();
      return new Response('thanks');
    });
    const job = await world.start({ status: ['running'] }, { webhook_url: URL_ });
    await world.callBack(job.prompt, 'ok');
    await world.customer.ended(job.id);
    for (let minutes = 0; minutes < 3; minutes++) await world.pass(MINUTE_MS);
    const { eventId, deliveryId } = namesOf(job.id);
    expect(events.map(({ id }) => id)).toEqual([eventId, eventId]);
    expect(await delivery(world, deliveryId)).toMatchObject({ status: 'delivered' });
  });
});

describe('an event that cannot be made', () => {
  it('because its metadata is too large has failed, and is not tried for ever', async () => {
    const log = recordLog();
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    const job = await world.start({ status: ['running'] }, { webhook_url: URL_ });
    // As an upload link may have given it to the job.
    const metadata = { note: 'x'.repeat(30_000) };
    await world.sql("UPDATE jobs SET request = json_set(request, '$.metadata', json(?)) WHERE id = ?", [
      JSON.stringify(metadata),
      job.id,
    ]);
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    const { eventId, deliveryId } = namesOf(job.id);
    expect(await world.customer.status(job.id)).toMatchObject({ status: 'completed', metadata });
    expect(await delivery(world, deliveryId)).toMatchObject({ status: 'failed' });
    expect(await world.planned(deliveryId)).toBeUndefined();
    await world.pass(4 * DAY_MS);
    expect(events).toHaveLength(0);
    expect(log.text()).toContain(eventId);
  });

  it('because the secret cannot be read is tried on the schedule, and delivered when it can be', async () => {
    const world = await World.create();
    const events = await world.receiver(RECEIVER);
    const job = await world.start({ status: ['running'] }, { webhook_url: URL_ });
    const replica = await world.inShard((_, state) => {
      const stored = state.storage.kv.get<Replica>('replica');
      const secrets = stored?.secrets.map((secret) => ({ ...secret, sealed: 'dropped.AAAA' }));
      state.storage.kv.put('replica', { ...stored, secrets });
      return stored;
    });
    await world.crash();
    await world.callBack(job.prompt, 'ok');
    await world.quiet();
    const { eventId, deliveryId } = namesOf(job.id);
    expect(await delivery(world, deliveryId)).toMatchObject({
      status: 'pending',
      attempts: [{ status_code: null, error: 'signature' }],
    });
    await world.inShard((_, state) => state.storage.kv.put('replica', replica));
    await world.crash();
    await world.pass(6 * SECOND_MS);
    expect(events.map(({ id }) => id)).toEqual([eventId]);
    expect(await delivery(world, deliveryId)).toMatchObject({ status: 'delivered' });
  });
});
