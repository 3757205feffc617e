import { describe, expect, it } from 'vitest';
import { STATS_DAYS } from '../../src/worker/webhooks/contract.ts';
import { Endpoints, ok, status } from './deliveries-fixtures.ts';
import { DAY_MS, MINUTE_MS, World } from './jobs-fixtures.ts';

const CREATED = { events: ['job.created'] } as const;

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

const dayOf = (at: number) => Math.floor(at / DAY_MS);
const days = (world: World) =>
  world.sql('SELECT endpoint, day, delivered, failed, delivered_at FROM endpoint_days ORDER BY day');

describe('the days of an endpoint', () => {
  it('count every try, and remember when one was taken', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make((hit, nth) => (nth <= 2 ? status(500) : ok)(hit, nth), CREATED);
    const today = dayOf(Date.now());
    const healthOf = () => world.stub().endpointHealth(endpoint.id);
    expect(await healthOf()).toEqual({ deliveredAt: null });
    await endpoints.submit();
    await world.quiet();
    expect(await days(world)).toMatchObject([
      { endpoint: endpoint.id, delivered: 0, failed: 1, delivered_at: null },
    ]);
    expect(await healthOf()).toEqual({ deliveredAt: null });
    await endpoints.run(6 * MINUTE_MS + 10 * MINUTE_MS);
    const all = (await days(world)) as { day: number; delivered: number; failed: number }[];
    expect(all.reduce((sum, { delivered, failed }) => sum + delivered + failed, 0)).toBe(3);
    expect(all[0]?.day).toBe(today);
    const deliveredAt = endpoint.hits.at(-1)?.at;
    expect(await healthOf()).toEqual({ deliveredAt });
    // A failure after it does not take that away.
    await endpoints.update(endpoint, { url: `${new URL(endpoint.url).origin}/elsewhere` });
    const refuses = status(500, { 'Webhook-Delivery': 'abort-message' });
    endpoints.receive(new URL(endpoint.url).origin, endpoint.secret, refuses);
    await endpoints.submit();
    await world.quiet();
    expect(await healthOf()).toEqual({ deliveredAt });
  });

  it('are kept for as long as the API tells of them', async () => {
    const { world, endpoints } = await create();
    await endpoints.make(ok, CREATED);
    await endpoints.submit();
    await world.quiet();
    const midnight = (dayOf(Date.now()) + STATS_DAYS) * DAY_MS;
    await world.pass(midnight - Date.now() - MINUTE_MS);
    expect(await days(world)).toHaveLength(1);
    await world.pass(2 * MINUTE_MS);
    expect(await days(world)).toEqual([]);
  });

  it('are not there for a job’s own address, nor for a shard that was never used', async () => {
    const { world, endpoints } = await create();
    await world.receiver('https://own-days.example.org');
    await endpoints.submit({ webhookUrl: 'https://own-days.example.org/', webhookEvents: ['job.created'] });
    await world.quiet();
    expect(await days(world)).toEqual([]);
    expect(await world.stub('apac').endpointHealth('ep_000000000000')).toEqual({ deliveredAt: null });
    const tables = await world.sql("SELECT name FROM sqlite_schema WHERE name = 'jobs'", [], 'apac');
    expect(tables).toEqual([]);
  });
});
