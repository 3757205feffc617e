import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { JobShard } from '../../src/worker/jobs/shard.ts';
import { admin, Customer, type Json } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { ask, problem, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { ENDPOINTS, HOOK, madeEndpoint, request, send, steady } from './webhooks-api-fixtures.ts';

const NOT_FOUND = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;
/** Every route about one endpoint, with a body that is right. */
const ABOUT = [
  ['GET', '', undefined],
  ['PATCH', '', {}],
  ['DELETE', '', undefined],
  ['POST', '/rotate', undefined],
  ['POST', '/test', undefined],
  ['POST', '/recover', { since: new Date().toISOString() }],
  ['GET', '/stats', undefined],
] as const;

let network: InstalledUpstream;
beforeEach(() => {
  network = installUpstream();
});

describe('an endpoint that is made', () => {
  it('is answered with its secret, and hears of everything unless it says less', async () => {
    const customer = await Customer.create();
    const answer = await send(customer, 'POST', ENDPOINTS, { url: ' https://Hooks.Example.org:443/a?b#c ' });
    expect([answer.status, steady(stable(answer))]).toEqual([
      201,
      {
        id: '<endpoint>',
        url: 'https://hooks.example.org/a?b#c',
        events: null,
        description: '',
        header_names: [],
        rate_limit: null,
        enabled: true,
        created_at: '<time>',
        updated_at: '<time>',
        expiring_secrets: [],
        secret: '<secret>',
      },
    ]);
    expect(answer.body.secret).toMatch(SECRET);
    expect(answer.headers.get('Location')).toBe(`${ENDPOINTS}/${answer.body.id}`);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(network.dns.questions.sort()).toEqual(['hooks.example.org A', 'hooks.example.org AAAA']);
  });

  it('has what it was told, events once and in the order of the docs, and shows no value of a header', async () => {
    const customer = await Customer.create();
    const made = await madeEndpoint(customer, {
      events: ['job.failed', 'upload.completed', 'job.failed', 'job.completed'],
      description: 'production',
      headers: { Authorization: 'Bearer hunter2', 'X-Team': 'video' },
      rate_limit: 50,
      enabled: false,
    });
    const { secret: _, ...shown } = made;
    expect(shown).toMatchObject({
      events: ['job.completed', 'job.failed', 'upload.completed'],
      description: 'production',
      header_names: ['Authorization', 'X-Team'],
      rate_limit: 50,
      enabled: false,
      disabled_reason: 'manual',
      disabled_at: expect.any(String),
    });
    const read = await send(customer, 'GET', `${ENDPOINTS}/${made.id}`);
    expect([read.status, read.body]).toEqual([200, shown]);
    expect(read.headers.get('Cache-Control')).toBe('no-store');
    const list = await send(customer, 'GET', ENDPOINTS);
    expect([list.status, list.body]).toEqual([200, { data: [shown] }]);
    expect(list.headers.get('Cache-Control')).toBe('no-store');
    expect(read.text + list.text).not.toMatch(/hunter2|whsec_/);
  });

  it('is made as the docs say it', async () => {
    const page = await ask('/docs');
    const code = page.text.replaceAll('&quot;', '"').replaceAll('&#39;', "'");
    const body = /webhook-endpoints' \\[\s\S]*? -d '([^']+)'/.exec(code)?.[1] ?? '';
    const answer = await send(await Customer.create(), 'POST', ENDPOINTS, body);
    expect([answer.status, answer.body.events]).toEqual([201, ['job.completed', 'job.failed']]);
  });

  it('takes the key from the body', async () => {
    const customer = await Customer.create();
    const { key: api_key } = customer;
    const headers = { 'Content-Type': 'application/json' };
    const made = await ask(ENDPOINTS, {
      method: 'POST',
      headers,
      body: JSON.stringify({ url: HOOK, api_key }),
    });
    expect(made.status).toBe(201);
    const path = `${ENDPOINTS}/${made.body.id}`;
    const patch = await ask(path, { method: 'PATCH', headers, body: JSON.stringify({ api_key }) });
    const rotate = await ask(`${path}/rotate`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ api_key }),
    });
    expect([patch.status, rotate.status]).toEqual([200, 200]);
  });

  it('is the twentieth at most', async () => {
    const customer = await Customer.create();
    const made = await Promise.all(Array.from({ length: 20 }, () => madeEndpoint(customer)));
    const refused = await send(customer, 'POST', ENDPOINTS, { url: HOOK });
    expect(stable(refused)).toEqual(
      problem(
        409,
        'too_many_endpoints',
        'Too many webhook endpoints',
        'An account may have 20 webhook endpoints. Delete one, or change one.',
        { limit: 20 },
      ),
    );
    expect((await send(customer, 'DELETE', `${ENDPOINTS}/${made[0].id}`)).status).toBe(204);
    expect((await send(customer, 'POST', ENDPOINTS, { url: HOOK })).status).toBe(201);
  });
});

