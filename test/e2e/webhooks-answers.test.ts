/** What receivers can do to a delivery, as its owner reads it in the log; and a receiver that was down and comes back. */

import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ScriptedDns } from '../support/dns.ts';
import { lastingPort } from '../support/ports.ts';
import { listen, openReceiver, type Receiver } from '../support/receiver.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';
import { soakOr } from '../support/soak.ts';
import { startUpstreamServer, type UpstreamServer } from '../support/upstream-server.ts';
import { WebhookAccount } from '../support/webhook-account.ts';

vi.setConfig({ testTimeout: soakOr(240_000, 60_000) });

const PATIENCE = { timeout: soakOr(180_000, 45_000), interval: 50 };
/** Of an answer's body. */
const KEPT_BYTES = 16_384;
const MIB = 1_048_576;
const MINUTE_MS = 60_000;
const HOUR_S = 3_600;

let upstream: UpstreamServer;
let service: TestService;
const dns = new ScriptedDns();
const resolver = createHttpServer(async (request, response) => {
  const url = new URL(request.url ?? '', 'http://resolver.test');
  const answer = await dns.handle(new Request(url, { headers: { accept: 'application/dns-json' } }));
  response.writeHead(answer.status, { 'content-type': 'application/dns-json' }).end(await answer.text());
});

beforeAll(async () => {
  upstream = await startUpstreamServer({ key: 'test-key' });
  // A job ends as soon as it was handed on.
  upstream.upstream.planAll({ submit: [{ status: 422, body: { detail: 'no such picture' } }] });
  const { port } = await listen(resolver);
  service = await startService({
    upstream: upstreamAt(upstream.url),
    vars: { DOH_URL: `http://127.0.0.1:${port}/dns-query` },
  });
});
afterAll(async () => {
  await service?.close();
  await upstream.close();
  resolver.closeAllConnections();
  resolver.close();
});

const newAccount = async () => {
  const { apiKey } = await service.account();
  return new WebhookAccount({ url: service.url, apiKey });
};

/** A body that goes on until the other side has had enough. */
function endless(response: ServerResponse, status: number): undefined {
  response.writeHead(status);
  const chunk = Buffer.alloc(65_536, 'endless ');
  const more = () => {
    while (!response.destroyed && response.write(chunk)) {}
  };
  response.on('drain', more);
  more();
}

/** By path: how the receiver answers. Undefined: it has seen to the answer itself. */
const ANSWERS: Readonly<
  Record<string, (response: ServerResponse, canary: Receiver) => number | undefined | Promise<number>>
> = {
  '/well': () => 204,
  '/gone': () => 410,
  '/disable': (response) => void response.writeHead(200, { 'webhook-delivery': 'disable' }).end('enough'),
  '/refuse-and-disable': (response) => void response.writeHead(500, { 'Webhook-Delivery': 'disable' }).end(),
  '/abort': (response) =>
    void response.writeHead(500, { 'webhook-delivery': 'abort-message' }).end('not this'),
  '/301': (response, { url }) => void response.writeHead(301, { location: url }).end(),
  '/302': (response, { url }) => void response.writeHead(302, { location: url }).end(),
  '/307': (response, { url }) => void response.writeHead(307, { location: url }).end(),
  '/308': (response, { url }) => void response.writeHead(308, { location: url }).end(),
  '/later': (response) => void response.writeHead(429, { 'retry-after': String(2 * HOUR_S) }).end(),
  '/endless': (response) => endless(response, 200),
  '/endless-failure': (response) => endless(response, 503),
  '/mebibyte': (response) => void response.writeHead(200).end('m'.repeat(MIB)),
  '/stalls': (response) => void response.writeHead(200).write('the rest never comes'),
  '/closes': (response) => void response.destroy(),
  '/hangs': () => undefined,
};

