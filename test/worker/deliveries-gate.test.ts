import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Account } from '../../src/worker/accounts/account.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { PUBLIC_ADDRESS } from '../support/dns.ts';
import { until } from '../support/upstream.ts';
import { Endpoints, gaps, type MadeEndpoint, ok, status } from './deliveries-fixtures.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, World } from './jobs-fixtures.ts';

const CREATED = { events: ['job.created'] } as const;
/** An answer whose header makes a wish. */
const wishes = (wish: string, code = 500) => status(code, { 'Webhook-Delivery': wish });

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

/** Sends so many events at once. */
async function submitMany(endpoints: Endpoints, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await endpoints.submit()).id);
  return ids;
}

async function statuses(endpoints: Endpoints, to: MadeEndpoint): Promise<string[]> {
  const rows = await endpoints.deliveries();
  return rows
    .filter(({ id }) => id.endsWith(to.id.slice(3)))
    .map((row) => row.status)
    .sort();
}

describe('a rate limit', () => {
  it('is kept at every moment, and costs each event one turn', async () => {
    const { world, endpoints } = await create();
    const limited = await endpoints.make(ok, { ...CREATED, rateLimit: 2 });
    const free = await endpoints.make(ok, CREATED);
    await submitMany(endpoints, 8);
    await world.quiet();
    expect([limited.hits.length, free.hits.length]).toEqual([1, 8]);
    const turns = (await world.due()).filter(({ kind }) => kind === 'deliver').map(({ due_at }) => due_at);
    expect(turns.map((at) => at - (limited.hits[0]?.at ?? 0))).toEqual([
      500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500,
    ]);
    await endpoints.run(MINUTE_MS);
    expect(limited.hits).toHaveLength(8);
    for (const gap of gaps(limited.hits)) expect(gap).toBeGreaterThanOrEqual(0.5);
  });

  it('holds after a pause, too: turns that were missed are given out anew', async () => {
    const { world, endpoints } = await create();
    const limited = await endpoints.make(ok, { ...CREATED, rateLimit: 1 });
    await submitMany(endpoints, 6);
    await world.quiet();
    // Nobody rings for a minute: five turns have passed.
    await world.inShard((_, state) => state.storage.deleteAlarm());
    await world.ring(MINUTE_MS);
    await endpoints.run(MINUTE_MS);
    expect(limited.hits).toHaveLength(6);
    for (const gap of gaps(limited.hits)) expect(gap).toBeGreaterThanOrEqual(1);
  });

  it('that is raised hurries those that wait already; one that is lowered holds for them, too', async () => {
    const { world, endpoints } = await create();
    const hurried = await endpoints.make(ok, { ...CREATED, rateLimit: 1 });
    const slowed = await endpoints.make(ok, { ...CREATED, rateLimit: 10 });
    await submitMany(endpoints, 9);
    await world.quiet();
    await endpoints.update(hurried, { rateLimit: 10 });
    await endpoints.update(slowed, { rateLimit: 1 });
    await endpoints.run(20_000);
    expect([hurried.hits.length, slowed.hits.length]).toEqual([9, 9]);
    const [first, last] = [hurried.hits[1]?.at ?? 0, hurried.hits.at(-1)?.at ?? 0];
    expect(last - first).toBeLessThanOrEqual(1_000);
    for (const gap of gaps(hurried.hits)) expect(gap).toBeGreaterThanOrEqual(0.1);
    for (const gap of gaps(slowed.hits)) expect(gap).toBeGreaterThanOrEqual(1);
  });

  it('holds when the shard has lost its memory', async () => {
    const { world, endpoints } = await create();
    const limited = await endpoints.make(ok, { ...CREATED, rateLimit: 1 });
    await submitMany(endpoints, 5);
    await world.quiet();
    await world.crash();
    world.clock.advance(MINUTE_MS);
    await endpoints.run(MINUTE_MS);
    expect(limited.hits).toHaveLength(5);
    for (const gap of gaps(limited.hits)) expect(gap).toBeGreaterThanOrEqual(1);
  });
});