describe('an endpoint that is changed', () => {
  it('keeps what is not named, and is told what is', async () => {
    const customer = await Customer.create();
    const fields = {
      events: ['job.completed'],
      rate_limit: 5,
      headers: { 'X-Team': 'a' },
      description: 'one',
    };
    const { secret: _, ...before } = await madeEndpoint(customer, fields);
    const path = `${ENDPOINTS}/${before.id}`;
    const steps: readonly [Record<string, unknown>, Json][] = [
      [{}, {}],
      [{ url: 'https://other.example.org/x' }, { url: 'https://other.example.org/x' }],
      [
        { events: null, rate_limit: null },
        { events: null, rate_limit: null },
      ],
      [
        { headers: { 'X-Other': 'b' }, description: '' },
        { header_names: ['X-Other'], description: '' },
      ],
      [{ headers: {} }, { header_names: [] }],
      [
        { enabled: false },
        { enabled: false, disabled_reason: 'manual', disabled_at: expect.stringMatching(/Z$/) },
      ],
    ];
    let expected = before;
    for (const [change, difference] of steps) {
      const answer = await send(customer, 'PATCH', path, change);
      expected = { ...expected, ...difference, updated_at: expect.any(String) };
      expect([answer.status, answer.body]).toEqual([200, expected]);
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
    }
    const enabled = await send(customer, 'PATCH', path, { enabled: true });
    expect(enabled.body).not.toHaveProperty('disabled_at');
    expect(enabled.body).not.toHaveProperty('disabled_reason');
    expect((await send(customer, 'GET', path)).body).toEqual(enabled.body);
    expect(network.dns.questions).toContain('other.example.org AAAA');
  });

  it('says which regions have still to hear, and is deleted with a 202 then', async () => {
    const customer = await Customer.create();
    await customer.start();
    const away = vi
      .spyOn(JobShard.prototype, 'applyReplica')
      .mockImplementation(() => Promise.reject(new Error('away')));
    onTestFinished(() => away.mockRestore());
    const made = await madeEndpoint(customer);
    expect(made.pending_shards).toBe(1);
    const path = `${ENDPOINTS}/${made.id}`;
    const changed = await send(customer, 'PATCH', path, { rate_limit: 1 });
    expect(changed.body).toMatchObject({ rate_limit: 1, pending_shards: 1 });
    expect((await send(customer, 'POST', `${path}/rotate`)).body.pending_shards).toBe(1);
    const deleted = await send(customer, 'DELETE', path);
    expect([deleted.status, deleted.body]).toEqual([202, { id: made.id, deleted: true, pending_shards: 1 }]);
    away.mockRestore();
    expect((await send(customer, 'DELETE', path)).status).toBe(204);
  });

  it('is gone when it was deleted', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const deleted = await send(customer, 'DELETE', `${ENDPOINTS}/${id}`);
    expect([deleted.status, deleted.text]).toEqual([204, '']);
    for (const [method, below, body] of ABOUT) {
      if (method === 'DELETE') continue;
      const answer = await send(customer, method, `${ENDPOINTS}/${id}${below}`, body);
      expect(stable(answer), `${method} ${below}`).toEqual(NOT_FOUND);
    }
    expect((await send(customer, 'GET', ENDPOINTS)).body).toEqual({ data: [] });
  });
});

describe('who may', () => {
  it('nobody touches another account’s endpoint', async () => {
    const [owner, stranger] = [await Customer.create(), await Customer.create()];
    const { secret: _, ...endpoint } = await madeEndpoint(owner);
    for (const [method, below, body] of ABOUT) {
      const answer = await send(stranger, method, `${ENDPOINTS}/${endpoint.id}${below}`, body);
      expect(stable(answer), `${method} ${below}`).toEqual(NOT_FOUND);
    }
    expect((await send(owner, 'GET', `${ENDPOINTS}/${endpoint.id}`)).body).toEqual(endpoint);
    expect((await send(stranger, 'GET', ENDPOINTS)).body).toEqual({ data: [] });
  });

  it.each(['ep_', 'ep_7h2k9x4rq5w', 'ep_7h2k9x4rq5w88', 'EP_7h2k9x4rq5w8', 'job_1', '%2e%2e', '__proto__'])(
    'what is no id touches no object: %s',
    async (id) => {
      const customer = await Customer.create();
      const { bindings, touched } = untouchable();
      const door = workerWith(bindings);
      for (const [method, below, body] of ABOUT) {
        const answer = await door(`${ENDPOINTS}/${id}${below}`, request(customer, method, body));
        expect(stable(answer), `${method} ${below}`).toEqual(NOT_FOUND);
      }
      expect(touched).toEqual([]);
    },
  );

  it('a revoked key and none are 401, before anything is said of the request; an account that is away is 503', async () => {
    const customer = await Customer.create();
    const { id } = await madeEndpoint(customer);
    const routes = [
      ['POST', ENDPOINTS, { url: HOOK }],
      ['GET', ENDPOINTS, undefined],
      ...ABOUT.map(([method, below, body]) => [method, `${ENDPOINTS}/${id}${below}`, body] as const),
    ] as const;
    const away = workerWith({ ACCOUNTS: failing('ACCOUNTS', 'authenticate') });
    for (const [method, path, body] of routes) {
      const answer = await away(path, request(customer, method, body));
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([503, 'credits_unavailable']);
      expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    }
    await admin('DELETE', `/accounts/${customer.account}/keys/${customer.keyId}`);
    for (const [method, path, body] of routes) {
      for (const sent of body === undefined ? [undefined] : [body, { nonsense: 1 }]) {
        const answer = await send(customer, method, path, sent);
        expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([401, 'unauthorized']);
      }
      const { headers: _, ...bare } = request(customer, method, body);
      const json = { 'Content-Type': 'application/json' };
      const anonymous = await ask(path, body === undefined ? bare : { ...bare, headers: json });
      expect(anonymous.status).toBe(401);
    }
  });
});
