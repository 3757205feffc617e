import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { Customer, type Json, tick } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { ask, jsonInit, problem, stable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import {
  DELIVERIES,
  ENDPOINTS,
  HOOK,
  keyOf,
  madeEndpoint,
  ORIGIN,
  request,
  send,
  wrongs,
} from './webhooks-api-fixtures.ts';

const DAY_MS = 86_400_000;
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;
const DISABLED = problem(
  409,
  'endpoint_disabled',
  'The endpoint is disabled',
  'This webhook endpoint is disabled, so nothing is sent to it. Enable it first.',
);

let network: InstalledUpstream;
beforeEach(() => {
  network = installUpstream();
});

/** A receiver of events that answers this status; what it got. */
function receiver(status = 204): { readonly headers: Headers; readonly body: string }[] {
  const got: { headers: Headers; body: string }[] = [];
  network.receive(ORIGIN, async (incoming) => {
    got.push({ headers: incoming.headers, body: await incoming.text() });
    return new Response(null, { status });
  });
  return got;
}

/** The delivery once it is not pending any more. */
async function settled(customer: Customer, id: string): Promise<Json> {
  for (;;) {
    const { body } = await send(customer, 'GET', `${DELIVERIES}/${id}`);
    if (body.status !== 'pending') return body;
    await tick();
  }
}

describe('a rotation', () => {
  it('gives another secret, and lets the old one sign for a day unless it says otherwise', async () => {
    const customer = await Customer.create();
    const { id, secret } = await madeEndpoint(customer);
    const path = `${ENDPOINTS}/${id}`;
    const before = Date.now();
    const first = await send(customer, 'POST', `${path}/rotate`);
    expect([first.status, Object.keys(first.body)]).toEqual([200, ['secret', 'old_secrets_expire_at']]);
    expect(first.headers.get('Cache-Control')).toBe('no-store');
    expect(first.body.secret).toMatch(SECRET);
    expect(first.body.secret).not.toBe(secret);
    const until = Date.parse(first.body.old_secrets_expire_at);
    expect(until - before).toBeGreaterThanOrEqual(DAY_MS);
    expect(until).toBeLessThanOrEqual(Date.now() + DAY_MS);
    const { expiring_secrets } = (await send(customer, 'GET', path)).body;
    expect(expiring_secrets).toHaveLength(1);
    expect(Date.parse(expiring_secrets[0])).toBeGreaterThanOrEqual(until);
    expect((await send(customer, 'POST', `${path}/rotate`, { grace_s: 604_800 })).status).toBe(200);
    expect((await send(customer, 'GET', path)).body.expiring_secrets).toHaveLength(2);
    const hard = await send(customer, 'POST', `${path}/rotate`, { grace_s: 0 });
    expect(Date.parse(hard.body.old_secrets_expire_at)).toBeLessThanOrEqual(Date.now());
    expect((await send(customer, 'GET', path)).body.expiring_secrets).toHaveLength(2);
  });

  it('is refused while ten sign, and says when one is free', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const path = `${ENDPOINTS}/${id}`;
    for (let made = 1; made < 10; made++) {
      expect((await send(customer, 'POST', `${path}/rotate`, { grace_s: 1_000 + made })).status).toBe(200);
    }
    const refused = await send(customer, 'POST', `${path}/rotate`, { grace_s: 60 });
    const { expiring_secrets } = (await send(customer, 'GET', path)).body;
    const free_at = expiring_secrets.toSorted()[0];
    expect([refused.status, refused.body.code, refused.body.limit, refused.body.free_at]).toEqual([
      409,
      'too_many_secrets',
      10,
      free_at,
    ]);
    expect(refused.body.detail).toBe(
      `At most 10 secrets may sign at once. The first of them ends at ${free_at}: rotate again then.`,
    );
    expect((await send(customer, 'POST', `${path}/rotate`, { grace_s: 0 })).status).toBe(200);
  });

  it.each([
    [{ grace_s: -1 }, '/grace_s: must be a whole number of seconds from 0 to 604,800'],
    [{ grace_s: 604_801 }, '/grace_s: must be a whole number of seconds from 0 to 604,800'],
    [{ grace_s: 0.5 }, '/grace_s: must be a whole number of seconds from 0 to 604,800'],
    [{ grace_s: null }, '/grace_s: must be a whole number of seconds from 0 to 604,800'],
    [{ grace: 0 }, '/grace: is not a field of this request; check its spelling'],
    ['[]', ': must be a JSON object'],
  ])('is told what is wrong with %j, wherever it is asked for', async (body, detail) => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    for (const path of [
      `${ENDPOINTS}/${id}/rotate`,
      '/api/account/webhook-secret/rotate',
      '/api/account/webhook-key/rotate',
    ]) {
      const answer = await send(customer, 'POST', path, body);
      expect([answer.status, wrongs(answer)], path).toEqual([400, [detail]]);
    }
    expect((await send(customer, 'GET', `${ENDPOINTS}/${id}`)).body.expiring_secrets).toEqual([]);
  });

  it('does not pass over a body that is no JSON: its grace would be lost', async () => {
    const customer = await Customer.create();
    const path = `${ENDPOINTS}/${(await madeEndpoint(customer)).id}/rotate`;
    const form = {
      method: 'POST',
      headers: { ...keyOf(customer), 'Content-Type': 'application/x-www-form-urlencoded' },
    };
    expect((await ask(path, { ...form, body: 'grace_s=0' })).body.code).toBe('unsupported_media_type');
    expect((await ask(path, jsonInit('{', keyOf(customer)))).body.code).toBe('malformed_body');
    expect((await ask(path, { ...form, body: '' })).status).toBe(200);
    expect((await ask(path, jsonInit('', keyOf(customer)))).status).toBe(200);
  });
});

