import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { fingerprint, parseIdempotencyKey } from '../../src/worker/idempotency.ts';
import { checkUrl } from '../../src/worker/webhooks/address.ts';
import {
  type Delivery,
  deliver,
  type Fetcher,
  MAX_RESPONSE_BYTES,
} from '../../src/worker/webhooks/deliver.ts';
import { newWebhookSecret, signV1 } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair, publicKeyBytes, signV1a } from '../../src/worker/webhooks/sign-v1a.ts';
import { DOH_URL, ScriptedDns } from '../support/dns.ts';
import vectors from '../support/vectors/standard-webhooks.json' with { type: 'json' };

// The unit tests show these against real HTTP servers in Node. Here the same code runs in the Workers runtime, whose
// fetch, streams, URL and Web Crypto are other implementations.

const secret = newWebhookSecret();

function delivery(more: Partial<Delivery>): Delivery {
  return {
    url: 'https://example.com/',
    id: 'evt_1',
    secrets: [secret],
    body: '{"a":"é"}',
    local: true,
    resolver: DOH_URL,
    ...more,
    ...(more.fetcher ? { fetcher: new ScriptedDns().before(more.fetcher) } : {}),
  };
}

/** A body that never ends, and tells how much of it was asked for. */
function endless() {
  const state = { pulled: 0, canceled: false };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      state.pulled += 1_000;
      controller.enqueue(new Uint8Array(1_000).fill(0x78));
    },
    cancel() {
      state.canceled = true;
    },
  });
  return { state, body };
}

describe('in the Workers runtime', () => {
  it.each(vectors)('the vector $scheme $id holds', async (vector) => {
    const sign = vector.scheme === 'v1' ? signV1 : signV1a;
    expect(await sign(vector.secret, vector)).toBe(vector.signature);
  });

  it('signing keys are made here, and what they sign verifies', async () => {
    const { secret: signing, publicKey } = await newSigningKeyPair();
    const key = await crypto.subtle.importKey('raw', publicKeyBytes(publicKey), 'Ed25519', false, ['verify']);
    const signature = await signV1a(signing, { id: 'evt_1', timestamp: 1, body: '{}' });
    const bytes = Uint8Array.from(atob(signature.slice('v1a,'.length)), (c) => c.charCodeAt(0));
    const signed = new TextEncoder().encode('evt_1.1.{}');
    expect(await crypto.subtle.verify('Ed25519', key, bytes, signed)).toBe(true);
  });

  it('a delivery verifies by both libraries', async () => {
    let sent: Request | undefined;
    const fetcher: Fetcher = async (url, init) => {
      sent = new Request(url, init);
      return new Response('thanks');
    };
    expect(await deliver(delivery({ fetcher }))).toMatchObject({
      ok: true,
      statusCode: 200,
      response: 'thanks',
    });
    if (!sent) throw new Error('nothing was sent');
    expect(sent.redirect).toBe('manual');
    const body = await sent.text();
    const headers = Object.fromEntries(sent.headers);
    expect(new StandardWebhook(secret).verify(body, headers)).toEqual({ a: 'é' });
    expect(new SvixWebhook(secret).verify(body, headers)).toEqual({ a: 'é' });
  });

  it('the real fetch to a port where nothing listens is a failure and no exception', async () => {
    const attempt = await deliver(delivery({ url: 'http://127.0.0.1:1/' }));
    expect(attempt).toMatchObject({ ok: false, statusCode: null, response: null, gone: false });
    expect(['network', 'refused']).toContain(attempt.error);
  });

  it('the real fetch to a private address is never made', async () => {
    expect(await deliver(delivery({ url: 'http://10.0.0.1/' }))).toMatchObject({ error: 'address' });
  });

  it('an endless body is cut at the limit and canceled', async () => {
    const { state, body } = endless();
    const attempt = await deliver(delivery({ fetcher: async () => new Response(body, { status: 500 }) }));
    expect(attempt.response).toHaveLength(MAX_RESPONSE_BYTES);
    expect(state.canceled).toBe(true);
    expect(state.pulled).toBeLessThan(MAX_RESPONSE_BYTES + 4_000);
  });

  it('a body that stalls ends with the time-out', async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('slow')),
    });
    const fetcher: Fetcher = async () => new Response(body, { status: 200 });
    expect(await deliver(delivery({ fetcher, timeoutMs: 2_000 }))).toMatchObject({
      ok: true,
      response: 'slow',
    });
  });

  it('a fetch that never answers ends with the time-out', async () => {
    const fetcher: Fetcher = () => new Promise(() => undefined);
    expect(await deliver(delivery({ fetcher, timeoutMs: 50 }))).toMatchObject({
      ok: false,
      error: 'timeout',
    });
  });

  it.each([301, 302, 307, 308])('a %i is a failure', async (status) => {
    const fetcher: Fetcher = async () =>
      new Response(null, { status, headers: { location: 'https://a.com/' } });
    expect(await deliver(delivery({ fetcher }))).toMatchObject({
      ok: false,
      statusCode: status,
      error: 'redirect',
    });
  });

  it.each([
    'https://0x7f.1/',
    'https://2130706433/',
    'https://017700000001/',
    'https://１２７.0.0.1/',
    'https://127。0。0。1/',
    'https://127.0.0.1%2e/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::127.0.0.1]/',
    'https://localhost%2e/',
    'https://ⓛocalhost/',
    'https://0/',
    'https://metadata.google.interna%6c/',
    'https://[64:ff9b::10.0.0.1]/',
  ])('%s is refused', (text) => {
    expect(checkUrl(text, { local: false, purpose: 'webhook' }).ok).toBe(false);
    expect(checkUrl(text, { local: false, purpose: 'image' }).ok).toBe(false);
  });

  it('public addresses are taken', () => {
    for (const text of [
      'https://example.com/',
      'https://münchen.de/',
      'https://8.8.8.8/',
      'https://[2a00::1]/',
    ]) {
      expect(checkUrl(text, { local: false, purpose: 'webhook' }).ok).toBe(true);
    }
  });

  it('idempotency keys are read and requests told apart', async () => {
    expect(parseIdempotencyKey('"a \\"b\\""')).toEqual({ key: 'a "b"' });
    expect(await fingerprint({ b: 1, a: 2 })).toBe(await fingerprint({ a: 2, b: 1 }));
  });
});
