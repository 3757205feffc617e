import { describe, expect, it } from 'vitest';
import { parseRing } from '../../src/worker/secrets.ts';
import { callbackUrl, readCallbackToken, receiveCallback } from '../../src/worker/upstream/callback.ts';
import { parseFalEvent } from '../../src/worker/upstream/event.ts';
import { jwksSource, type KeySource, keysOfJwks } from '../../src/worker/upstream/jwks.ts';
import { verifyFalSignature } from '../../src/worker/upstream/signature.ts';
import { ScriptedUpstream } from '../support/upstream.ts';

const config = {
  PUBLIC_URL: 'https://firstframe.test',
  SIGNING_SECRETS: parseRing(`new:${'a'.repeat(32)},old:${'b'.repeat(32)}`),
};
const NOW = 1_795_000_000_000;
const TARGET = { account: 'acct_x0123456789abc', job: 'job_of_this_test' };
const PROMPT = 'a prompt';
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const tokenOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);

describe('the address that the upstream calls', () => {
  it('is the same on every try, and below our own URL', async () => {
    const url = await callbackUrl(config, { ...TARGET, expiresAt: NOW });
    expect(url).toMatch(/^https:\/\/firstframe\.test\/callbacks\/fal\/[\w.-]+$/);
    expect(await callbackUrl(config, { ...TARGET, expiresAt: NOW })).toBe(url);
    expect(await callbackUrl(config, { ...TARGET, job: 'job_b', expiresAt: NOW })).not.toBe(url);
  });

  it('stands for its job until it expires, also after another secret signs', async () => {
    const [current, old] = config.SIGNING_SECRETS.entries;
    if (!old) throw new TypeError('no old secret');
    const before = { ...config, SIGNING_SECRETS: { entries: [old, current] as const } };
    const token = tokenOf(await callbackUrl(before, { ...TARGET, expiresAt: NOW }));
    expect(await readCallbackToken(config, token, NOW - 1)).toEqual(TARGET);
    expect(await readCallbackToken(config, token, NOW)).toBeNull();
    expect(await readCallbackToken({ SIGNING_SECRETS: { entries: [current] } }, token, NOW - 1)).toBeNull();
  });

  it('is nothing when it is forged', async () => {
    const token = tokenOf(await callbackUrl(config, { ...TARGET, expiresAt: NOW }));
    const [, ring, mac] = token.split('.');
    const claims = btoa(JSON.stringify({ a: TARGET.account, j: 'job_of_another', e: NOW })).replace(
      /=+$/,
      '',
    );
    const forged = [
      `${claims}.${ring}.${mac}`,
      token.slice(0, -4),
      `${token}.x`,
      '',
      '..',
      'a.b.c',
      token.repeat(9),
    ];
    for (const text of forged) expect(await readCallbackToken(config, text, NOW - 1)).toBeNull();
  });
});

/** An upstream that has taken one job, and what its webhook brings. */
async function ended(content: Parameters<ScriptedUpstream['webhook']>[1], faults = {}) {
  const upstream = new ScriptedUpstream();
  const callback = await callbackUrl(config, { ...TARGET, expiresAt: Date.now() + DAY_MS });
  await upstream.fetch(
    `${upstream.queueUrl}/fal-ai/ltx-2.3/fast?fal_webhook=${encodeURIComponent(callback)}`,
    {
      method: 'POST',
      headers: { authorization: 'Key test-fal-key' },
      body: JSON.stringify({ prompt: PROMPT }),
    },
  );
  const request = await upstream.webhook(PROMPT, content, faults);
  const keys = jwksSource(upstream.jwksUrl, upstream.fetch);
  const receive = (
    overrides: { token?: string; body?: ReadableStream<Uint8Array> | null; now?: number } = {},
  ) =>
    receiveCallback(
      config,
      { token: tokenOf(request.url), headers: request.headers, body: request.body, ...overrides },
      keys,
      overrides.now ?? Date.now(),
    );
  return { upstream, request, keys, receive, requestId: upstream.requestOf(PROMPT).id };
}