describe('a test event', () => {
  it('is sent as any other, signed with the endpoint’s secret, and is in the log', async () => {
    const customer = await Customer.create();
    const got = receiver();
    const { id, secret } = await madeEndpoint(customer, { events: ['job.failed'] });
    const answer = await send(customer, 'POST', `${ENDPOINTS}/${id}/test`);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('Location')).toBe(`${DELIVERIES}/${answer.body.id}`);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.body).toMatchObject({ event: 'job.completed', endpoint_id: id, url: HOOK });
    const delivery = await settled(customer, answer.body.id);
    expect(delivery).toMatchObject({
      status: 'delivered',
      next_attempt_at: null,
      attempts: [{ status_code: 204, error: null, response: '', duration_ms: expect.any(Number) }],
    });
    expect(got).toHaveLength(1);
    const [{ headers, body }] = got as [(typeof got)[number]];
    expect(headers.get('webhook-id')).toBe(delivery.event_id);
    const event = new Webhook(secret).verify(body, Object.fromEntries(headers)) as Json;
    expect(event.type).toBe('job.completed');
  });

  it.each(EVENT_TYPES)('may be of each type: %s', async (event) => {
    const customer = await Customer.create();
    const got = receiver(500);
    const { id } = await madeEndpoint(customer);
    const answer = await send(customer, 'POST', `${ENDPOINTS}/${id}/test`, { event });
    expect([answer.status, answer.body.event]).toEqual([202, event]);
    const delivery = await settled(customer, answer.body.id);
    expect([delivery.status, delivery.attempts.length]).toEqual(['failed', 1]);
    expect(JSON.parse(got[0]?.body ?? '{}').type).toBe(event);
  });

  it('is refused for what is no event, for a disabled endpoint, and while the shard is away', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const path = `${ENDPOINTS}/${id}/test`;
    const wrong = await send(customer, 'POST', path, { event: 'job.done', more: 1 });
    expect([wrong.status, wrongs(wrong)]).toEqual([
      400,
      [
        `/event: must be one of ${EVENT_TYPES.join(', ')}`,
        '/more: is not a field of this request; check its spelling',
      ],
    ]);
    const away = workerWith({ SHARDS: failing('SHARDS', 'testEndpoint') });
    const unreached = await away(path, request(customer, 'POST'));
    expect([unreached.status, unreached.body.code]).toEqual([503, 'jobs_unavailable']);
    expect(unreached.headers.get('Retry-After')).toMatch(/^\d+$/);
    await send(customer, 'PATCH', `${ENDPOINTS}/${id}`, { enabled: false });
    expect(stable(await send(customer, 'POST', path))).toEqual(DISABLED);
  });
});