/** Each path and each of these ports is an endpoint that hears of the end of jobs alone. */
const EXPECTED: Readonly<Record<string, object>> = {
  '/well': { status: 'delivered', attempts: [{ status_code: 204, error: null, response: '' }] },
  '/gone': { status: 'failed', reason: 'gone', attempts: [{ status_code: 410, error: null }] },
  '/disable': { status: 'delivered', attempts: [{ status_code: 200, error: null, response: 'enough' }] },
  '/refuse-and-disable': { status: 'held', attempts: [{ status_code: 500, error: null }] },
  '/abort': {
    status: 'failed',
    reason: 'aborted',
    attempts: [{ status_code: 500, error: null, response: 'not this' }],
  },
  '/301': { status: 'pending', attempts: [{ status_code: 301, error: 'redirect' }] },
  '/302': { status: 'pending', attempts: [{ status_code: 302, error: 'redirect' }] },
  '/307': { status: 'pending', attempts: [{ status_code: 307, error: 'redirect' }] },
  '/308': { status: 'pending', attempts: [{ status_code: 308, error: 'redirect' }] },
  '/later': { status: 'pending', attempts: [{ status_code: 429, error: null }] },
  '/endless': {
    status: 'delivered',
    attempts: [{ status_code: 200, response: 'endless '.repeat(KEPT_BYTES / 8) }],
  },
  '/endless-failure': {
    status: 'pending',
    attempts: [{ status_code: 503, response: 'endless '.repeat(KEPT_BYTES / 8) }],
  },
  '/mebibyte': { status: 'delivered', attempts: [{ status_code: 200, response: 'm'.repeat(KEPT_BYTES) }] },
  '/stalls': {
    status: 'delivered',
    attempts: [{ status_code: 200, error: null, response: 'the rest never comes' }],
  },
  '/closes': { status: 'pending', attempts: [{ status_code: null, error: 'network', response: null }] },
  '/hangs': { status: 'pending', attempts: [{ status_code: null, error: 'timeout', response: null }] },
  // workerd does not tell a connection that was refused, or a handshake that failed, from one that broke.
  refused: { status: 'pending', attempts: [{ status_code: null, error: 'network', response: null }] },
  garbage: { status: 'pending', attempts: [{ status_code: null, error: 'network', response: null }] },
  'no TLS': { status: 'pending', attempts: [{ status_code: null, error: 'network', response: null }] },
};

/** Those that are on a port of their own, for the time that they take. */
const SLOW = ['/stalls', '/hangs'];

/** Of each third: refused by the receiver, not reached, and held. */
const MISSED_JOBS = soakOr(30, 4);
const MISSED_EVENTS = ['job.created', 'job.failed'];