describe('a callback', () => {
  it('brings the video', async () => {
    const { receive, requestId } = await ended('ok');
    expect(await receive()).toEqual({
      ok: true,
      target: TARGET,
      event: {
        requestId,
        outcome: {
          kind: 'video',
          video: { url: `https://v3b.fal.media/files/${requestId}.mp4`, contentType: 'video/mp4' },
        },
      },
    });
  });

  it('without a payload says only that the job has ended', async () => {
    const { receive, requestId } = await ended('ok_null');
    expect(await receive()).toMatchObject({ ok: true, event: { requestId, outcome: { kind: 'ended' } } });
  });

  it('of a failure is decided by policy and does not echo the prompt', async () => {
    const { receive } = await ended({ error: 'content_policy_violation' });
    const reply = await receive();
    expect(reply).toMatchObject({
      event: { outcome: { kind: 'failed', failure: { code: 'content_policy_violation' } } },
    });
    expect(JSON.stringify(reply)).not.toContain(PROMPT);
  });

  it('with a forged token is refused before its body or any key is looked at', async () => {
    const { upstream, receive } = await ended('ok');
    const body = new ReadableStream<Uint8Array>(
      { pull: () => Promise.reject(new Error('was read')) },
      { highWaterMark: 0 },
    );
    expect(await receive({ token: 'a.new.c', body })).toEqual({ ok: false, reason: 'token' });
    expect(upstream.count('jwks')).toBe(0);
  });

  it('that is forged, late, early, changed or unsigned is refused', async () => {
    expect(await (await ended('ok', { forged: true })).receive()).toEqual({ ok: false, reason: 'signature' });
    expect(await (await ended('ok', { ageS: 400 })).receive()).toEqual({ ok: false, reason: 'signature' });
    expect(await (await ended('ok', { ageS: -400 })).receive()).toEqual({ ok: false, reason: 'signature' });
    expect(await (await ended('ok', { ageS: 200 })).receive()).toMatchObject({ ok: true });
    const { receive } = await ended('ok');
    expect(await receive({ body: new Blob(['{}']).stream() })).toEqual({ ok: false, reason: 'signature' });
    expect(await receive({ body: null })).toEqual({ ok: false, reason: 'signature' });
  });

  it.each([
    'x-fal-webhook-request-id',
    'x-fal-webhook-user-id',
    'x-fal-webhook-timestamp',
    'x-fal-webhook-signature',
  ])('without %s is refused', async (name) => {
    const { request, receive } = await ended('ok');
    request.headers.delete(name);
    expect(await receive()).toEqual({ ok: false, reason: 'signature' });
  });

  it('that is too large or breaks off is refused without more being read', async () => {
    const { upstream, receive } = await ended('ok');
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    expect(await receive({ body })).toEqual({ ok: false, reason: 'body' });
    expect(pulled).toBeLessThan(20);
    const broken = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(new Error('hung up')) });
    expect(await receive({ body: broken })).toEqual({ ok: false, reason: 'body' });
    expect(upstream.count('jwks')).toBe(0);
  });

  it('that is signed but says nothing is refused', async () => {
    const { receive } = await ended({ raw: '{"status":"OK"}' });
    expect(await receive()).toEqual({ ok: false, reason: 'body' });
  });

  it('cannot be judged while there are no keys, and is taken when there are', async () => {
    const { upstream, receive, request } = await ended('ok');
    upstream.planJwks(
      'lost',
      'garbage',
      { status: 500 },
      'huge',
      { status: 200, body: { keys: [] } },
      'redirect',
    );
    const later = (minutes: number) => ({
      body: request.clone().body,
      now: Date.now() + minutes * MINUTE_MS,
    });
    for (const minutes of [0, 1, 2, 3, 4]) {
      expect(await receive(later(minutes))).toEqual({ ok: false, reason: 'keys_unavailable' });
    }
    expect(upstream.count('jwks')).toBe(5);
    const fresh = await ended('ok');
    expect(await fresh.receive()).toMatchObject({ ok: true });
    expect(upstream.count('foreign')).toBe(0);
  });
});

