import { describe, expect, it } from 'vitest';
import { FAILING_MS } from '../../src/worker/webhooks/health.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { RETRY_DELAYS_MS } from '../../src/worker/webhooks/schedule.ts';
import { uniquePrompt } from '../support/customer.ts';
import { until } from '../support/upstream.ts';
import { type Answer, Endpoints, gaps, ok, status, timesOut } from './deliveries-fixtures.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS, World } from './jobs-fixtures.ts';

const CREATED = { events: ['job.created'] } as const;
/** Of the whole schedule, in seconds, without jitter. */
const DELAYS_S = RETRY_DELAYS_MS.slice(1).map((ms) => ms / SECOND_MS);

async function create() {
  const world = await World.create();
  return { world, endpoints: await Endpoints.of(world) };
}

/** Sends one event to an endpoint that answers so, and lets the whole schedule pass. */
async function wholeSchedule(answer: Answer) {
  const { world, endpoints } = await create();
  const endpoint = await endpoints.make(answer, CREATED);
  const { id } = await endpoints.submit();
  await endpoints.run(6 * DAY_MS);
  const delivery = await endpoints.delivery(id, 'c', endpoint);
  return { world, endpoints, endpoint, id, delivery };
}

describe('an event whose receiver always', () => {
  it.each<[string, Answer, { error: string | null; status_code: number | null }]>([
    ['answers 500', status(500), { error: null, status_code: 500 }],
    ['answers 502', status(502), { error: null, status_code: 502 }],
    ['answers 504', status(504), { error: null, status_code: 504 }],
    ['answers 429', status(429), { error: null, status_code: 429 }],
    [
      'redirects',
      status(302, { Location: 'https://elsewhere.example.org' }),
      { error: 'redirect', status_code: 302 },
    ],
    ['times out', timesOut, { error: 'timeout', status_code: null }],
  ])('%s is tried ten times in 75:35:05, and then no more', async (_, answer, expected) => {
    const { endpoint, id, delivery } = await wholeSchedule(answer);
    expect(endpoint.hits).toHaveLength(10);
    for (const [n, gap] of gaps(endpoint.hits).entries()) {
      const share = gap / (DELAYS_S[n] ?? 0);
      expect(share).toBeGreaterThanOrEqual(0.8);
      // The pause of a slowed endpoint may be a little longer than the second try's.
      expect(share).toBeLessThanOrEqual(n === 0 ? 1.5 : 1.2);
    }
    expect(new Set(endpoint.hits.map((hit) => `${hit.id} ${hit.text}`)).size).toBe(1);
    expect(endpoint.hits[0]?.id).toBe(eventIdOf(id, 'c'));
    expect(delivery).toMatchObject({ status: 'failed', reason: 'exhausted', tries: 10 });
    expect(delivery?.attempts).toHaveLength(10);
    for (const attempt of delivery?.attempts ?? [])
      expect(attempt).toMatchObject({ ...expected, manual: false });
    expect(delivery?.attempts.map(({ at }) => at)).toEqual(endpoint.hits.map(({ at }) => at));
  });

  it('sums up to 75:35:05', () => {
    expect(DELAYS_S.reduce((sum, s) => sum + s, 0)).toBe(75 * 3_600 + 35 * 60 + 5);
  });
});

describe('Retry-After', () => {
  it.each<[string, () => string, number]>([
    ['as seconds', () => '3600', 3_600],
    ['with a fraction', () => '90.5', 90.5],
    ['as a date', () => new Date(Date.now() + 20 * MINUTE_MS).toUTCString(), 20 * 60],
    ['of a year, within bounds', () => '31536000', 6 * 3_600],
    ['sooner than our own delay, which holds', () => '0', 5],
  ])('%s is honoured', async (_, header, seconds) => {
    const { endpoints } = await create();
    const endpoint = await endpoints.make(
      (hit, nth) => (nth === 1 ? status(503, { 'Retry-After': header() })(hit, nth) : ok(hit, nth)),
      CREATED,
    );
    await endpoints.submit();
    await endpoints.run(DAY_MS);
    const [gap = 0] = gaps(endpoint.hits);
    expect(endpoint.hits).toHaveLength(2);
    expect(gap).toBeGreaterThanOrEqual(seconds * 0.8 - 1);
    expect(gap).toBeLessThanOrEqual(seconds * 1.2 + 1);
  });
});