describe('a recovery', () => {
  const recover = (customer: Customer, id: string, body: unknown) =>
    send(customer, 'POST', `${ENDPOINTS}/${id}/recover`, body);

  it('begins, from a time in any zone, however often it is asked for', async () => {
    const customer = await Customer.create();
    await customer.start();
    const { id } = await madeEndpoint(customer);
    const since = new Date(Date.now() - DAY_MS);
    const east = `${new Date(since.getTime() + 7_200_000).toISOString().slice(0, -1)}+02:00`;
    for (const text of [since.toISOString(), east]) {
      const answer = await recover(customer, id, { since: text });
      expect([answer.status, answer.body]).toEqual([
        202,
        { endpoint_id: id, since: since.toISOString(), until: expect.stringMatching(/Z$/) },
      ]);
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
    }
  });

  it('is refused for what is no time, too long ago, or yet to come', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const time = '/since: must be a time as ISO 8601 has it, such as 2026-10-01T12:00:00Z';
    for (const [body, detail] of [
      [{}, time],
      [{ since: Date.now() }, time],
      [{ since: 'yesterday' }, time],
      [{ since: '2026-10-01' }, time],
      [{ since: new Date(Date.now() - 15 * DAY_MS).toISOString() }, '/since: must be at most 14 days ago'],
      [{ since: new Date(Date.now() + DAY_MS).toISOString() }, '/since: must not be in the future'],
    ] as const) {
      const answer = await recover(customer, id, body);
      expect([answer.status, wrongs(answer)]).toEqual([400, [detail]]);
    }
  });

  it('is refused for a disabled endpoint, and 503 while a shard is away, for it may be asked for again', async () => {
    const customer = await Customer.create();
    await customer.start();
    const { id } = await madeEndpoint(customer);
    const since = new Date(Date.now() - DAY_MS).toISOString();
    const away = workerWith({ SHARDS: failing('SHARDS', 'recover', 'endpointStats') });
    const unreached = await away(`${ENDPOINTS}/${id}/recover`, request(customer, 'POST', { since }));
    expect([unreached.status, unreached.body.code]).toEqual([503, 'jobs_unavailable']);
    expect(unreached.body.detail).toContain('safe to ask again');
    expect((await away(`${ENDPOINTS}/${id}/stats`, request(customer, 'GET'))).status).toBe(503);
    await send(customer, 'PATCH', `${ENDPOINTS}/${id}`, { enabled: false });
    expect(stable(await recover(customer, id, { since }))).toEqual(DISABLED);
  });
});

describe('statistics', () => {
  it('have every day that was asked for, today first, with nothing in it before anything was sent', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    for (const [query, days] of [
      ['', 7],
      ['?days=1', 1],
      ['?days=30', 30],
    ] as const) {
      const answer = await send(customer, 'GET', `${ENDPOINTS}/${id}/stats${query}`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
      const { days: told, ...rest } = answer.body;
      expect(rest).toEqual({
        endpoint_id: id,
        delivered: 0,
        failed: 0,
        last_delivered_at: null,
        failing_since: null,
      });
      const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      expect(told).toEqual(
        Array.from({ length: days }, (_, ago) => ({
          date: new Date(today - ago * DAY_MS).toISOString().slice(0, 10),
          delivered: 0,
          failed: 0,
          average_duration_ms: null,
        })),
      );
    }
  });

  it('count what was delivered and what was not', async () => {
    const customer = await Customer.create();
    receiver(500);
    const { id } = await madeEndpoint(customer);
    const test = async () =>
      settled(customer, (await send(customer, 'POST', `${ENDPOINTS}/${id}/test`)).body.id);
    await test();
    const failing = (await send(customer, 'GET', `${ENDPOINTS}/${id}/stats?days=1`)).body;
    expect(failing).toMatchObject({ delivered: 0, failed: 1, last_delivered_at: null });
    receiver(200);
    await test();
    const { body } = await send(customer, 'GET', `${ENDPOINTS}/${id}/stats?days=1`);
    expect(body).toMatchObject({
      delivered: 1,
      failed: 1,
      failing_since: null,
      last_delivered_at: expect.stringMatching(/Z$/),
      days: [{ delivered: 1, failed: 1, average_duration_ms: expect.any(Number) }],
    });
  });

  it.each(['0', '31', '-1', '1.5', 'all', ''])('have no %j days', async (days) => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const answer = await send(customer, 'GET', `${ENDPOINTS}/${id}/stats?days=${days}`);
    expect([answer.status, wrongs(answer)]).toEqual([400, ['?days: must be 1 to 30']]);
  });
});
