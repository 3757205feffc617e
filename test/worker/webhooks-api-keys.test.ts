import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Account } from '../../src/worker/accounts/account.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { admin, Customer, PUBLIC_URL } from '../support/customer.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { ask, problem, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { madeEndpoint, ORIGIN, request, send, wrongs } from './webhooks-api-fixtures.ts';

const ACCOUNT = '/api/account';
const SECRET = `${ACCOUNT}/webhook-secret`;
const KEY = `${ACCOUNT}/webhook-key`;
const jwksPath = (account: string) => `/.well-known/webhooks/${account}/jwks.json`;
const WHSEC = /^whsec_[A-Za-z0-9+/]{43}=$/;
const WHPK = /^whpk_[A-Za-z0-9+/]{43}=$/;

let network: InstalledUpstream;
beforeEach(() => {
  network = installUpstream();
});

describe('the account’s own secret', () => {
  it('is replaced, and told as it is then', async () => {
    const customer = await Customer.create();
    const old = (await send(customer, 'GET', SECRET)).body.webhook_secret;
    const answer = await send(customer, 'POST', `${SECRET}/rotate`, { grace_s: 60 });
    expect([answer.status, answer.body]).toEqual([
      200,
      { webhook_secret: expect.stringMatching(WHSEC), old_secrets_expire_at: expect.stringMatching(/Z$/) },
    ]);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.body.webhook_secret).not.toBe(old);
    expect((await send(customer, 'GET', SECRET)).body).toEqual({
      webhook_secret: answer.body.webhook_secret,
    });
  });
});

describe('the account’s key', () => {
  it('is public, where it says, for pages of every origin and for five minutes', async () => {
    const customer = await Customer.create();
    const own = await send(customer, 'GET', KEY);
    expect([own.status, own.body]).toEqual([
      200,
      {
        public_key: expect.stringMatching(WHPK),
        jwks_url: PUBLIC_URL + jwksPath(customer.account),
        keys: [{ id: expect.stringMatching(/^sec_/), public_key: own.body.public_key, expires_at: null }],
      },
    ]);
    expect(own.headers.get('Cache-Control')).toBe('no-store');
    const path = own.body.jwks_url.slice(PUBLIC_URL.length);
    const set = await ask(path, { headers: { Origin: 'https://receiver.example.org' } });
    const x = own.body.public_key.slice('whpk_'.length, -1).replaceAll('+', '-').replaceAll('/', '_');
    const kid = own.body.keys[0].id;
    expect([set.status, set.body]).toEqual([
      200,
      { keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' }] },
    ]);
    expect(set.headers.get('Content-Type')).toMatch(/^application\/json/);
    expect(set.headers.get('Cache-Control')).toBe('public, max-age=300');
    expect(set.headers.get('Access-Control-Allow-Origin')).toBe('*');
    const preflight = await ask(path, {
      method: 'OPTIONS',
      headers: { Origin: 'https://receiver.example.org', 'Access-Control-Request-Method': 'GET' },
    });
    expect([preflight.status, preflight.headers.get('Access-Control-Allow-Origin')]).toEqual([204, '*']);
  });

  it('verifies what is sent, also the old one while it is let, and not after', async () => {
    const customer = await Customer.create();
    const got: { signature: string; signed: string }[] = [];
    network.receive(ORIGIN, async (incoming) => {
      const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) =>
        incoming.headers.get(`webhook-${name}`),
      );
      got.push({ signature: signature ?? '', signed: `${id}.${timestamp}.${await incoming.text()}` });
      return new Response(null, { status: 204 });
    });
    const { id } = await madeEndpoint(customer);
    const rotate = (grace_s: number) => send(customer, 'POST', `${KEY}/rotate`, { grace_s });
    /** How many keys of the public set verify the next delivery. */
    const verified = async (): Promise<number[]> => {
      const before = got.length;
      await send(customer, 'POST', `/api/webhook-endpoints/${id}/test`);
      await expect.poll(() => got.length).toBe(before + 1);
      const { signature = '', signed = '' } = got.at(-1) ?? {};
      const items = signature.split(' ').filter((item) => item.startsWith('v1a,'));
      const { keys } = (await ask(jwksPath(customer.account))).body;
      const matches = keys.map(async (jwk: JsonWebKey) => {
        const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
        const results = items.map((item) => {
          const bytes = Uint8Array.from(atob(item.slice(4)), (character) => character.charCodeAt(0));
          return crypto.subtle.verify('Ed25519', key, bytes, new TextEncoder().encode(signed));
        });
        return (await Promise.all(results)).filter(Boolean).length;
      });
      return Promise.all(matches);
    };
    expect(await verified()).toEqual([1]);
    const first = (await send(customer, 'GET', KEY)).body.public_key;
    const rotated = await rotate(600);
    expect([rotated.status, rotated.body]).toEqual([
      200,
      {
        public_key: expect.stringMatching(WHPK),
        jwks_url: PUBLIC_URL + jwksPath(customer.account),
        old_secrets_expire_at: expect.stringMatching(/Z$/),
      },
    ]);
    const { keys } = (await send(customer, 'GET', KEY)).body;
    expect(keys.map((key: { public_key: string }) => key.public_key)).toEqual([
      rotated.body.public_key,
      first,
    ]);
    expect(Date.parse(keys[1].expires_at)).toBeGreaterThanOrEqual(
      Date.parse(rotated.body.old_secrets_expire_at),
    );
    expect(await verified()).toEqual([1, 1]);
    await rotate(0);
    expect(await verified()).toEqual([1, 1]);
    expect((await send(customer, 'GET', KEY)).body.keys).toHaveLength(2);
  });

  it('of what is no account is a 404, of what cannot be one without a look at any object', async () => {
    const unknown = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');
    const minted = await ask(jwksPath(mintAccountId('weur')));
    expect(stable(minted)).toEqual(unknown);
    expect(minted.headers.get('Access-Control-Allow-Origin')).toBe('*');
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    for (const account of ['acct_', 'acct_u1', 'nonsense', 'acct_zzzzzzzzzzzzzz', '%2e%2e']) {
      expect(stable(await door(jwksPath(account)))).toEqual(unknown);
    }
    expect(touched).toEqual([]);
  });

  it('is not asked for without end: 429 by the address, before any object is touched', async () => {
    const { bindings, touched } = untouchable();
    const asked: string[] = [];
    const JWKS_REQUESTS = {
      limit: ({ key }: { key: string }) => {
        asked.push(key);
        return Promise.resolve({ success: asked.length <= 1 });
      },
    };
    const customer = await Customer.create();
    const door = workerWith({ JWKS_REQUESTS, LOCAL_MODE: 'false' });
    const shut = workerWith({ ...bindings, JWKS_REQUESTS, LOCAL_MODE: 'false' });
    const init = { headers: { 'CF-Connecting-IP': '2001:db8:1:2:3:4:5:6' } };
    expect((await door(jwksPath(customer.account), init)).status).toBe(200);
    const refused = await shut(jwksPath(customer.account), init);
    expect(refused.headers.get('Retry-After')).toBe('60');
    expect(refused.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(stable(refused)).toEqual(
      problem(
        429,
        'rate_limited',
        'Too many requests',
        'Too many requests from here. Try again in 60 seconds.',
      ),
    );
    expect(asked).toEqual(['2001:db8:1:2::/64', '2001:db8:1:2::/64']);
    expect(touched).toEqual([]);
  });
});