describe('an endpoint that is disabled by its owner', () => {
  it('gets nothing; what comes is held, also what was on its way, and nothing is tried by itself again', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(status(500), CREATED);
    await submitMany(endpoints, 2);
    await world.quiet();
    expect(endpoint.hits).toHaveLength(2);
    await endpoints.update(endpoint, { enabled: false });
    await submitMany(endpoints, 1);
    await endpoints.run(HOUR_MS);
    expect(await statuses(endpoints, endpoint)).toEqual(['held', 'held', 'held']);
    await endpoints.update(endpoint, { enabled: true });
    await endpoints.run(5 * DAY_MS);
    expect(endpoint.hits).toHaveLength(2);
    expect((await world.due()).filter(({ kind }) => kind === 'deliver')).toEqual([]);
  });
});

describe('an endpoint that was deleted', () => {
  it('gets nothing more, and what was on its way has failed', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(status(429), CREATED);
    await submitMany(endpoints, 2);
    await world.quiet();
    expect(await endpoints.health(endpoint)).not.toBeNull();
    await endpoints.remove(endpoint);
    await submitMany(endpoints, 1);
    await endpoints.run(HOUR_MS);
    expect(endpoint.hits).toHaveLength(1);
    const rows = await endpoints.deliveries();
    expect(rows.map(({ status: is, reason }) => `${is} ${reason}`)).toEqual([
      'failed endpoint_deleted',
      'failed endpoint_deleted',
    ]);
    expect(await endpoints.health(endpoint)).toBeNull();
  });
});

describe('a receiver that is gone', () => {
  it('gets nothing from that moment, before the account has heard; then the account disables it', async () => {
    const { world, endpoints } = await create();
    let away = true;
    const { report } = Account.prototype;
    const spy = vi.spyOn(Account.prototype, 'report').mockImplementation(async function (
      this: Account,
      ...args
    ) {
      if (away) throw new Error('away');
      return report.apply(this, args);
    });
    onTestFinished(() => spy.mockRestore());
    const endpoint = await endpoints.make(status(410), CREATED);
    const other = await endpoints.make(ok, { events: ['endpoint.disabled'] });
    const [first = ''] = await submitMany(endpoints, 1);
    await world.quiet();
    expect(await endpoints.delivery(first, 'c', endpoint)).toMatchObject({
      status: 'failed',
      reason: 'gone',
    });
    await submitMany(endpoints, 2);
    await world.quiet();
    expect(await statuses(endpoints, endpoint)).toEqual(['failed', 'held', 'held']);
    expect(endpoint.hits).toHaveLength(1);
    expect(await endpoints.view(endpoint)).toMatchObject({ enabled: true });
    // It is told until the account answers, also by an object that has lost its memory.
    await world.crash();
    away = false;
    await world.pass(2 * MINUTE_MS);
    expect(await endpoints.view(endpoint)).toMatchObject({ enabled: false, disabledReason: 'gone' });
    await until(() => other.hits.length > 0);
    expect(other.hits.map(({ body }) => body.data.reason)).toEqual(['gone']);
    expect((await world.due()).filter(({ kind }) => kind === 'report')).toEqual([]);
  });

  it('is told of once more when it was enabled, and not for what it answered before', async () => {
    const { world, endpoints } = await create();
    let answer = status(410);
    const endpoint = await endpoints.make((hit, nth) => answer(hit, nth), CREATED);
    await submitMany(endpoints, 1);
    await world.quiet();
    expect((await endpoints.view(endpoint)).enabled).toBe(false);
    answer = ok;
    await endpoints.update(endpoint, { enabled: true });
    const [second = ''] = await submitMany(endpoints, 1);
    await world.quiet();
    expect(await endpoints.delivery(second, 'c', endpoint)).toMatchObject({ status: 'delivered' });
    expect(await endpoints.health(endpoint)).toBeNull();
    answer = status(410);
    await submitMany(endpoints, 1);
    await world.quiet();
    expect((await endpoints.view(endpoint)).disabledReason).toBe('gone');
  });

  it('stays as its owner has enabled it when an answer of the time before comes late', async () => {
    const { world, endpoints } = await create();
    let enabled = false;
    const endpoint = await endpoints.make(async (hit, nth) => {
      await endpoints.update(endpoint, { enabled: false });
      await endpoints.update(endpoint, { enabled: true });
      enabled = true;
      return status(410)(hit, nth);
    }, CREATED);
    await submitMany(endpoints, 1);
    await world.quiet();
    expect(enabled).toBe(true);
    expect(await endpoints.view(endpoint)).toMatchObject({ enabled: true });
    expect(await endpoints.health(endpoint)).toBeNull();
    expect((await world.due()).filter(({ kind }) => kind === 'report')).toEqual([]);
  });
});