describe('the keys', () => {
  const verify = async (upstream: ScriptedUpstream, keys: KeySource, now: number) => {
    const request = await upstream.signer.request('https://firstframe.test/', 'id', '{}', {
      ageS: (Date.now() - now) / 1_000,
    });
    return verifyFalSignature({ headers: request.headers, body: new TextEncoder().encode('{}'), keys, now });
  };

  it('are fetched once and kept for a day', async () => {
    const upstream = new ScriptedUpstream();
    const keys = jwksSource(upstream.jwksUrl, upstream.fetch);
    for (const at of [0, 1, DAY_MS - 1]) expect(await verify(upstream, keys, NOW + at)).toBe('valid');
    expect(upstream.count('jwks')).toBe(1);
    expect(await verify(upstream, keys, NOW + DAY_MS)).toBe('valid');
    expect(upstream.count('jwks')).toBe(2);
    expect(upstream.calls[0]?.headers.has('authorization')).toBe(false);
  });

  it('are fetched again when none fits, but not more than once a minute', async () => {
    const upstream = new ScriptedUpstream();
    const keys = jwksSource(upstream.jwksUrl, upstream.fetch);
    expect(await verify(upstream, keys, NOW)).toBe('valid');
    upstream.signer.rotate();
    for (let i = 0; i < 5; i++) expect(await verify(upstream, keys, NOW + MINUTE_MS - 1)).toBe('signature');
    expect(upstream.count('jwks')).toBe(1);
    expect(await verify(upstream, keys, NOW + MINUTE_MS)).toBe('valid');
    expect(upstream.count('jwks')).toBe(2);
  });

  it('stay when they cannot be fetched again', async () => {
    const upstream = new ScriptedUpstream();
    const keys = jwksSource(upstream.jwksUrl, upstream.fetch);
    expect(await verify(upstream, keys, NOW)).toBe('valid');
    upstream.planJwks('lost', 'garbage', { status: 200, body: { keys: [] } });
    for (let day = 1; day <= 3; day++) expect(await verify(upstream, keys, NOW + day * DAY_MS)).toBe('valid');
    expect(upstream.count('jwks')).toBe(4);
  });

  it('are read out of a JWKS, whatever else is in it', async () => {
    const x = 'iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w';
    const count = async (...keys: unknown[]) => (await keysOfJwks({ keys }))?.length;
    expect(
      await count({ x }, { kty: 'OKP', crv: 'Ed25519', x, use: 'sig', alg: 'EdDSA' }, { x: `${x}=` }),
    ).toBe(3);
    expect(await count(null, 'x', {}, { x: 7 }, { x: '' }, { x: 'AAAA' }, { x: '!' }, { kty: 'EC', x })).toBe(
      0,
    );
    expect(await count(...Array(100).fill({ x }))).toBe(16);
    for (const document of [undefined, null, [], {}, { keys: {} }])
      expect(await keysOfJwks(document)).toBeNull();
  });
});

describe('the body of a webhook', () => {
  const event = (body: unknown) => parseFalEvent(new TextEncoder().encode(JSON.stringify(body)))?.outcome;
  const id = { request_id: 'r-1' };

  it.each([
    [
      { status: 'OK', payload: { video: { url: 'https://files.test/a.mp4' } } },
      { kind: 'video', video: { url: 'https://files.test/a.mp4' } },
    ],
    [{ status: 'OK', payload: { video: {} } }, { kind: 'ended' }],
    [{ status: 'OK' }, { kind: 'ended' }],
    [{ status: 'PONDERING' }, { kind: 'ended' }],
    [{ status: 'ERROR' }, { kind: 'ended' }],
    [
      { status: 'ERROR', error: 'Invalid status code: 500', payload: { detail: 'Internal Server Error' } },
      { kind: 'ended' },
    ],
    [{ status: 'ERROR', error: 'Invalid status code: 503', payload: null }, { kind: 'ended' }],
    [{ status: 'ERROR', error: 7, payload: 'text' }, { kind: 'ended' }],
  ])('%o', (body, outcome) => {
    expect(event({ ...id, ...body })).toEqual(outcome);
  });

  it.each([
    [
      { error: 'Invalid status code: 422', payload: { detail: [{ type: 'image_load_error' }] } },
      'image_not_loadable',
    ],
    [{ error: 'Invalid status code: 422', payload: null }, 'invalid_input'],
    [
      { error: 'Invalid status code: 504', payload: { detail: [{ type: 'generation_timeout' }] } },
      'upstream_timeout',
    ],
    [{ error_type: 'runner_scheduling_failure' }, 'upstream_busy'],
    [{ payload: { detail: 'x', error_type: 'startup_timeout' } }, 'upstream_timeout'],
  ])('ERROR %o is %s', (body, code) => {
    expect(event({ ...id, status: 'ERROR', ...body })).toMatchObject({ kind: 'failed', failure: { code } });
  });

  it('tells a cancel', () => {
    const payload = { detail: 'x', error_type: 'client_cancelled' };
    expect(event({ ...id, status: 'ERROR', error: 'Invalid status code: 499', payload })).toMatchObject({
      kind: 'failed',
      canceled: true,
    });
  });

  it.each([
    null,
    [],
    {},
    { status: 'OK' },
    { request_id: '../x', status: 'OK' },
    { request_id: 'r', status: 1 },
  ])('is no event: %o', (body) => {
    expect(event(body)).toBeUndefined();
  });
});
