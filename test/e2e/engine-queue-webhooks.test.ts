/** The webhooks that the engine sends: signed as fal's are, until they are taken. */

import { createHash, webcrypto } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Engine } from '../../src/engine/contract.ts';
import {
  eventually,
  HEADERS,
  ManualRenderer,
  type Received,
  submitted,
  testDirectory,
  testEngine,
  testReceiver,
  untilCompleted,
} from '../support/engine-queue.ts';

const jwksSchema = z.object({
  keys: z
    .array(z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string() }))
    .min(1),
});

/** fal's documented check, with the keys that the engine publishes. */
async function verifies(engine: Engine, { headers, body }: Received): Promise<boolean> {
  const { keys } = jwksSchema.parse(await (await fetch(engine.jwksUrl)).json());
  const message = [
    headers['x-fal-webhook-request-id'],
    headers['x-fal-webhook-user-id'],
    headers['x-fal-webhook-timestamp'],
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const signature = Buffer.from(String(headers['x-fal-webhook-signature']), 'hex');
  for (const { x } of keys) {
    const raw = Buffer.from(x, 'base64url');
    const key = await webcrypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
    if (await webcrypto.subtle.verify('Ed25519', key, signature, Buffer.from(message))) return true;
  }
  return false;
}

/** The only webhook so far. */
function only(received: readonly Received[]): Received {
  const [first, ...more] = received;
  if (!first || more.length > 0) throw new Error(`${received.length} webhooks came`);
  return first;
}

describe('the webhook of a request that ended', () => {
  it('with a video says OK and carries it, signed', async () => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver();
    const job = await submitted(engine, `${receiver.url}/hook?job=1`);
    (await renderer.next()).finish();
    await receiver.calls(1);
    const webhook = only(receiver.received);
    expect(webhook.path).toBe('/hook?job=1');
    expect(JSON.parse(webhook.body)).toEqual({
      request_id: job.request_id,
      gateway_request_id: job.request_id,
      status: 'OK',
      payload: await (await fetch(job.response_url, { headers: HEADERS })).json(),
    });
    expect(webhook.headers['x-fal-webhook-request-id']).toBe(job.request_id);
    expect(Math.abs(Number(webhook.headers['x-fal-webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(
      300,
    );
    expect(await verifies(engine, webhook)).toBe(true);
  });

  it('is not believed when anything in it was changed, or another key signed it', async () => {
    const { engine, renderer } = await testEngine();
    const { engine: other } = await testEngine();
    const receiver = await testReceiver();
    await submitted(engine, receiver.url);
    (await renderer.next()).finish();
    await receiver.calls(1);
    const webhook = only(receiver.received);
    const forged = (headers: Record<string, string>, body = webhook.body) =>
      verifies(engine, { ...webhook, headers: { ...webhook.headers, ...headers }, body });
    expect(await forged({})).toBe(true);
    expect(await forged({}, `${webhook.body} `)).toBe(false);
    expect(await forged({ 'x-fal-webhook-request-id': 'another' })).toBe(false);
    expect(await forged({ 'x-fal-webhook-user-id': 'another' })).toBe(false);
    expect(await forged({ 'x-fal-webhook-timestamp': '1' })).toBe(false);
    expect(await forged({ 'x-fal-webhook-signature': '00'.repeat(64) })).toBe(false);
    expect(await verifies(other, webhook)).toBe(false);
  });

  it('with an error says ERROR and carries what the result says', async () => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver();
    const detail = [{ loc: ['body', 'image_url'], msg: 'not an image', type: 'image_load_error' }];
    const job = await submitted(engine, receiver.url);
    (await renderer.next()).fail(422, detail);
    await receiver.calls(1);
    expect(JSON.parse(only(receiver.received).body)).toEqual({
      request_id: job.request_id,
      gateway_request_id: job.request_id,
      status: 'ERROR',
      error: 'Invalid status code: 422',
      payload: { detail },
    });
  });

  it('by a cancel says so', async () => {
    const { engine } = await testEngine();
    const receiver = await testReceiver();
    const job = await submitted(engine, receiver.url);
    expect((await fetch(job.cancel_url, { method: 'PUT', headers: HEADERS })).status).toBe(202);
    await receiver.calls(1);
    expect(JSON.parse(only(receiver.received).body)).toMatchObject({
      status: 'ERROR',
      error: 'Invalid status code: 499',
      payload: { error_type: 'client_cancelled' },
    });
  });
});

describe('a webhook that was not taken', () => {
  it('is sent again, signed again, with the same body', async () => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver((call) => (call === 0 ? 503 : 200));
    await submitted(engine, receiver.url);
    (await renderer.next()).finish();
    await receiver.calls(2);
    const [first, second] = receiver.received;
    if (!first || !second) throw new Error('two calls came');
    expect(second.body).toBe(first.body);
    expect(await Promise.all([first, second].map((webhook) => verifies(engine, webhook)))).toEqual([
      true,
      true,
    ]);
  });

  it('is owed by the next engine on the same data, with the same key', async () => {
    const dataDir = await testDirectory();
    const first = await testEngine({ dataDir });
    let up = false;
    const receiver = await testReceiver(() => (up ? 200 : undefined)); // At first it never answers.
    const job = await submitted(first.engine, receiver.url);
    (await first.renderer.next()).finish();
    await receiver.calls(1);
    await first.engine.close();
    up = true;
    const { engine } = await testEngine({ dataDir });
    await receiver.calls(2);
    const [, webhook] = receiver.received;
    if (!webhook) throw new Error('two calls came');
    expect(await verifies(engine, webhook)).toBe(true);
    expect(JSON.parse(webhook.body)).toMatchObject({
      request_id: job.request_id,
      payload: { video: { url: `${engine.url}/files/${job.request_id}/video.mp4` } },
    });
  });

  it('because of a redirect is not sent after it', async () => {
    const { engine, renderer, log } = await testEngine();
    const receiver = await testReceiver(() => 302);
    await submitted(engine, receiver.url);
    (await renderer.next()).finish();
    await eventually(() => log.find((entry) => entry.event === 'webhook_tried')).toMatchObject({
      verdict: 'give_up',
      status: 302,
    });
    expect(receiver.received.map((call) => call.path)).toEqual(['/']);
  });

  it('does not hold up another', async () => {
    const { engine, renderer } = await testEngine();
    const hanging = await testReceiver(() => undefined);
    const receiver = await testReceiver();
    await submitted(engine, hanging.url);
    await submitted(engine, receiver.url);
    (await renderer.next()).finish();
    await hanging.calls(1);
    (await renderer.next()).finish();
    await receiver.calls(1);
  });
});

it('a webhook to another machine is never sent', async () => {
  const calls: string[] = [];
  const realFetch = globalThis.fetch;
  const { engine, renderer, log } = await testEngine();
  const job = await submitted(engine, 'https://elsewhere.example/hook');
  globalThis.fetch = (input, init) => {
    calls.push(String(input));
    return realFetch(input, init);
  };
  try {
    (await renderer.next()).finish();
    await eventually(() => log.map((entry) => entry.event)).toContain('webhook_not_loopback');
  } finally {
    globalThis.fetch = realFetch;
  }
  expect(calls).toEqual([]);
  expect((await untilCompleted(job.status_url)).at(-1)).toMatchObject({ status: 'COMPLETED' });
});

it('a webhook that was taken is not sent again by the next engine', async () => {
  const dataDir = await testDirectory();
  const renderer = new ManualRenderer();
  const receiver = await testReceiver();
  const first = await testEngine({ dataDir, startRender: renderer.startRender });
  await submitted(first.engine, receiver.url);
  (await renderer.next()).finish();
  await eventually(() => first.log.map((entry) => entry.event)).toContain('webhook_tried');
  await first.engine.close();
  const second = await testEngine({ dataDir });
  await submitted(second.engine, `${receiver.url}/second`);
  (await second.renderer.next()).finish();
  await receiver.calls(2);
  expect(receiver.received.map((call) => call.path)).toEqual(['/', '/second']);
});