describe('an endpoint that asks for less', () => {
  it.each([429, 502, 504])(
    'by %i gets nothing for a while, longer each time, and all of it in the end',
    async (code) => {
      const { world, endpoints } = await create();
      let refusals = 5;
      const endpoint = await endpoints.make(
        (hit, nth) => (refusals-- > 0 ? status(code)(hit, nth) : ok(hit, nth)),
        CREATED,
      );
      const ids: string[] = [];
      for (let n = 0; n < 6; n++) {
        ids.push((await endpoints.submit()).id);
        await world.quiet();
      }
      // The first was refused, and the others have not been sent at all.
      expect(endpoint.hits).toHaveLength(1);
      expect(await endpoints.health(endpoint)).toMatchObject({ slowStep: 1, failingSince: Date.now() });
      await endpoints.run(DAY_MS);
      // One at a time while it is slow: five pauses, each about twice as long as the one before.
      const pauses = gaps(endpoint.hits).slice(0, 5);
      for (const [n, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(5 * 0.8 * 2 ** n);
      for (const id of ids) {
        expect(await endpoints.delivery(id, 'c', endpoint)).toMatchObject({ status: 'delivered' });
      }
      expect(await endpoints.health(endpoint)).toBeNull();
    },
  );

  it('plans each event that waits once for its turn, not again and again', async () => {
    const { world, endpoints } = await create();
    const endpoint = await endpoints.make(
      (hit, nth) => (nth === 1 ? status(429, { 'Retry-After': '600' })(hit, nth) : ok(hit, nth)),
      CREATED,
    );
    await endpoints.submit();
    await world.quiet();
    for (let n = 0; n < 5; n++) await endpoints.submit();
    await world.quiet();
    const plans = async () => (await world.due()).filter(({ kind }) => kind === 'deliver');
    const before = await plans();
    for (let minute = 0; minute < 9; minute++) await world.pass(MINUTE_MS);
    expect(await plans()).toEqual(before);
    expect(endpoint.hits).toHaveLength(1);
    await endpoints.run(10 * MINUTE_MS);
    expect(endpoint.hits).toHaveLength(7);
    expect(Math.min(...gaps(endpoint.hits).slice(0, 2))).toBeGreaterThan(0);
  });
});

describe('five days of nothing but failures', () => {
  /** Three events in six days: none of them is tried for as long as five. */
  async function sixDays(endpoints: Endpoints, during: (day: number) => Promise<void> = async () => {}) {
    for (const day of [0, 2, 4]) {
      await endpoints.submit();
      await during(day);
      await endpoints.run(2 * DAY_MS);
    }
  }

  it('disable the endpoint, which its owner hears of elsewhere, and keep what comes', async () => {
    const { endpoints } = await create();
    const failing = await endpoints.make(status(500), { events: ['job.created', 'endpoint.disabled'] });
    const other = await endpoints.make(ok, { events: ['endpoint.disabled'] });
    const startedAt = Date.now();
    await sixDays(endpoints);
    const { disabledAt, ...view } = await endpoints.view(failing);
    expect(view).toMatchObject({ enabled: false, disabledReason: 'failing' });
    expect((disabledAt ?? 0) - startedAt).toBeGreaterThanOrEqual(FAILING_MS);
    expect((disabledAt ?? 0) - startedAt).toBeLessThan(FAILING_MS + DAY_MS);
    await until(() => other.hits.length > 0);
    expect(other.hits.map(({ body }) => body)).toEqual([
      {
        type: 'endpoint.disabled',
        timestamp: new Date(disabledAt ?? 0).toISOString(),
        data: {
          endpoint_id: failing.id,
          url: failing.url,
          reason: 'failing',
          since: new Date(startedAt).toISOString(),
        },
      },
    ]);
    const count = failing.hits.length;
    const last = await endpoints.submit();
    await endpoints.run(5 * DAY_MS);
    expect(failing.hits).toHaveLength(count);
    expect(await endpoints.delivery(last.id, 'c', failing)).toMatchObject({ status: 'held', tries: 0 });
    const statuses = (await endpoints.deliveries()).map((one) => `${one.type} ${one.status} ${one.reason}`);
    const counted = (wanted: string) => statuses.filter((one) => one === wanted).length;
    expect([statuses.length, counted('endpoint.disabled delivered null')]).toEqual([5, 1]);
    // Whether the second event has its last try before the endpoint is disabled is for the jitter to say.
    expect([
      [1, 3],
      [2, 2],
    ]).toContainEqual([counted('job.created failed exhausted'), counted('job.created held null')]);
  });

  it('do not while one event in them has come through', async () => {
    const { world, endpoints } = await create();
    let well = false;
    const failing = await endpoints.make(
      (hit, nth) => (well ? ok(hit, nth) : status(500)(hit, nth)),
      CREATED,
    );
    const startedAt = Date.now();
    await sixDays(endpoints, async (day) => {
      well = day === 2;
      await world.quiet();
      well = false;
    });
    expect(await endpoints.view(failing)).toMatchObject({ enabled: true });
    expect((await endpoints.health(failing)).failingSince).toBeGreaterThan(startedAt + DAY_MS);
    expect((await world.due()).filter(({ kind }) => kind === 'report')).toEqual([]);
  });

  it('do not when another shard has delivered meanwhile', async () => {
    const world = await World.create();
    const endpoints = await Endpoints.of(world, ['weur', 'enam']);
    let well = false;
    const failing = await endpoints.make(
      (hit, nth) => (well ? ok(hit, nth) : status(500)(hit, nth)),
      CREATED,
    );
    const startedAt = Date.now();
    await sixDays(endpoints, async (day) => {
      await world.quiet();
      if (day !== 2) return;
      well = true;
      const prompt = uniquePrompt();
      world.upstream.plan(prompt, { status: ['running'] });
      await world.customer.start({ prompt }, { 'X-Firstframe-Region': 'enam' });
      await world.quiet('enam');
      well = false;
    });
    expect(await endpoints.deliveries('enam')).toMatchObject([{ status: 'delivered' }]);
    expect(await endpoints.view(failing)).toMatchObject({ enabled: true });
    // The days are counted anew from the answer of the account.
    const { failingSince, mark } = await endpoints.health(failing);
    expect([failingSince >= startedAt + FAILING_MS, mark]).toEqual([true, null]);
  });
});