describe('deliveries in the log of their owner', () => {
  let account: WebhookAccount;
  let canary: Receiver;
  const opened: Receiver[] = [];
  const garbage = createNetServer((socket) => {
    socket.on('error', () => socket.destroy());
    // The beginning of a handshake, to somebody who speaks HTTP.
    socket.end(Buffer.from('160301020001000fc0303deadbeef', 'hex'));
  });
  /** Ids of endpoints, by what they do. */
  const endpoints = new Map<string, string>();
  const idOf = (name: string) => endpoints.get(name) ?? '';
  let jobId: string;
  /** The deliveries of a job's end, by what their endpoints do. */
  const deliveriesOf = async (job: string) => {
    const byEndpoint = new Map(
      (await account.deliveries({ job_id: job })).map((one) => [one.endpoint_id, one]),
    );
    return new Map([...endpoints].map(([name, id]) => [name, byEndpoint.get(id)]));
  };
  /** The names of those that have not been tried. */
  const untried = async () =>
    [...(await deliveriesOf(jobId))].filter(([, one]) => !one?.attempts.length).map(([name]) => name);

  beforeAll(async () => {
    account = await newAccount();
    canary = await openReceiver(() => 204);
    const open = async () => {
      const receiver = await openReceiver(({ path }, response) => ANSWERS[path]?.(response, canary));
      opened.push(receiver);
      return `http://127.0.0.1:${receiver.port}`;
    };
    const at = await open();
    for (const path of Object.keys(ANSWERS)) {
      const url = (SLOW.includes(path) ? await open() : at) + path;
      endpoints.set(path, (await account.makeEndpoint(url, { events: ['job.failed'] })).id);
    }
    const others = {
      refused: `http://127.0.0.1:${await lastingPort()}/hook`,
      garbage: (await listen(garbage)).url,
      'no TLS': `${at.replace('http:', 'https:')}/well`,
    };
    for (const [name, url] of Object.entries(others)) {
      endpoints.set(name, (await account.makeEndpoint(url, { events: ['job.failed'] })).id);
    }
    jobId = await account.submit();
  });
  afterAll(async () => {
    garbage.close();
    await Promise.all([canary, ...opened].map((receiver) => receiver?.close()));
  });

  test('tell each answer by its class, and show 16 KiB of it', async () => {
    await expect.poll(untried, PATIENCE).toEqual(['/hangs']);
    for (const [name, delivery] of await deliveriesOf(jobId)) {
      if (name === '/hangs') continue;
      // Some have been tried again by now.
      const first = { ...delivery, attempts: delivery.attempts.slice(0, 1) };
      expect(first, name).toMatchObject({ event: 'job.failed', job_id: jobId, ...EXPECTED[name] });
    }
  });

  test('are held after 410 and after the wish to be disabled, and the owner sees why', async () => {
    const reasons = { '/gone': 'gone', '/disable': 'requested', '/refuse-and-disable': 'requested' };
    for (const [name, disabled_reason] of Object.entries(reasons)) {
      await expect
        .poll(() => account.endpoint(idOf(name)), PATIENCE)
        .toMatchObject({ enabled: false, disabled_reason, disabled_at: expect.any(String) });
    }
    for (const name of ['/well', '/abort', '/later', '/307']) {
      expect(await account.endpoint(idOf(name)), name).toMatchObject({ enabled: true });
    }
    const later = await account.submit();
    await expect
      .poll(async () => (await deliveriesOf(later)).get('/well')?.status, PATIENCE)
      .toBe('delivered');
    for (const name of Object.keys(reasons)) {
      expect((await deliveriesOf(later)).get(name), name).toMatchObject({ status: 'held', attempts: [] });
    }
    const held = await account.deliveries({ status: 'held', endpoint_id: idOf('/gone') });
    expect(held.map(({ job_id }) => job_id)).toEqual([later]);
  });

  test('wait after 429 for as long as Retry-After says, and those behind them within the bounds', async () => {
    const limited = (await deliveriesOf(jobId)).get('/later');
    const at = Date.parse(limited.attempts[0].at);
    expect(limited.attempts).toHaveLength(1);
    expect(Date.parse(limited.next_attempt_at)).toBeGreaterThanOrEqual(at + 2 * HOUR_S * 1_000);
    expect(Date.parse(limited.next_attempt_at)).toBeLessThanOrEqual(Date.now() + 2 * HOUR_S * 1_000);
    const next = await account.submit();
    const waiting = async () => Date.parse((await deliveriesOf(next)).get('/later')?.next_attempt_at);
    await expect.poll(waiting, PATIENCE).toBeGreaterThanOrEqual(at + HOUR_S * 1_000);
    expect((await deliveriesOf(next)).get('/later')).toMatchObject({ status: 'pending', attempts: [] });
  });

  test('go to no address that a redirect names', async () => {
    const redirected = opened[0]?.arrivals.filter(({ path }) => /^\/30\d$/.test(path)) ?? [];
    expect(new Set(redirected.map(({ path }) => path)).size).toBe(4);
    expect(canary.arrivals).toEqual([]);
  });

  test('tell a name without an address, one with a private address, and a resolver that is down', async () => {
    const account = await newAccount();
    dns.set('nowhere.example.com', { status: 3 });
    dns.set('inside.example.com', { a: ['10.1.2.3'] });
    dns.set('mixed.example.com', { a: ['93.184.215.14'], aaaa: ['fd00::1'] });
    const logged = async (url: string) => {
      const job = await account.submit({ webhook_url: url });
      const attempts = async () => (await account.deliveries({ job_id: job }))[0]?.attempts ?? [];
      await expect.poll(async () => (await attempts()).length, PATIENCE).toBeGreaterThan(0);
      const [delivery] = await account.deliveries({ job_id: job });
      return delivery;
    };
    const expected = { nowhere: 'dns', inside: 'address', mixed: 'address' };
    for (const [name, error] of Object.entries(expected)) {
      const delivery = await logged(`https://${name}.example.com/hook`);
      expect(delivery, name).toMatchObject({ status: 'pending', endpoint_id: null });
      expect(delivery.attempts[0], name).toMatchObject({ status_code: null, error, response: null });
      await expect(account.makeEndpoint(`https://${name}.example.com/hook`)).rejects.toThrow(/400 .*\/url/);
    }
    const down = () => new Response('out of order', { status: 500 });
    dns.set('unknown.example.com', down);
    dns.set('example.com', down);
    const delivery = await logged('https://unknown.example.com/hook');
    expect(delivery.attempts[0]).toMatchObject({ status_code: null, error: 'resolver' });
    await expect(account.makeEndpoint('https://unknown.example.com/hook')).rejects.toThrow('503');
  });

  test('come to a receiver that was down when the owner asks, once, under the ids that it knows', async () => {
    const account = await newAccount();
    const since = new Date().toISOString();
    let receiver = await openReceiver(
      (_, response) => void response.writeHead(500, { 'webhook-delivery': 'abort-message' }).end(),
      await lastingPort(),
    );
    onTestFinished(() => receiver.close());
    const { id, url, secret } = await account.makeEndpoint(receiver.url, { events: MISSED_EVENTS });
    expect(secret).toMatch(/^whsec_/);
    const jobs = async () => {
      const made: string[] = [];
      while (made.length < MISSED_JOBS) made.push(await account.submit());
      return made;
    };
    const all = (filters: Record<string, string> = {}) => account.deliveries({ endpoint_id: id, ...filters });
    const count = async (status: string) => (await all({ status })).length;

    const aborted = await jobs();
    await expect.poll(() => count('failed'), PATIENCE).toBe(2 * MISSED_JOBS);
    const before = receiver;
    await receiver.close();
    const unreached = await jobs();
    const ofUnreached = async () => (await all()).filter(({ job_id }) => unreached.includes(job_id));
    await expect
      .poll(async () => (await ofUnreached()).some(({ attempts }) => attempts.length > 0), PATIENCE)
      .toBe(true);
    await account.changeEndpoint(id, { enabled: false });
    const unsent = await jobs();
    // Those that are soon to be tried are held when their time comes.
    const soon = async () =>
      (await ofUnreached()).filter(
        ({ status, next_attempt_at: next }) =>
          status === 'pending' && (next === null || Date.parse(next) < Date.now() + MINUTE_MS),
      );
    await expect.poll(async () => (await soon()).length, PATIENCE).toBe(0);
    await expect(account.call('POST', `/api/webhook-endpoints/${id}/recover`, { since })).rejects.toThrow(
      'endpoint_disabled',
    );

    receiver = await openReceiver(() => 204, before.port);
    expect(receiver.url).toBe(url);
    await account.changeEndpoint(id, { enabled: true });
    // On a machine that is slow one may have been tried twice before it was disabled: it has not failed yet, and waits.
    for (const { id: waiting } of await all({ status: 'pending' })) {
      await account.call('POST', `/api/webhook-deliveries/${waiting}/resend`);
    }
    const recovered = await account.call('POST', `/api/webhook-endpoints/${id}/recover`, { since });
    expect(recovered).toMatchObject({ endpoint_id: id, since });
    await expect.poll(() => count('delivered'), PATIENCE).toBe(6 * MISSED_JOBS);

    const deliveries = await all();
    expect(deliveries).toHaveLength(6 * MISSED_JOBS);
    const statuses = (job: string) =>
      deliveries
        .filter(({ job_id }) => job_id === job)
        .map(({ attempts }) =>
          attempts.map(({ status_code, error, manual }: Record<string, unknown>) => [
            status_code ?? error,
            manual,
          ]),
        );
    const taken = [204, true];
    for (const job of aborted) expect(statuses(job)).toEqual(Array(2).fill([[500, undefined], taken]));
    for (const job of unsent) expect(statuses(job)).toEqual(Array(2).fill([taken]));
    const tried = unreached.flatMap(statuses);
    for (const attempts of tried) {
      expect(attempts).toEqual([...Array(attempts.length - 1).fill(['network', undefined]), taken]);
    }
    expect(Math.max(...tried.map(({ length }) => length))).toBeGreaterThan(1);
    const ids = deliveries.map(({ event_id }) => event_id).sort();
    expect(receiver.arrivals.map((arrival) => arrival.id).sort()).toEqual(ids);
    const first = deliveries.filter(({ job_id }) => aborted.includes(job_id)).map(({ event_id }) => event_id);
    expect(before.arrivals.map((arrival) => arrival.id).sort()).toEqual(first.sort());
    // What was never tried comes in its order.
    for (const job of unsent) {
      const types = receiver.arrivals
        .map(({ body }) => JSON.parse(body))
        .filter(({ data }) => data.job_id === job);
      expect(types.map(({ type }) => type)).toEqual(MISSED_EVENTS);
    }

    for (let n = 0; n < 2; n++) await account.call('POST', `/api/webhook-endpoints/${id}/recover`, { since });
    const { id: example } = await account.call('POST', `/api/webhook-endpoints/${id}/test`, {});
    await expect.poll(async () => (await account.delivery(example)).status, PATIENCE).toBe('delivered');
    expect((await all()).slice(1)).toEqual(deliveries);
    expect(receiver.arrivals).toHaveLength(6 * MISSED_JOBS + 1);
  });

  // The last one: it waits for the end of a try that has been under way since the beginning.
  test('add up to the statistics, and the receiver that hangs has had its time', async () => {
    await expect.poll(untried, PATIENCE).toEqual([]);
    expect((await deliveriesOf(jobId)).get('/hangs')).toMatchObject(EXPECTED['/hangs'] ?? {});
    for (const [name, id] of endpoints) {
      const read = async () => {
        const [stats, deliveries] = await Promise.all([
          account.stats(id),
          account.deliveries({ endpoint_id: id }),
        ]);
        const codes: (number | null)[] = deliveries.flatMap(({ attempts }) =>
          attempts.map(({ status_code }: { status_code: number | null }) => status_code),
        );
        const delivered = codes.filter((code) => code === 200 || code === 204).length;
        const sums = { delivered: 0, failed: 0 };
        for (const day of stats.days) {
          sums.delivered += day.delivered;
          sums.failed += day.failed;
        }
        return { stats, sums, log: { delivered, failed: codes.length - delivered } };
      };
      // A try that ends meanwhile is in one of them first.
      const differences = async () => {
        const { stats, sums, log } = await read();
        return [stats, sums].flatMap((of) => [of.delivered - log.delivered, of.failed - log.failed]);
      };
      await expect.poll(differences, PATIENCE).toEqual([0, 0, 0, 0]);
      const { stats, log } = await read();
      expect(log.delivered + log.failed, name).toBeGreaterThan(0);
      expect([stats.last_delivered_at !== null, stats.failing_since !== null], name).toEqual([
        log.delivered > 0,
        log.failed > 0,
      ]);
    }
  });
});