describe('the settings of the account', () => {
  it('are told with it, and changed one by one', async () => {
    const customer = await Customer.create({ credits: 12 });
    for (const [body, threshold] of [
      [{ credits_low_threshold: 5 }, 5],
      [{}, 5],
      [{ credits_low_threshold: 0 }, 0],
      [{ credits_low_threshold: null }, null],
    ] as const) {
      const answer = await send(customer, 'PATCH', ACCOUNT, body);
      expect([answer.status, answer.body]).toEqual([200, { credits_low_threshold: threshold }]);
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
      const { body: told } = await send(customer, 'GET', ACCOUNT);
      expect(told).toMatchObject({ credits: { available: 12 }, credits_low_threshold: threshold });
    }
  });

  it.each([
    [{ credits_low_threshold: -1 }, ['/credits_low_threshold']],
    [{ credits_low_threshold: 1.5 }, ['/credits_low_threshold']],
    [{ credits_low_threshold: '5', name: 'x' }, ['/credits_low_threshold', '/name']],
    [{ threshold: 5 }, ['/threshold']],
    ['[]', ['']],
  ])('are refused: %j', async (body, pointers) => {
    const answer = await send(await Customer.create({ credits: 0 }), 'PATCH', ACCOUNT, body);
    expect(answer.status).toBe(400);
    expect(wrongs(answer).map((line) => line.split(':')[0])).toEqual(pointers);
  });
});

describe('all of these', () => {
  const ROUTES = [
    ['GET', ACCOUNT],
    ['PATCH', ACCOUNT],
    ['GET', SECRET],
    ['POST', `${SECRET}/rotate`],
    ['GET', KEY],
    ['POST', `${KEY}/rotate`],
  ] as const;

  it('are 401 for a revoked key, whatever else is wrong, and 503 while the account is away', async () => {
    const customer = await Customer.create();
    const methods = ['summary', 'settings', 'updateSettings', 'webhookSecret', 'webhookKeys', 'rotateSecret'];
    const away = workerWith({ ACCOUNTS: failing('ACCOUNTS', ...methods) });
    const body = (method: string, wrong = false) =>
      method === 'GET' ? undefined : wrong ? { nonsense: 1 } : {};
    for (const [method, path] of [...ROUTES, ['GET', jwksPath(customer.account)] as const]) {
      const answer = await away(path, request(customer, method, body(method)));
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([503, 'credits_unavailable']);
      expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    }
    await admin('DELETE', `/accounts/${customer.account}/keys/${customer.keyId}`);
    for (const [method, path] of ROUTES) {
      const answer = await send(customer, method, path, body(method, true));
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([401, 'unauthorized']);
    }
  });

  it('are 503 when the ring has lost the entry that a secret needs: an operator has to act', async () => {
    const customer = await Customer.create();
    const unreadable = vi
      .spyOn(Account.prototype, 'webhookKeys')
      .mockImplementation(() => Promise.resolve({ kind: 'unreadable' as const }));
    onTestFinished(() => unreadable.mockRestore());
    for (const path of [KEY, jwksPath(customer.account)]) {
      const answer = await send(customer, 'GET', path);
      expect([answer.status, answer.body.code]).toEqual([503, 'webhook_secret_unavailable']);
      expect(answer.headers.get('Retry-After')).toBe('300');
    }
  });
});
