import { describe, expect, it } from 'vitest';
import { RECOVER_BATCH, recoverKey } from '../../src/worker/webhooks/shard/recovery.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from './jobs-fixtures.ts';
import { DeskWorld, endOf, type Seed } from './webhooks-desk-fixtures.ts';

const END_ONLY = { events: ['job.completed'] as const };

/** A world with a completed job, of which others are copies, and an endpoint that has heard of nothing yet. */
async function start(fields: { readonly rateLimit?: number } = {}) {
  const desk = await DeskWorld.create();
  const job = await desk.completed();
  const { url, hits } = desk.receiver();
  const endpointId = await desk.endpoint(url, { ...END_ONLY, ...fields });
  /** Deliveries of the last `count` minutes, oldest first. */
  const missed = (count: number, more: Partial<Seed> = {}) =>
    desk.seed(
      Array.from({ length: count }, (_, n) => ({
        endpointId,
        status: n % 2 ? 'failed' : 'held',
        at: Date.now() - (count - n) * MINUTE_MS,
        job,
        ...more,
      })),
    );
  const recover = (since: number, until = Date.now()) =>
    desk.client.recover({ keyHash: desk.keyHash, endpointId, since, until });
  return { desk, job, endpointId, hits, missed, recover };
}

describe('a recovery', () => {
  it('takes up what failed or was held in its time, and nothing else', async () => {
    const { desk, job, endpointId, hits, missed, recover } = await start();
    const before = await missed(4);
    const other = await desk.endpoint(desk.receiver().url, END_ONLY);
    const untouched = [
      ...(await missed(3, { status: 'delivered' })),
      ...(await missed(2, { endpointId: other })),
      ...(await missed(2, { endpointId: null })),
      // Their jobs are forgotten.
      ...(await missed(1, { job: undefined } as never)),
    ];
    const since = Date.now() - 3 * MINUTE_MS;
    const until = Date.now() - 2 * MINUTE_MS;
    expect(await recover(since, until)).toEqual({ kind: 'recovering' });
    for (let pieces = 0; pieces < 2; pieces++) await desk.world.pass(SECOND_MS);
    expect(hits.map(({ id }) => id)).toEqual(
      before.slice(1, 3).map((id) => id.slice(0, -12).replace('dlv_', 'evt_')),
    );
    expect(hits[0]?.body).toMatchObject({ type: 'job.completed' });
    expect(await desk.read(before[2] as string)).toMatchObject({
      status: 'delivered',
      attempts: [{ manual: true }],
    });
    for (const id of [before[0] as string, before[3] as string, ...untouched]) {
      expect((await desk.read(id)).attempts).toEqual([]);
    }
    expect(await desk.world.planned(recoverKey(endpointId))).toBeUndefined();
    expect(await desk.world.sql('SELECT * FROM recoveries')).toEqual([]);
    expect(await desk.read(endOf(job, endpointId)).catch(() => null)).toBeNull();
  });

  it('goes in pieces, each spread over seconds, and goes on after a crash', async () => {
    const { desk, endpointId, hits, missed, recover } = await start();
    const ids = await missed(RECOVER_BATCH + 20);
    const at = Date.now();
    expect(await recover(at - 3 * HOUR_MS)).toEqual({ kind: 'recovering' });
    expect(await recover(at - 3 * HOUR_MS, at)).toEqual({ kind: 'recovering' });
    await desk.world.quiet();
    expect(await desk.statuses()).toEqual({ delivered: 1, pending: RECOVER_BATCH - 1, held: 10, failed: 10 });
    const due = (await desk.world.due())
      .filter(({ kind }) => kind === 'deliver')
      .map((row) => row.due_at - at);
    // Twenty a second.
    expect(due).toEqual(Array.from({ length: RECOVER_BATCH - 1 }, (_, n) => (n + 1) * 50));
    expect((await desk.world.planned(recoverKey(endpointId)))?.due_at).toBe(at + 5 * SECOND_MS);
    await desk.world.crash();
    await desk.world.pass(5 * SECOND_MS);
    await desk.world.pass(SECOND_MS);
    expect(await desk.statuses()).toEqual({ delivered: ids.length });
    expect(new Set(hits.map(({ id }) => id)).size).toBe(ids.length);
    expect(hits).toHaveLength(ids.length);
    // Again finds nothing that is left to do.
    await recover(at - 3 * HOUR_MS);
    await desk.world.quiet();
    expect(hits).toHaveLength(ids.length);
    expect(await desk.world.planned(recoverKey(endpointId))).toBeUndefined();
  });

  it('sends no faster than its endpoint takes it', async () => {
    const { desk, endpointId, missed, recover } = await start({ rateLimit: 2 });
    await missed(5);
    await recover(Date.now() - HOUR_MS);
    await desk.world.quiet();
    const due = (await desk.world.due())
      .filter(({ kind }) => kind === 'deliver')
      .map((row) => row.due_at - Date.now());
    expect(due).toEqual([500, 1_000, 1_500, 2_000]);
    for (let seconds = 0; seconds < 3; seconds++) await desk.world.pass(SECOND_MS);
    expect(await desk.statuses()).toEqual({ delivered: 5 });
    expect(await desk.world.planned(recoverKey(endpointId))).toBeUndefined();
  });

  it('that is asked for again is widened, and looks once more at what it has passed', async () => {
    const { desk, endpointId, missed, recover } = await start();
    await missed(RECOVER_BATCH + 15);
    const now = Date.now();
    // Nothing is sent meanwhile: what counts is what is taken up.
    await desk.writeHealth(endpointId, { slowUntil: now + HOUR_MS, slowStep: 1 });
    // All but the oldest five, and the last.
    await recover(now - (RECOVER_BATCH + 10) * MINUTE_MS, now - 2 * MINUTE_MS);
    await desk.world.quiet();
    expect((await desk.statuses()).pending).toBe(RECOVER_BATCH);
    expect(await recover(now - 3 * HOUR_MS, now)).toEqual({ kind: 'recovering' });
    // No sooner than it was to go on.
    await desk.world.quiet();
    expect((await desk.statuses()).pending).toBe(RECOVER_BATCH);
    for (let pieces = 0; pieces < 3; pieces++) await desk.world.pass(5 * SECOND_MS);
    expect(await desk.statuses()).toEqual({ pending: RECOVER_BATCH + 15 });
    expect(await desk.world.planned(recoverKey(endpointId))).toBeUndefined();
  });

  it('ends when its endpoint is disabled, and begins anew when it is asked for then', async () => {
    const { desk, endpointId, missed, recover } = await start();
    await missed(RECOVER_BATCH + 20);
    await recover(Date.now() - 3 * HOUR_MS);
    await desk.world.quiet();
    await desk.enable(endpointId, false);
    expect(await recover(0)).toEqual({ kind: 'disabled' });
    await desk.world.pass(5 * SECOND_MS);
    expect(await desk.statuses()).toEqual({ delivered: 1, held: RECOVER_BATCH - 1 + 10, failed: 10 });
    expect(await desk.world.planned(recoverKey(endpointId))).toBeUndefined();
    await desk.enable(endpointId, true);
    await recover(Date.now() - 3 * HOUR_MS);
    await desk.world.quiet();
    expect(await desk.statuses()).toEqual({ delivered: 2, pending: RECOVER_BATCH - 1, held: 9, failed: 10 });
    await desk.enable(endpointId, false);
    await desk.world.pass(5 * SECOND_MS);
  });

  it('ends when its endpoint is deleted', async () => {
    const { desk, endpointId, missed, recover } = await start();
    await missed(RECOVER_BATCH + 1);
    await recover(Date.now() - 3 * HOUR_MS);
    await desk.world.quiet();
    await desk.account.deleteEndpoint(endpointId);
    expect(await recover(0)).toEqual({ kind: 'not_found' });
    await desk.world.pass(5 * SECOND_MS);
    expect(await desk.world.sql('SELECT * FROM recoveries')).toEqual([]);
    expect((await desk.world.due()).filter(({ kind }) => kind === 'recover')).toEqual([]);
  });
});
