import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../src/worker/docs/problems.ts';
import { problemSlug } from '../../src/worker/errors.ts';
import { Customer, PUBLIC_URL } from '../support/customer.ts';
import { ask, jsonInit, problem, send, stable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { source } from './media-fixtures.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const JOB = { prompt: 'p', image_url: 'https://images.example.org/a.png' };
const customer = await Customer.create();
const headers = { 'X-API-Key': customer.key };

const tooLarge = (limit: number) =>
  problem(413, 'body_too_large', 'The body is too large', `The body may have at most ${limit} bytes.`, {
    limit,
  });

/** A body that comes in pieces, without a Content-Length. */
const streamed = (stream: ReadableStream<Uint8Array>, more: Record<string, string> = {}) =>
  ({ method: 'POST', headers: { ...headers, ...more }, body: stream, duplex: 'half' }) as RequestInit;

describe('a body over the limit', () => {
  it.each([
    [GENERATE, 'MAX_BODY_BYTES', 'application/json'],
    ['/api/uploads', 'MAX_UPLOAD_BYTES', 'image/png'],
  ])('of %s is refused while it is read, whoever says how long it is', async (path, variable, type) => {
    const door = workerWith({ [variable]: '1000' });
    const endless = source(400);
    const answer = await door(path, streamed(endless.stream, { 'Content-Type': type }));
    expect(stable(answer)).toEqual(tooLarge(1_000));
    expect(endless.given()).toBeLessThan(10_000);
    expect(endless.canceled()).toBe(true);
    const declared = await door(path, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': type },
      body: 'x'.repeat(1_001),
    });
    expect(stable(declared)).toEqual(tooLarge(1_000));
  });

  it('has a limit to the byte', async () => {
    const text = JSON.stringify({ ...JOB, duration: 7 });
    const init = jsonInit(text, headers);
    expect((await workerWith({ MAX_BODY_BYTES: text.length })(GENERATE, init)).status).toBe(400);
    expect((await workerWith({ MAX_BODY_BYTES: text.length - 1 })(GENERATE, init)).status).toBe(413);
  });

  it('is 413 by default beyond 16 MiB of JSON and 20 MiB of image', async () => {
    const door = workerWith({ MAX_BODY_BYTES: undefined, MAX_UPLOAD_BYTES: undefined });
    const json = { ...headers, 'Content-Type': 'application/json' };
    const over = (bytes: number, more: Record<string, string>) => ({
      method: 'POST',
      headers: more,
      body: 'x'.repeat(bytes),
    });
    expect(stable(await door(GENERATE, over(16 * 1_048_576 + 1, json)))).toEqual(tooLarge(16_777_216));
    expect(stable(await door('/api/uploads', over(20 * 1_048_576 + 1, headers)))).toEqual(
      tooLarge(20_971_520),
    );
  });
});

