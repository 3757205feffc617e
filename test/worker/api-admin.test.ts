import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Account } from '../../src/worker/accounts/account.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { admin, Customer, type Json } from '../support/customer.ts';
import { type Answer, ask, jsonInit, problem, stable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';

const OPERATOR = { Authorization: 'Bearer test-admin-token-0123456789' };
const NOT_FOUND = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');
const CONFLICT = problem(
  409,
  'reference_conflict',
  'The reference was used for another amount',
  'Credits were already granted under this reference with another amount. Use a new reference.',
);

const post = (path: string, body: unknown): Promise<Answer> => ask(`/admin${path}`, jsonInit(body, OPERATOR));
const get = (path: string): Promise<Answer> => ask(`/admin${path}`, { headers: OPERATOR });
const account = async (): Promise<string> =>
  (await post('/accounts', { name: 'one', region: 'weur' })).body.id;

/** What is wrong with a body, as `pointer: detail`. */
async function wrong(path: string, body: unknown): Promise<string[]> {
  const answer = await post(path, body);
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
  return answer.body.errors
    .map((error: Record<string, string>) => `${error.pointer}: ${error.detail}`)
    .sort();
}

describe('an account', () => {
  it('is made where it is said, with nothing in it', async () => {
    const answer = await post('/accounts', { name: ' Ada Ltd ', region: 'apac' });
    expect([answer.status, stable(answer)]).toEqual([201, { id: '<account>', name: 'Ada Ltd' }]);
    const { id } = answer.body;
    expect(id).toMatch(/^acct_p/);
    expect((await get(`/accounts/${id}`)).body).toEqual({
      id,
      name: 'Ada Ltd',
      credits: { available: 0, held: 0, captured: 0 },
    });
  });

  it('is made where the request is from unless it is said', async () => {
    const init = jsonInit({ name: 'far' }, { ...OPERATOR, 'X-Firstframe-Region': 'sam' });
    expect((await ask('/admin/accounts', init)).body.id).toMatch(/^acct_s/);
  });

  it('is made once for a reference, from wherever it is asked for', async () => {
    const request = { name: 'from anywhere', reference: `ref ${crypto.randomUUID()}` };
    const ids: string[] = [];
    for (const region of ['weur', 'enam', 'apac']) {
      const headers = { ...OPERATOR, 'X-Firstframe-Region': region };
      ids.push((await ask('/admin/accounts', jsonInit(request, headers))).body.id);
    }
    expect(new Set(ids).size).toBe(1);
  });

  it('is made once for a reference', async () => {
    const request = { name: 'by reference', region: 'weur', reference: `ref ${crypto.randomUUID()}` };
    const [first, again] = [
      await post('/accounts', request),
      await post('/accounts', { ...request, name: 'other' }),
    ];
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    const both = { ...request, reference: `ref ${crypto.randomUUID()}` };
    const racing = await Promise.all([post('/accounts', both), post('/accounts', both)]);
    expect(racing[0]?.body).toEqual(racing[1]?.body);
  });

  it('is told every wrong field', async () => {
    const detail = { region: 'mars', reference: '', more: 1 };
    expect((await wrong('/accounts', { name: '  ', ...detail })).map((line) => line.split(':')[0])).toEqual([
      '/more',
      '/name',
      '/reference',
      '/region',
    ]);
    expect(await wrong('/accounts', { name: ' ' })).toEqual(['/name: must not be empty']);
    expect(await wrong('/accounts', { name: 'x'.repeat(201) })).toEqual([
      '/name: may have at most 200 characters',
    ]);
    expect(await wrong('/accounts', { name: 5, region: 'mars', reference: null })).toEqual([
      '/name: must be a text of 1 to 200 characters',
      '/reference: must be a text of 1 to 255 characters',
      '/region: must be one of wnam, enam, sam, weur, eeur, apac, oc, afr, me',
    ]);
    expect(await wrong('/accounts', [])).toEqual([': must be a JSON object']);
    expect((await post('/accounts', '{')).body.code).toBe('malformed_body');
    const text = { method: 'POST', headers: { ...OPERATOR, 'Content-Type': 'text/plain' }, body: '{}' };
    expect((await ask('/admin/accounts', text)).status).toBe(415);
    const door = workerWith({ MAX_BODY_BYTES: 10 });
    expect((await door('/admin/accounts', jsonInit({ name: 'long enough' }, OPERATOR))).status).toBe(413);
  });

  it.each([mintAccountId('weur'), mintAccountId('apac'), 'acct_', 'nonsense', '%2e%2e'])(
    'that was never made is 404 everywhere: %s',
    async (id) => {
      const answers = [
        await get(`/accounts/${id}`),
        await post(`/accounts/${id}/keys`, { name: 'k' }),
        await post(`/accounts/${id}/credits`, { credits: 1, reference: 'r' }),
        await ask(`/admin/accounts/${id}/keys/key_x`, { method: 'DELETE', headers: OPERATOR }),
      ];
      for (const answer of answers) expect(stable(answer)).toEqual(NOT_FOUND);
    },
  );

  it('that cannot be reached is 503, never 404 or 500', async () => {
    const id = await account();
    const door = workerWith({ ACCOUNTS: failing('ACCOUNTS', 'summary', 'grant', 'createKey', 'create') });
    const answers = [
      await door(`/admin/accounts/${id}`, { headers: OPERATOR }),
      await door(`/admin/accounts/${id}/keys`, jsonInit({ name: 'k' }, OPERATOR)),
      await door(`/admin/accounts/${id}/credits`, jsonInit({ credits: 1, reference: 'r' }, OPERATOR)),
      await door('/admin/accounts', jsonInit({ name: 'x' }, OPERATOR)),
    ];
    for (const { body, headers } of answers) {
      expect(body).toMatchObject({ status: 503, code: 'credits_unavailable' });
      expect(headers.get('Retry-After')).toMatch(/^\d+$/);
    }
  });

  it('is in a list, which one that was not made does not hide', async () => {
    const request = { name: 'again', region: 'weur', reference: `ref ${crypto.randomUUID()}` };
    const door = workerWith({ ACCOUNTS: failing('ACCOUNTS', 'create') });
    expect((await door('/admin/accounts', jsonInit(request, OPERATOR))).status).toBe(503);
    const made = await post('/accounts', request);
    expect(made.status).toBe(201);
    expect((await get(`/accounts/${made.body.id}`)).status).toBe(200);
  });
});

describe('a key', () => {
  it('is shown once, and works at once', async () => {
    const id = await account();
    const answer = await post(`/accounts/${id}/keys`, { name: 'ci' });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(stable(answer)).toEqual({ id: '<key>', name: 'ci', key: '<api key>' });
    const { key } = answer.body;
    expect((await ask('/api/account', { headers: { 'X-API-Key': key } })).body).toMatchObject({ id });
    expect((await get(`/accounts/${id}`)).text).not.toContain(key);
    expect((await post(`/accounts/${id}/keys`, { name: 'ci' })).body.key).not.toBe(key);
  });

  it('is told every wrong field', async () => {
    const path = `/accounts/${await account()}/keys`;
    expect(await wrong(path, { name: '' })).toEqual(['/name: must not be empty']);
    expect(await wrong(path, { name: 'k', scope: 'all' })).toEqual([
      '/scope: is not a field of this request; check its spelling',
    ]);
    expect(await wrong(path, {})).toHaveLength(1);
  });

  it('is revoked, and again is the same', async () => {
    const { account: id, key, keyId } = await Customer.create();
    const revoke = () => ask(`/admin/accounts/${id}/keys/${keyId}`, { method: 'DELETE', headers: OPERATOR });
    for (const answer of [await revoke(), await revoke()]) {
      expect([answer.status, answer.body]).toEqual([200, { id: keyId, revoked: true, pending_shards: [] }]);
    }
    expect((await ask('/api/account', { headers: { 'X-API-Key': key } })).status).toBe(401);
  });

  it('that was never made cannot be revoked', async () => {
    const [one, other] = [await Customer.create(), await Customer.create()];
    for (const id of ['key_nothing', other.keyId, one.key]) {
      const answer = await ask(`/admin/accounts/${one.account}/keys/${id}`, {
        method: 'DELETE',
        headers: OPERATOR,
      });
      expect(stable(answer)).toEqual(NOT_FOUND);
    }
    expect((await ask('/api/account', { headers: { 'X-API-Key': other.key } })).status).toBe(200);
  });
});

describe('credits', () => {
  it('are granted once for a reference', async () => {
    const id = await account();
    const grant = (credits: number, reference: string) =>
      post(`/accounts/${id}/credits`, { credits, reference });
    const first = await grant(100, 'invoice 1');
    expect([first.status, first.body]).toEqual([
      200,
      { credits: 100, reference: 'invoice 1', repeated: false },
    ]);
    expect((await grant(100, 'invoice 1')).body).toEqual({
      credits: 100,
      reference: 'invoice 1',
      repeated: true,
    });
    expect(stable(await grant(101, 'invoice 1'))).toEqual(CONFLICT);
    expect((await grant(50, 'invoice 2')).body.repeated).toBe(false);
    const racing = await Promise.all([1, 2, 3, 4].map(() => grant(7, 'invoice 3')));
    expect(racing.filter(({ body }) => body.repeated === false)).toHaveLength(1);
    expect((await get(`/accounts/${id}`)).body.credits).toEqual({ available: 157, held: 0, captured: 0 });
  });

  it('of one account have nothing to do with another', async () => {
    const [one, other] = [await account(), await account()];
    await admin('POST', `/accounts/${one}/credits`, { credits: 5, reference: 'same' });
    expect((await post(`/accounts/${other}/credits`, { credits: 6, reference: 'same' })).status).toBe(200);
  });

  it.each([0, -1, 1.5, '10', null, 1_000_000_001, 1e20])(
    'are a positive whole number, not %j',
    async (credits) => {
      const path = `/accounts/${await account()}/credits`;
      for (const line of await wrong(path, { credits, reference: 'r' })) {
        expect(line).toBe('/credits: must be a whole number of 1 to 1,000,000,000');
      }
    },
  );

  it('need a reference', async () => {
    const path = `/accounts/${await account()}/credits`;
    for (const reference of [undefined, '', 7, 'x'.repeat(256)]) {
      expect(await wrong(path, { credits: 1, reference })).toHaveLength(1);
    }
    expect(await wrong(path, { credits: 1, reference: 'r', currency: 'eur' })).toHaveLength(1);
  });
});

describe('the secrets of the ring', () => {
  /** The answers of all pages. */
  async function pages(door: typeof ask, path: string, method: string): Promise<Json[]> {
    const answers: Json[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const { status, body, headers } = await door(`/admin${path}${query}`, { method, headers: OPERATOR });
      expect([status, headers.get('Cache-Control')]).toEqual([200, 'no-store']);
      answers.push(body);
      cursor = body.next_cursor;
    }
    return answers;
  }
  const total = (answers: readonly Json[], count: (page: Json) => number | undefined) =>
    answers.reduce((sum, page) => sum + (count(page) ?? 0), 0);

  it('are counted page by page, each account once, in whatever region', async () => {
    const before = await pages(ask, '/secrets', 'GET');
    const more = 35;
    for (let i = 0; i < more; i++) await post('/accounts', { name: 'one of many', region: 'oc' });
    await Customer.create();
    const after = await pages(ask, '/secrets', 'GET');
    for (const page of after) {
      expect(page.ring).toEqual(['test']);
      expect(page.accounts).toBeLessThanOrEqual(30);
    }
    const grown = (count: (page: Json) => number | undefined) => total(after, count) - total(before, count);
    expect(grown((page) => page.accounts)).toBe(more + 1);
    expect(grown((page) => page.ciphertexts.test)).toBeGreaterThanOrEqual(more + 1);
    expect(grown((page) => page.keys.test)).toBe(1);
  });

  it('are replaced: what can move moves to the first, and what cannot is named', async () => {
    await Customer.create();
    const [renewed, counted] = [
      await pages(ask, '/secrets/renew', 'POST'),
      await pages(ask, '/secrets', 'GET'),
    ];
    expect(total(renewed, (page) => page.renewed)).toBe(total(counted, (page) => page.accounts));
    expect(renewed.flatMap((page) => [...page.unreadable, ...page.pending_shards])).toEqual([]);

    const { account: id } = await Customer.create();
    const moves = vi.spyOn(Account.prototype, 'renewSecret').mockImplementation(async function (
      this: Account,
    ) {
      const summary = await this.summary();
      const mine = summary.ok && summary.summary.id === id;
      return mine ? { kind: 'unreadable' } : { kind: 'renewed', pending: ['a/shard/0'] };
    });
    onTestFinished(() => moves.mockRestore());
    const told = await pages(ask, '/secrets/renew', 'POST');
    expect(told.flatMap((page) => page.unreadable)).toEqual([id]);
    expect(new Set(told.flatMap((page) => page.pending_shards))).toEqual(new Set(['a/shard/0']));
  });

  it.each(['x', 'mars:', 'weur:-1', 'weur', 'weur:1:2'])('have no page %j', async (cursor) => {
    for (const init of [{ headers: OPERATOR }, { method: 'POST', headers: OPERATOR }]) {
      const path = `/admin/secrets${'method' in init ? '/renew' : ''}?cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await ask(path, init);
      expect([status, body.errors]).toEqual([
        400,
        [{ pointer: '?cursor', detail: 'must be a next_cursor of an earlier answer' }],
      ]);
    }
  });

  it('that were dropped too early are told as that', async () => {
    const { key } = await Customer.create();
    const spy = vi
      .spyOn(Account.prototype, 'webhookSecret')
      .mockResolvedValue({ found: false, kind: 'unreadable' });
    onTestFinished(() => spy.mockRestore());
    const answer = await ask('/api/account/webhook-secret', { headers: { 'X-API-Key': key } });
    expect([answer.status, answer.body.code]).toEqual([503, 'webhook_secret_unavailable']);
    expect(answer.body.detail).toContain('was dropped too early');
    expect(answer.headers.get('Retry-After')).toBe('300');
  });
});

it('what an operator is told stays in no cache, and is what it says', async () => {
  const id = await account();
  for (const answer of [
    await get(`/accounts/${id}`),
    await post(`/accounts/${id}/credits`, { credits: 1, reference: 'r' }),
    await ask('/admin/secrets'),
  ]) {
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
  }
});

describe('a customer', () => {
  it('sees its account, and the secret of its webhooks', async () => {
    const { account: id, key } = await Customer.create({ credits: 12 });
    const headers = { 'X-API-Key': key };
    const own = await ask('/api/account', { headers });
    expect(own.body).toEqual({
      id,
      name: expect.stringMatching(/^customer/),
      credits: { available: 12, held: 0, captured: 0 },
      credits_low_threshold: null,
    });
    expect(own.headers.get('Cache-Control')).toBe('no-store');
    const secret = await ask('/api/account/webhook-secret', { headers });
    expect(secret.body).toEqual({ webhook_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) });
    expect(secret.headers.get('Cache-Control')).toBe('no-store');
    expect((await ask('/api/account/webhook-secret', { headers })).body).toEqual(secret.body);
    expect((await ask(`/admin/accounts/${id}`, { headers })).status).toBe(401);
  });
});
