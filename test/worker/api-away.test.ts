import { env } from 'cloudflare:workers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Account } from '../../src/worker/accounts/account.ts';
import { Directory } from '../../src/worker/directory/directory.ts';
import type { Env } from '../../src/worker/env.ts';
import { JobShard } from '../../src/worker/jobs/shard.ts';
import { fileUrl } from '../../src/worker/media/links.ts';
import { Customer } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { ask, jsonInit, problem, send, stable, untouchable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { config } from './media-fixtures.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const JOB = { prompt: 'p', image_url: 'https://images.example.org/a.png' };
const { BUCKET } = env as unknown as Env;
const customer = await Customer.create();
const headers = { 'X-API-Key': customer.key };

describe('a part that is away', () => {
  const post = (variables: Record<string, unknown>, more = {}) =>
    workerWith(variables)(GENERATE, jsonInit({ ...JOB, response_mode: 'polling' }, { ...headers, ...more }));

  it('is told: no key for the upstream', async () => {
    const answer = await post({ FAL_KEY: undefined });
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(stable(answer)).toEqual(
      problem(
        503,
        'upstream_unavailable',
        'Temporarily unavailable',
        'Video generation is not available right now. Nothing was charged; try again later.',
      ),
    );
  });

  it('is told: a shard that does not answer, with the job that it may have taken in', async () => {
    const answer = await post({ SHARDS: failing('SHARDS', 'submit') });
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(stable(answer)).toEqual(
      problem(
        503,
        'jobs_unavailable',
        'Temporarily unavailable',
        'The jobs of this account cannot be reached right now. Read the status of this job before you send it again.',
        { job_id: '<job>' },
      ),
    );
  });

  it('is told: an account that does not answer', async () => {
    const door = workerWith({ ACCOUNTS: failing('ACCOUNTS', 'authenticate') });
    const answer = await door('/api/account', { headers });
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(answer.body).toMatchObject({ status: 503, code: 'credits_unavailable' });
  });

  it('is told everywhere: a deployment that is not set up, and names its variables at /healthz alone', async () => {
    const { bindings, touched } = untouchable();
    const door = workerWith({
      ...bindings,
      SIGNING_SECRETS: 'hunter2',
      PUBLIC_URL: undefined,
      FAL_DEDUPES: 'maybe',
    });
    for (const path of ['/api/account', '/openapi.json', '/docs', '/nothing', '/files/a/b']) {
      const answer = await door(path, { headers });
      expect(answer.headers.get('Retry-After')).toBe('300');
      expect(stable(answer)).toEqual({
        ...problem(
          503,
          'configuration_unavailable',
          'Temporarily unavailable',
          'This deployment is not set up completely. Its operator finds what is missing at /healthz.',
        ),
        type: 'about:blank',
      });
    }
    const health = await door('/healthz');
    expect([health.status, health.headers.get('Retry-After')]).toEqual([503, '300']);
    expect(health.body.code).toBe('configuration_unavailable');
    expect(health.body.problems.map((line: string) => line.split(':')[0])).toEqual([
      'PUBLIC_URL',
      'SIGNING_SECRETS',
      'FAL_DEDUPES',
    ]);
    expect(health.text).not.toMatch(/hunter2|maybe/);
    expect(touched).toEqual([]);
  });

  const away = () => Promise.reject(new Error('away'));
  it.each([
    ['an account that cannot tell of a key', 'credits', () => vi.spyOn(Account.prototype, 'learn')],
    ['an account that cannot lease', 'credits', () => vi.spyOn(Account.prototype, 'lease')],
    ['a directory that cannot list the shard', 'directory', () => vi.spyOn(Directory.prototype, 'mark')],
  ])('is told, and never as 401 or 402: %s', async (_, part, spyOn) => {
    const fresh = await Customer.create();
    const spy = spyOn().mockImplementation(away);
    onTestFinished(() => spy.mockRestore());
    const answer = await send(GENERATE, { ...JOB, response_mode: 'polling' }, { 'X-API-Key': fresh.key });
    expect([answer.status, answer.body.code]).toEqual([503, `${part}_unavailable`]);
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    spy.mockRestore();
    expect(await fresh.credits()).toEqual({ available: 1_000, held: 0, captured: 0 });
  });

  it('is told: a shard without which no balance is exact', async () => {
    installUpstream();
    const used = await Customer.create();
    await used.start();
    const spy = vi.spyOn(JobShard.prototype, 'balance').mockImplementation(away);
    onTestFinished(() => spy.mockRestore());
    const answer = await ask('/api/account', { headers: { 'X-API-Key': used.key } });
    expect(answer.body).toMatchObject({ status: 503, code: 'credits_unavailable' });
  });

  it('does not hold up a revocation: 202 names the shards that have still to hear', async () => {
    installUpstream();
    const used = await Customer.create();
    await used.start();
    const spy = vi.spyOn(JobShard.prototype, 'applyReplica').mockImplementation(away);
    onTestFinished(() => spy.mockRestore());
    const path = `/admin/accounts/${used.account}/keys/${used.keyId}`;
    const revoke = () =>
      ask(path, { method: 'DELETE', headers: { Authorization: 'Bearer test-admin-token-0123456789' } });
    const shards = [`${used.account}/weur/0`];
    const first = await revoke();
    expect([first.status, first.body]).toEqual([
      202,
      { id: used.keyId, revoked: true, pending_shards: shards },
    ]);
    spy.mockRestore();
    const again = await revoke();
    expect([again.status, again.body]).toEqual([200, { id: used.keyId, revoked: true, pending_shards: [] }]);
  });

  it('that fails in a way of its own is 500, of which nothing is told', async () => {
    const { account, key } = customer;
    // What no code of ours writes: an upload without a digest.
    const object = `up/${account}/up_0`;
    await BUCKET.put(object, 'x');
    const link = { key: object, name: 'a.png', type: 'image/png', account, expiresAt: Date.now() + 60_000 };
    const image_url = await fileUrl(config, link);
    const answer = await send(GENERATE, { ...JOB, image_url }, { 'X-API-Key': key });
    expect(stable(answer)).toEqual(
      problem(
        500,
        'internal_error',
        'Internal error',
        'Something went wrong on our side. Quote the request id when you report it.',
      ),
    );
  });
});
