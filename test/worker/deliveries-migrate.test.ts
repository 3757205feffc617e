import { describe, expect, it } from 'vitest';
import { mintId } from '../../src/worker/ids.ts';
import { newJob } from '../../src/worker/jobs/job.ts';
import { JOB_MIGRATIONS } from '../../src/worker/jobs/migrations.ts';
import { writeProgress } from '../../src/worker/jobs/records.ts';
import { migrate } from '../../src/worker/migrate.ts';
import { encrypt } from '../../src/worker/secrets.ts';
import { newWebhookSecret } from '../../src/worker/webhooks/sign.ts';
import { Endpoints, ok } from './deliveries-fixtures.ts';
import { HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';
import { config } from './links-object-fixtures.ts';

const ORIGIN = 'https://of-the-last-release.example.org';
const URL_ = `${ORIGIN}/hook?x=1`;

/** A delivery as the last release had it. */
interface OldDelivery {
  readonly kind: 'job' | 'up';
  readonly status: string;
  readonly attempts: readonly object[];
  readonly due: boolean;
}

/** A shard with rows of the last release, whose object starts anew with this one. */
async function create(deliveries: readonly OldDelivery[]) {
  const world = await World.create();
  const { account } = world.customer;
  const shard = { account, region: 'weur', n: 0 } as const;
  const now = Date.now();
  const secret = newWebhookSecret();
  const sealed = await encrypt(config.SIGNING_SECRETS, 'webhook-secret', secret, account);
  const ids = await Promise.all(
    deliveries.map(({ kind }) => mintId(config.SIGNING_SECRETS, kind, shard, now)),
  );
  await world.inShard((_, { storage }) => {
    migrate(storage, JOB_MIGRATIONS.slice(0, 2));
    storage.kv.put('replica', { version: 1, keys: [], webhookSecret: sealed });
    for (const [n, { kind, status, attempts, due }] of deliveries.entries()) {
      const id = ids[n] ?? '';
      const eventId = id.replace(/^[a-z]+_/, 'evt_');
      if (kind === 'job') {
        const failure = { code: 'upstream_error', message: 'Try again.' } as const;
        const request = {
          model: 'ltx-2.3-image-to-video',
          input: {},
          images: { start: { kind: 'url', url: 'https://images.example.org/a.png' } },
          usualMs: 1,
          webhookUrl: URL_,
        };
        storage.sql.exec(
          `INSERT INTO jobs (id, state, credits, cost, created_at, ended_at, request, progress)
           VALUES (?, 'failed', 29, 288000, ?, ?, ?, ?)`,
          id,
          now,
          now,
          JSON.stringify(request),
          writeProgress({ ...newJob(now, 1), failure }),
        );
      }
      storage.sql.exec(
        'INSERT INTO deliveries (id, job_id, type, url, status, created_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)',
        eventId,
        id,
        kind === 'job' ? 'job.failed' : 'upload.completed',
        URL_,
        status,
        now,
        JSON.stringify(attempts),
      );
      if (due) {
        storage.sql.exec(
          `INSERT INTO due (key, kind, due_at, lane) VALUES (?, 'deliver', ?, 'of-the-last-release.example.org')`,
          eventId,
          now + MINUTE_MS,
        );
      }
    }
  });
  await world.crash();
  const endpoints = Endpoints.at(world);
  return { world, endpoints, ids, hits: endpoints.receive(ORIGIN, secret, ok) };
}

const FAILED_ONCE = { at: 7, status_code: 500, duration_ms: 12, error: null };

describe('deliveries of the last release', () => {
  it('that are pending are delivered, on the schedule where they are', async () => {
    const { endpoints, ids, hits } = await create([
      { kind: 'job', status: 'pending', attempts: [], due: true },
      { kind: 'job', status: 'pending', attempts: [FAILED_ONCE], due: true },
    ]);
    const [fresh = '', tried = ''] = ids;
    expect(await endpoints.delivery(tried, 'z')).toMatchObject({ status: 'pending', tries: 1, reason: null });
    await endpoints.run(HOUR_MS);
    expect(hits.map(({ id }) => id).sort()).toEqual(ids.map((id) => `${id.replace('job_', 'evt_')}z`).sort());
    expect(await endpoints.delivery(fresh, 'z')).toMatchObject({ status: 'delivered', tries: 1 });
    expect(await endpoints.delivery(tried, 'z')).toMatchObject({
      type: 'job.failed',
      status: 'delivered',
      tries: 2,
      attempts: [{ ...FAILED_ONCE }, { status_code: 200, response: 'thanks', manual: false }],
    });
  });

  it('that have ended are what they were', async () => {
    const { world, endpoints, ids, hits } = await create([
      { kind: 'job', status: 'delivered', attempts: [{ ...FAILED_ONCE, status_code: 200 }], due: false },
      { kind: 'job', status: 'failed', attempts: Array(10).fill(FAILED_ONCE), due: false },
      { kind: 'up', status: 'failed', attempts: [], due: false },
    ]);
    const [delivered = '', failed = '', upload = ''] = ids;
    await endpoints.run(HOUR_MS);
    expect(hits).toEqual([]);
    expect(await endpoints.delivery(delivered, 'z')).toMatchObject({ status: 'delivered', reason: null });
    expect(await endpoints.delivery(failed, 'z')).toMatchObject({
      status: 'failed',
      reason: 'exhausted',
      tries: 10,
    });
    expect(await endpoints.delivery(upload, 'u')).toMatchObject({
      type: 'upload.completed',
      status: 'failed',
    });
    expect((await world.due()).filter(({ kind }) => kind === 'deliver')).toEqual([]);
  });
});