describe('what a receiver asks for', () => {
  it('abort-message: that event is not sent again, and the others are', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(
      (hit, nth) => (nth === 1 ? wishes('abort-message')(hit, nth) : ok(hit, nth)),
      CREATED,
    );
    const [first = '', second = ''] = await submitMany(endpoints, 2);
    await endpoints.run(DAY_MS);
    expect(await endpoints.delivery(first, 'c', endpoint)).toMatchObject({
      status: 'failed',
      reason: 'aborted',
    });
    expect(await endpoints.delivery(second, 'c', endpoint)).toMatchObject({ status: 'delivered' });
    expect((await world.sql('SELECT * FROM endpoint_health')).length).toBe(0);
  });

  it.each([
    ['with an event that it took', 200, 'delivered'],
    ['with one that it refused', 500, 'held'],
  ])('disable, %s: nothing is sent to it any more', async (_, code, expected) => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(wishes('disable', code), CREATED);
    const [first = ''] = await submitMany(endpoints, 1);
    await world.quiet();
    const [second = ''] = await submitMany(endpoints, 1);
    await endpoints.run(DAY_MS);
    expect(endpoint.hits.map(({ id }) => id)).toEqual([eventIdOf(first, 'c')]);
    expect((await endpoints.delivery(first, 'c', endpoint))?.status).toBe(expected);
    expect((await endpoints.delivery(second, 'c', endpoint))?.status).toBe('held');
    expect(await endpoints.view(endpoint)).toMatchObject({ enabled: false, disabledReason: 'requested' });
  });

  it('is its own affair where it is a job’s own address', async () => {
    const { endpoints } = await create();
    const origin = 'https://own-gone.example.org';
    const hits = endpoints.receive(origin, await endpoints.world.secret(), wishes('disable'));
    const { id } = await endpoints.submit({ webhookUrl: `${origin}/`, webhookEvents: ['job.created'] });
    await endpoints.run(DAY_MS);
    expect(hits).toHaveLength(1);
    expect(await endpoints.delivery(id, 'c')).toMatchObject({ status: 'failed', reason: 'gone' });
  });
});

describe('a resolver that cannot be asked', () => {
  it('is asked again soon, uses up no try, and says nothing about the endpoint', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(ok, CREATED);
    const { dns } = world.installed;
    dns.setDefault(() => new Response('down', { status: 503 }));
    const [id = ''] = await submitMany(endpoints, 1);
    await endpoints.run(10 * MINUTE_MS);
    const before = await endpoints.delivery(id, 'c', endpoint);
    expect(before).toMatchObject({ status: 'pending', tries: 0 });
    expect(before?.attempts.length).toBeGreaterThan(5);
    expect(new Set(before?.attempts.map(({ error }) => error))).toEqual(new Set(['resolver']));
    const [next] = (await world.due()).filter(({ kind }) => kind === 'deliver');
    expect((next?.due_at ?? 0) - Date.now()).toBeLessThanOrEqual(5 * MINUTE_MS);
    expect(await endpoints.health(endpoint)).toBeNull();
    dns.setDefault({ a: [PUBLIC_ADDRESS] });
    await endpoints.run(5 * MINUTE_MS);
    expect(await endpoints.delivery(id, 'c', endpoint)).toMatchObject({ status: 'delivered', tries: 1 });
    expect(endpoint.hits).toHaveLength(1);
  });
});
