import { describe, expect, it } from 'vitest';
import { DeliveryClient, listDeliveries } from '../../src/worker/webhooks/client.ts';
import { deliveryIdOf, eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { byNewest, PAGE_CHARS } from '../../src/worker/webhooks/pages.ts';
import { MAX_LOOKS } from '../../src/worker/webhooks/shard/list.ts';
import { HOUR_MS, MINUTE_MS } from './jobs-fixtures.ts';
import { expectKind } from './links-object-fixtures.ts';
import { bindings, DeskWorld, endOf, type Seed } from './webhooks-desk-fixtures.ts';

/** One of everything: what a page is narrowed to. */
function mixture(endpoint: string, other: string): Seed[] {
  const now = Date.now();
  return Array.from({ length: 24 }, (_, n) => ({
    // Some in the same millisecond.
    at: now - Math.floor(n / 2) * MINUTE_MS,
    endpointId: [endpoint, other, null][n % 3] as string | null,
    status: (['delivered', 'failed', 'held', 'pending'] as const)[n % 4] as 'delivered',
    type: n % 5 === 0 ? 'job.created' : 'job.completed',
  }));
}

describe('a list of deliveries', () => {
  it('is newest first, a page at a time, and narrowed by endpoint, status, event and job', async () => {
    const desk = await DeskWorld.create();
    await desk.meet();
    const [url, other] = [
      await desk.endpoint('https://a.example.org/'),
      await desk.endpoint('https://b.example.org/'),
    ];
    const seeds = mixture(url, other);
    const ids = await desk.seed(seeds);
    const sorted = (keep: (seed: Seed) => boolean) =>
      ids.filter((_, n) => keep(seeds[n] as Seed)).toSorted(byNewest);

    const all = sorted(() => true);
    expect(await desk.ids()).toEqual(all);
    expect((await desk.page({ limit: 24 })).next).toBeNull();
    const first = await desk.page({ limit: 10 });
    expect(first.next).toBe(all[9]);
    expect(await desk.ids({ limit: 10, after: all[9] as string })).toEqual(all.slice(10, 20));
    expect(await desk.ids({ after: all[23] as string })).toEqual([]);

    expect(await desk.ids({ filter: { endpointId: other } })).toEqual(
      sorted((seed) => seed.endpointId === other),
    );
    expect(await desk.ids({ filter: { status: 'held' } })).toEqual(sorted(({ status }) => status === 'held'));
    expect(await desk.ids({ filter: { event: 'job.created' } })).toEqual(
      sorted(({ type }) => type === 'job.created'),
    );
    expect(
      await desk.ids({ filter: { endpointId: url, status: 'delivered', event: 'job.completed' } }),
    ).toEqual(
      sorted(
        (seed) => seed.endpointId === url && seed.status === 'delivered' && seed.type === 'job.completed',
      ),
    );
    // A page of few out of many ends with the last that fits, and goes on behind it.
    const held = sorted(({ status }) => status === 'held');
    const some = await desk.page({ filter: { status: 'held' }, limit: 4 });
    expect([some.deliveries.length, some.next]).toEqual([4, held[3]]);
    expect(await desk.ids({ filter: { status: 'held' }, after: held[3] as string })).toEqual(held.slice(4));

    const job = (await desk.read(ids[7] as string)).jobId as string;
    expect(await desk.ids({ filter: { jobId: job } })).toEqual([ids[7]]);
    expect(await desk.ids({ filter: { jobId: job }, after: ids[7] as string })).toEqual([]);
    expect(await desk.ids({ filter: { jobId: await desk.mint(Date.now()) } })).toEqual([]);
  });

  it('over two shards is one list, whatever the size of its pages', async () => {
    const desk = await DeskWorld.create();
    const far = { ...desk.home, region: 'apac' as const };
    await desk.world.customer.start({}, { 'X-Firstframe-Region': 'apac' });
    await desk.meet();
    const at = Date.now() - HOUR_MS;
    const seed = (n: number): Seed => ({ endpointId: null, status: 'delivered', at: at + (n % 5) });
    const near = await desk.seed(Array.from({ length: 11 }, (_, n) => seed(n)));
    const distant = await desk.seed(
      Array.from({ length: 7 }, (_, n) => seed(n)),
      far,
    );
    const whole = [...near, ...distant].toSorted(byNewest);
    for (const limit of [1, 4, 50]) {
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const query = { keyHash: desk.keyHash, filter: {}, limit, ...(after === undefined ? {} : { after }) };
        const page = expectKind(await listDeliveries(bindings, [desk.home, far], query), 'page');
        expect(page.deliveries.length).toBeLessThanOrEqual(limit);
        seen.push(...page.deliveries.map(({ deliveryId }) => deliveryId));
        after = page.next ?? undefined;
      } while (after !== undefined);
      expect(seen).toEqual(whole);
    }
  });

  it('looks at so many and no more, and says where to go on', async () => {
    const desk = await DeskWorld.create();
    await desk.meet();
    const [oldest] = await desk.seed([{ endpointId: null, status: 'pending', at: Date.now() - HOUR_MS }]);
    // As many as one page looks at, none of which is asked for.
    await desk.world.sql(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO deliveries SELECT substr(id, 1, 16) || printf('%019d', i) || 'zw', type, 'w', url, 'delivered', NULL,
         created_at, 1, 0, '[]' FROM deliveries, n WHERE id = ?`,
      [MAX_LOOKS, await newer(desk)],
    );
    const first = await desk.page({ filter: { status: 'pending' } });
    expect(first.deliveries).toEqual([]);
    const second = await desk.page({ filter: { status: 'pending' }, after: first.next as string });
    expect(second.deliveries.map(({ deliveryId }) => deliveryId)).toEqual([oldest]);
    expect(second.next).toBeNull();
  });

  it('ends a page that has grown large', async () => {
    const desk = await DeskWorld.create();
    await desk.meet();
    const responses = Array.from({ length: 10 }, () => 'x'.repeat(16_384));
    const at = Date.now();
    const ids = await desk.seed(
      Array.from({ length: 20 }, (_, n) => ({ endpointId: null, status: 'failed', at: at - n, responses })),
    );
    const { deliveries, next } = await desk.page();
    expect(deliveries.map(({ deliveryId }) => deliveryId)).toEqual(ids.slice(0, PAGE_CHARS / 163_840 + 1));
    expect(next).toBe(deliveries.at(-1)?.deliveryId);
    expect(await desk.ids({ after: next as string })).toEqual(ids.slice(deliveries.length));
  });
});

/** A row to copy, with a time after all others. */
async function newer(desk: DeskWorld): Promise<string> {
  const [id] = await desk.seed([{ endpointId: null, status: 'delivered', at: Date.now() }]);
  return id as string;
}

describe('a delivery', () => {
  it('is told with its tries, its job and where it went', async () => {
    const desk = await DeskWorld.create();
    const { url } = desk.receiver(
      (_, nth) => new Response(`answer ${nth}`, { status: nth === 1 ? 500 : 200 }),
    );
    const endpointId = await desk.endpoint(url, { events: ['job.completed'] });
    const job = await desk.completed();
    const deliveryId = endOf(job, endpointId);
    const tried = await desk.read(deliveryId);
    expect(tried).toEqual({
      deliveryId,
      eventId: eventIdOf(job.id, 'z'),
      event: 'job.completed',
      endpointId,
      url,
      jobId: job.id,
      uploadId: null,
      status: 'pending',
      reason: null,
      createdAt: Date.now(),
      attempts: [
        { at: Date.now(), statusCode: 500, durationMs: 0, error: null, response: 'answer 1', manual: false },
      ],
      nextAttemptAt: (await desk.world.planned(deliveryId))?.due_at,
    });
    await desk.world.pass(10_000);
    expect(await desk.read(deliveryId)).toMatchObject({
      status: 'delivered',
      nextAttemptAt: null,
      attempts: [{ statusCode: 500 }, { statusCode: 200, response: 'answer 2' }],
    });
    await desk.account.deleteEndpoint(endpointId);
    expect(await desk.read(deliveryId)).toMatchObject({ url: null, endpointId });
  });

  it('that is not there is not found, nor is another account’s', async () => {
    const desk = await DeskWorld.create();
    await desk.meet();
    const deliveryId = deliveryIdOf(await desk.mint(Date.now()), 'z', 'w');
    expect(await desk.client.delivery({ keyHash: desk.keyHash, deliveryId })).toEqual({ kind: 'not_found' });
    expect(await desk.resend(deliveryId)).toEqual({ kind: 'not_found' });
  });
});

describe('statistics of an endpoint', () => {
  it('count tries by day, and tell since when it fails', async () => {
    const desk = await DeskWorld.create();
    let status = 500;
    const { url } = desk.receiver(() => new Response(null, { status }));
    const endpointId = await desk.endpoint(url, { events: ['job.completed'] });
    await desk.completed();
    const failingSince = Date.now();
    const query = { keyHash: desk.keyHash, endpointId, days: 2 };
    const today = Math.floor(Date.now() / (24 * HOUR_MS));
    expect(expectKind(await desk.client.endpointStats(query), 'found').stats).toEqual({
      days: [{ day: today, delivered: 0, failed: 1, durationMs: 0 }],
      lastDeliveredAt: null,
      failingSince,
    });
    status = 200;
    await desk.world.pass(24 * HOUR_MS);
    const deliveredAt = Date.now();
    const twoDays = expectKind(await desk.client.endpointStats(query), 'found').stats;
    expect(twoDays).toEqual({
      days: [
        { day: today, delivered: 0, failed: 1, durationMs: 0 },
        { day: today + 1, delivered: 1, failed: 0, durationMs: 0 },
      ],
      lastDeliveredAt: deliveredAt,
      failingSince: null,
    });
    const oneDay = expectKind(await desk.client.endpointStats({ ...query, days: 1 }), 'found').stats;
    expect(oneDay.days.map(({ day }) => day)).toEqual([today + 1]);
  });
});

describe('a shard', () => {
  const calls = async (desk: DeskWorld, keyHash: string, shard = desk.home) => {
    const client = new DeliveryClient(bindings, shard);
    const deliveryId = deliveryIdOf(await desk.mint(Date.now()), 'z', 'w');
    const endpointId = 'ep_0123456789ab';
    return {
      list: await client.deliveries({ keyHash, filter: {}, limit: 10 }),
      read: await client.delivery({ keyHash, deliveryId }),
      resend: await client.resend({ keyHash, deliveryId }),
      recover: await client.recover({ keyHash, endpointId, since: 0, until: Date.now() }),
      stats: await client.endpointStats({ keyHash, endpointId, days: 7 }),
    };
  };

  it('that was never used answers that there is nothing, and stays empty', async () => {
    const desk = await DeskWorld.create();
    const far = { ...desk.home, region: 'oc' as const };
    expect(await calls(desk, desk.keyHash, far)).toEqual({
      list: { kind: 'page', deliveries: [], next: null },
      read: { kind: 'not_found' },
      resend: { kind: 'not_found' },
      recover: { kind: 'not_found' },
      stats: { kind: 'found', stats: { days: [], lastDeliveredAt: null, failingSince: null } },
    });
    expect(
      await desk.world.sql(
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'",
        [],
        'oc',
      ),
    ).toEqual([]);
  });

  it('answers no key that it does not know', async () => {
    const desk = await DeskWorld.create();
    await desk.meet();
    const wrong = 'f'.repeat(64);
    const unauthorized = { kind: 'unauthorized' };
    expect(Object.values(await calls(desk, wrong))).toEqual(Array.from({ length: 5 }, () => unauthorized));
    const test = { endpointId: 'ep_0123456789ab', noticeId: 'evt_', event: 'job.completed' as const };
    expect(await desk.client.testEndpoint({ keyHash: wrong, ...test })).toEqual(unauthorized);
    const query = { keyHash: wrong, filter: {}, limit: 10 };
    expect(await listDeliveries(bindings, [desk.home], query)).toEqual(unauthorized);
  });
});
