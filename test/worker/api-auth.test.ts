import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { mintKey } from '../../src/worker/accounts/keys.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { parseRing } from '../../src/worker/secrets.ts';
import { admin, Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { type Answer, ask, jsonInit, problem, send, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { source } from './media-fixtures.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const RING = parseRing('test:0123456789abcdef0123456789abcdef');
const WEUR = { 'X-Firstframe-Region': 'weur' };

const job = (fields: Record<string, unknown> = {}) => ({
  prompt: uniquePrompt(),
  image_url: 'https://images.example.org/start.png',
  response_mode: 'polling',
  ...fields,
});
/** A key that this deployment could have made, of an account that was never created. */
const unknownKey = async () => (await mintKey(RING, mintAccountId('weur'))).key;
/** The key with another character at `at`, of the same alphabet. */
const changed = (key: string, at: number) =>
  key.slice(0, at) + (key.at(at) === '2' ? '3' : '2') + key.slice(at + 1 || key.length);

function refused(answer: Answer): void {
  expect(answer.status).toBe(401);
  expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer');
  expect(answer.body.code).toBe('unauthorized');
}

describe('an API key', () => {
  it.each([
    ['Authorization', (key: string) => send(GENERATE, job(), { ...WEUR, Authorization: `Bearer ${key}` })],
    [
      'Authorization, any case',
      (key: string) => send(GENERATE, job(), { ...WEUR, authorization: `bearer  ${key}` }),
    ],
    ['X-API-Key', (key: string) => send(GENERATE, job(), { ...WEUR, 'X-API-Key': key })],
    ['the JSON body', (key: string) => send(GENERATE, job({ api_key: key }), WEUR)],
    ['the query', (key: string) => send(`${GENERATE}?api_key=${key}`, job(), WEUR)],
    [
      'all four places at once',
      (key: string) =>
        send(`${GENERATE}?api_key=${key}&api_key=${key}`, job({ api_key: key }), {
          ...WEUR,
          Authorization: `Bearer ${key}`,
          'X-API-Key': key,
        }),
    ],
  ])('is taken from %s', async (_, submit) => {
    installUpstream();
    const { key } = await Customer.create();
    expect((await submit(key)).status).toBe(202);
  });

  it.each([
    [
      'Authorization',
      (key: string, path: string) => ask(path, { headers: { Authorization: `Bearer ${key}` } }),
    ],
    ['X-API-Key', (key: string, path: string) => ask(path, { headers: { 'X-API-Key': key } })],
    ['the query', (key: string, path: string) => ask(`${path}?api_key=${key}`)],
    ['the query twice', (key: string, path: string) => ask(`${path}?api_key=${key}&api_key=${key}`)],
    [
      'each header twice',
      (key: string, path: string) => {
        const headers = new Headers();
        for (const [name, value] of [
          ['X-API-Key', key],
          ['Authorization', `Bearer ${key}`],
        ] as const) {
          headers.append(name, value);
          headers.append(name, value);
        }
        return ask(path, { headers });
      },
    ],
  ])('is taken from %s of a GET', async (_, get) => {
    installUpstream();
    const customer = await Customer.create();
    const jobId = await customer.start();
    expect((await get(customer.key, `/api/fal/status/${jobId}`)).status).toBe(200);
    expect((await get(customer.key, '/api/account')).status).toBe(200);
  });

  it('is taken from the JSON body of a cancel too, where no other body matters', async () => {
    installUpstream();
    const customer = await Customer.create();
    const path = `/api/jobs/${await customer.start()}/cancel`;
    refused(await ask(path, { method: 'POST' }));
    refused(await send(path, {}));
    expect((await send(path, { api_key: await unknownKey() })).status).toBe(404);
    expect((await send(path, { api_key: customer.key }, { 'X-API-Key': await unknownKey() })).status).toBe(
      400,
    );
    expect((await send(path, '{', { 'X-API-Key': customer.key })).body.code).toBe('malformed_body');
    expect([200, 202]).toContain((await send(path, { api_key: customer.key })).status);
    for (const body of ['', '{}', '[]', '{"more":1}']) {
      expect([202, 409]).toContain((await send(path, body, { 'X-API-Key': customer.key })).status);
    }
    const text = { method: 'POST', headers: { 'X-API-Key': customer.key, 'Content-Type': 'text/plain' } };
    expect([202, 409]).toContain((await ask(path, { ...text, body: 'please' })).status);
  });

  it('that is missing is told by this body', async () => {
    const answer = await send(GENERATE, job());
    refused(answer);
    expect(stable(answer)).toEqual(
      problem(
        401,
        'unauthorized',
        'Missing or invalid API key',
        'Send a valid API key as "Authorization: Bearer KEY", as "X-API-Key: KEY", or as "api_key" in the JSON body or the query.',
      ),
    );
  });

  it.each([
    ['an empty text', ''],
    ['no key', 'hello'],
    ['another prefix', 'sk_live_0123456789'],
    ['a text with quotes', '"ff_live_x"'],
    ['a very long text', 'x'.repeat(5_000)],
  ])('that is %s is refused in each place, and no object is touched', async (_, text) => {
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    refused(await door(GENERATE, jsonInit(job(), { Authorization: `Bearer ${text}` })));
    refused(await door(GENERATE, jsonInit(job(), { 'X-API-Key': text })));
    refused(await door(GENERATE, jsonInit(job({ api_key: text }))));
    refused(await door(`/api/account?api_key=${encodeURIComponent(text)}`));
    expect(touched).toEqual([]);
  });

  it.each(['Basic dXNlcjpwYXNz', 'Key ff_live_x', 'Bearer', 'Bearer a b'])(
    'cannot be read from "Authorization: %s", whatever else is right',
    async (authorization) => {
      const { bindings, touched } = untouchable();
      const door = workerWith(bindings);
      const headers = { Authorization: authorization, 'X-API-Key': await unknownKey() };
      refused(await door(GENERATE, jsonInit(job(), headers)));
      expect(touched).toEqual([]);
    },
  );

  it('that is forged is refused at the edge: no object is touched', async () => {
    const { key } = await Customer.create();
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    const otherRing = await mintKey(
      parseRing('test:ffffffffffffffffffffffffffffffff'),
      mintAccountId('weur'),
    );
    const dropped = await mintKey(parseRing('gone:0123456789abcdef0123456789abcdef'), mintAccountId('weur'));
    const forged = [
      otherRing.key,
      dropped.key,
      changed(key, 'ff_live_'.length + 3),
      changed(key, 30),
      changed(key, -'test'.length - 1),
      `${key}x`,
      key.slice(0, -1),
      key.toUpperCase(),
    ];
    for (const text of forged) {
      refused(await door(GENERATE, jsonInit(job(), { 'X-API-Key': text })));
      refused(await door('/api/account', { headers: { 'X-API-Key': text } }));
    }
    expect(touched).toEqual([]);
  });

  it('that nobody was given is refused everywhere', async () => {
    const { key } = await Customer.create();
    const made = await unknownKey();
    for (const text of [made, (await mintKey(RING, `acct_${key.slice(8, 22)}`)).key]) {
      const headers = { 'X-API-Key': text };
      refused(await send(GENERATE, job(), headers));
      refused(await ask('/api/account', { headers }));
      refused(await ask('/api/account/webhook-secret', { headers }));
      refused(await ask('/api/uploads', { method: 'POST', headers, body: 'x' }));
    }
  });

  it('that was revoked is refused everywhere at once, and another of the account goes on', async () => {
    installUpstream();
    const customer = await Customer.create();
    const jobId = await customer.start();
    const second = await admin('POST', `/accounts/${customer.account}/keys`, { name: 'second' });
    await admin('DELETE', `/accounts/${customer.account}/keys/${customer.keyId}`);
    const headers = { ...WEUR, 'X-API-Key': customer.key };
    refused(await send(GENERATE, job(), headers));
    refused(await send(GENERATE, job({ duration: 7 }), headers));
    refused(await send(GENERATE, job({ image_url: 'https://10.0.0.1/a.png' }), headers));
    refused(await send(GENERATE, job({ webhook_url: 'ftp://example.com' }), headers));
    // Where it cannot be judged, the request can.
    const door = workerWith({ SHARDS: failing('SHARDS', 'authorize') });
    expect((await door(GENERATE, jsonInit(job({ duration: 7 }), headers))).status).toBe(400);
    refused(await ask(`/api/fal/status/${jobId}`, { headers }));
    refused(await ask(`/api/jobs/${jobId}/cancel`, { method: 'POST', headers }));
    refused(await ask('/api/account', { headers }));
    refused(await ask('/api/account/webhook-secret', { headers }));
    refused(await ask('/api/uploads', { method: 'POST', headers, body: 'x' }));
    const status = await ask(`/api/fal/status/${jobId}`, { headers: { 'X-API-Key': second.key } });
    expect(status.status).toBe(200);
  });
});

describe('two different keys', () => {
  it.each([
    ['in two headers', { Authorization: 'Bearer ONE', 'X-API-Key': 'TWO' }, '', {}],
    ['in header and query', { 'X-API-Key': 'ONE' }, '?api_key=TWO', {}],
    ['in header and body', { 'X-API-Key': 'ONE' }, '', { api_key: 'TWO' }],
    ['in query and body', {}, '?api_key=ONE', { api_key: 'TWO' }],
    ['in the query alone', {}, '?api_key=ONE&api_key=TWO', {}],
    ['in one header twice', { 'X-API-Key': 'ONE, TWO' }, '', {}],
    ['in Authorization twice', { Authorization: 'Bearer ONE, Bearer TWO' }, '', {}],
  ])('%s are refused, valid as they may be', async (_, headers, query, fields) => {
    const { account, key } = await Customer.create();
    const second = (await admin('POST', `/accounts/${account}/keys`, { name: 'second' })).key;
    const filled = (text: string) => text.replace('ONE', key).replace('TWO', second);
    const init = jsonInit(filled(JSON.stringify(job(fields))), JSON.parse(filled(JSON.stringify(headers))));
    const { bindings, touched } = untouchable();
    const answer = await workerWith(bindings)(GENERATE + filled(query), init);
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('conflicting_credentials');
    expect(touched).toEqual([]);
  });

  it('are told by this body', async () => {
    const headers = { Authorization: `Bearer ${await unknownKey()}`, 'X-API-Key': await unknownKey() };
    expect(stable(await ask('/api/account', { headers }))).toEqual(
      problem(
        400,
        'conflicting_credentials',
        'Two different API keys',
        'The request carries two different API keys. Send one.',
      ),
    );
  });
});

describe('a body that is not JSON', () => {
  it('is told before a key is missed', async () => {
    const answer = await send(GENERATE, '{"prompt": "x",');
    expect(answer.status).toBe(400);
    expect(stable(answer)).toEqual(
      problem(400, 'malformed_body', 'The body cannot be read', 'The body is not valid JSON.'),
    );
  });

  it('is told with a key that is right', async () => {
    const answer = await send(GENERATE, 'hello', { 'X-API-Key': await unknownKey() });
    expect(answer.body.code).toBe('malformed_body');
  });

  it.each([
    [GENERATE, 'application/json'],
    ['/api/uploads', 'image/png'],
  ])('since its sender hung up is no error of ours: %s', async (path, type) => {
    const errors = vi.spyOn(console, 'error');
    onTestFinished(() => errors.mockRestore());
    const headers = { 'X-API-Key': (await Customer.create()).key, 'Content-Type': type };
    const body = source(10, 100, 50).stream;
    expect(stable(await workerWith({})(path, { method: 'POST', headers, body }))).toEqual(
      problem(400, 'malformed_body', 'The body cannot be read', 'The body ended early.'),
    );
    expect(errors).not.toHaveBeenCalled();
  });

  it('is not looked at behind a header whose key is wrong', async () => {
    refused(await send(GENERATE, '{"prompt": "x",', { 'X-API-Key': 'wrong' }));
    refused(await send(`${GENERATE}?api_key=wrong`, '{'));
  });
});

it('a key in the body that is no text is a wrong field, not a key', async () => {
  const headers = { 'X-API-Key': (await Customer.create()).key };
  for (const wrong of [5, null, true, ['x'], {}]) {
    refused(await send(GENERATE, job({ api_key: wrong })));
    const answer = await send(GENERATE, job({ api_key: wrong }), headers);
    expect(answer.body.errors).toEqual([{ pointer: '/api_key', detail: 'must be a text' }]);
  }
});

describe('the operator', () => {
  it.each([
    ['nothing', {}],
    ['another token', { Authorization: 'Bearer test-admin-token-0123456780' }],
    ['a shorter token', { Authorization: 'Bearer test-admin-token' }],
    ['another scheme', { Authorization: 'Basic test-admin-token-0123456789' }],
    ['another header', { 'X-API-Key': 'test-admin-token-0123456789' }],
  ])('is not let in with %s, before the body is read', async (_, headers) => {
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    refused(await door('/admin/accounts', jsonInit('{', headers)));
    refused(await door(`/admin/accounts/${mintAccountId('weur')}`, { headers }));
    refused(await door('/admin/secrets', { headers }));
    expect(touched).toEqual([]);
  });

  it('is not let in by a customer key, nor where no token is configured', async () => {
    const { key } = await Customer.create();
    refused(await ask('/admin/secrets', { headers: { Authorization: `Bearer ${key}` } }));
    const door = workerWith({ ADMIN_TOKEN: undefined });
    refused(
      await door('/admin/secrets', { headers: { Authorization: 'Bearer test-admin-token-0123456789' } }),
    );
    refused(await door('/admin/secrets', { headers: { Authorization: 'Bearer undefined' } }));
  });

  it('has no key of a customer', async () => {
    refused(await ask('/api/account', { headers: { Authorization: 'Bearer test-admin-token-0123456789' } }));
  });
});