describe('a body of another type', () => {
  it.each([
    ['none', undefined],
    ['text', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['another that begins alike', 'application/jsonp'],
    ['two', 'application/json, text/plain'],
  ])('is 415: %s', async (_, type) => {
    const init = { method: 'POST', headers: { ...headers, ...(type ? { 'Content-Type': type } : {}) } };
    const body = new TextEncoder().encode(JSON.stringify(JOB));
    expect(stable(await ask(GENERATE, { ...init, body }))).toEqual(
      problem(
        415,
        'unsupported_media_type',
        'Unsupported content type',
        'Send a JSON body with Content-Type: application/json.',
      ),
    );
  });

  it('is 400 when it is JSON by name alone', async () => {
    for (const body of ['', 'hello', '{"a":', "{'a':1}", 'NaN', '{} {}', '[1,]']) {
      expect(stable(await send(GENERATE, body, headers))).toEqual(
        problem(400, 'malformed_body', 'The body cannot be read', 'The body is not valid JSON.'),
      );
    }
    const latin = new Uint8Array([0x22, 0xe9, 0x22]);
    const answer = await ask(GENERATE, { ...jsonInit('', headers), body: latin });
    expect(stable(answer)).toEqual(
      problem(400, 'malformed_body', 'The body cannot be read', 'The body is not UTF-8 text.'),
    );
  });

  it('may not be nested without end', async () => {
    const deep = '['.repeat(500_000) + ']'.repeat(500_000);
    expect((await send(GENERATE, deep, headers)).status).toBe(400);
    expect((await send(GENERATE, `{"a":${deep}}`, headers)).status).toBe(400);
  });
});

describe('an address', () => {
  it('that is opened in a browser leads to the documentation', async () => {
    const { status, headers } = await ask('/', { redirect: 'manual' });
    expect([status, headers.get('Location')]).toEqual([302, `${PUBLIC_URL}/docs`]);
  });

  it.each([
    '/api',
    '/api/ltx-2.3',
    '/api/fal/status',
    '/api/fal/status/',
    '/admin',
    '/problems/nothing',
    '/docs/nothing',
    '/%E0%A4%A',
  ])('that is none is 404: %s', async (path) => {
    expect(stable(await ask(path))).toEqual(
      problem(404, 'not_found', 'Not found', 'There is nothing at this address.'),
    );
  });

  it.each([
    ['GET', GENERATE, 'POST'],
    ['HEAD', GENERATE, 'POST'],
    ['PUT', GENERATE, 'POST'],
    ['OPTIONS', GENERATE, 'POST'],
    ['POST', '/api/fal/status/job_x', 'GET, HEAD'],
    ['DELETE', '/api/fal/status/job_x', 'GET, HEAD'],
    ['GET', '/api/jobs/job_x/cancel', 'POST'],
    ['GET', '/api/uploads', 'POST'],
    ['POST', '/files/token/name', 'GET, HEAD'],
    ['POST', '/api/account', 'GET, HEAD, PATCH'],
    ['PUT', '/api/webhook-endpoints', 'GET, HEAD, POST'],
    ['POST', '/api/webhook-endpoints/ep_1', 'DELETE, GET, HEAD, PATCH'],
    ['DELETE', '/api/webhook-deliveries/dlv_1', 'GET, HEAD'],
    ['GET', '/api/webhook-deliveries/dlv_1/resend', 'POST'],
    ['GET', '/admin/accounts', 'POST'],
    ['DELETE', '/admin/accounts/x', 'GET, HEAD'],
    ['GET', '/admin/accounts/x/keys/y', 'DELETE'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
    ['GET', '/callbacks/fal/token', 'POST'],
  ])('does not take every method: %s %s', async (method, path, allow) => {
    const answer = await ask(path, { method });
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, allow]);
    if (method === 'HEAD') return;
    expect(stable(answer)).toEqual(
      problem(405, 'method_not_allowed', 'Method not allowed', `This address answers ${allow}.`),
    );
  });
});

describe('/healthz', () => {
  it('is ok where everything is set', async () => {
    const answer = await ask('/healthz');
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    expect((await ask('/healthz', { method: 'HEAD' })).status).toBe(200);
  });

  it('names what has no default, and is not set', async () => {
    const answer = await workerWith({ FAL_KEY: undefined, ADMIN_TOKEN: undefined })('/healthz');
    expect(stable(answer)).toEqual(
      problem(
        503,
        'configuration_unavailable',
        'Temporarily unavailable',
        'This deployment is not set up completely. Its operator finds what is missing at /healthz.',
        { problems: ['FAL_KEY is not set', 'ADMIN_TOKEN is not set'] },
      ),
    );
  });
});

describe('pages', () => {
  it.each(PROBLEMS.map(({ code }) => code))('explain the problem %s', async (code) => {
    const page = await ask(`/problems/${problemSlug(code)}`);
    expect([page.status, page.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain(code);
  });

  it.each(['/docs', '/docs/ltx-2.3-image-to-video'])('explain the model: %s', async (path) => {
    const page = await ask(path);
    expect([page.status, page.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('https://firstframe.test/api/ltx-2.3-image-to-video');
  });

  it('for programs: the OpenAPI document', async () => {
    const answer = await ask('/openapi.json');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ openapi: '3.1.0', servers: [{ url: 'https://firstframe.test' }] });
  });
});

it('where a caller is, it can say itself in local mode alone', async () => {
  const region = async (variables: Record<string, unknown>) => {
    const door = workerWith({ ...variables, SHARDS: failing('SHARDS', 'submit') });
    const answer = await door(GENERATE, jsonInit(JOB, { ...headers, 'X-Firstframe-Region': 'oc' }));
    return answer.body.job_id.slice(4, 5);
  };
  expect(await region({})).toBe('o');
  expect(await region({ LOCAL_MODE: 'false' })).toBe('e');
});
