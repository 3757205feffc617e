/** The Worker's own upstream client and callback check, against the engine. */

import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/contract.ts';
import type { Upstream, UpstreamHandle } from '../../src/worker/upstream/contract.ts';
import { parseFalEvent } from '../../src/worker/upstream/event.ts';
import { falUpstream } from '../../src/worker/upstream/fal.ts';
import { jwksSource } from '../../src/worker/upstream/jwks.ts';
import { verifyFalSignature } from '../../src/worker/upstream/signature.ts';
import {
  ENDPOINT,
  eventually,
  INPUT,
  type Received,
  testEngine,
  testReceiver,
} from '../support/engine-queue.ts';

const signal = new AbortController().signal;

async function submit(upstream: Upstream, callbackUrl: string): Promise<UpstreamHandle> {
  const reply = await upstream.submit({ endpoint: ENDPOINT, input: INPUT, callbackUrl }, signal);
  if (reply.kind !== 'accepted') throw new Error(`the engine answered ${reply.kind}`);
  return reply.handle;
}

/** What the Worker makes of the first webhook that came. */
async function event(engine: Engine, [webhook]: readonly Received[]) {
  if (!webhook) throw new Error('no webhook came');
  const body = new Uint8Array(Buffer.from(webhook.body));
  const headers = new Headers(Object.entries(webhook.headers).map(([name, value]) => [name, String(value)]));
  const verdict = await verifyFalSignature({
    headers,
    body,
    keys: jwksSource(engine.jwksUrl),
    now: Date.now(),
  });
  return { verdict, event: parseFalEvent(body) };
}

const client = ({ url }: Engine) =>
  falUpstream({ queueUrl: url, key: 'any:key', dedupes: true, startTimeoutS: 60 });

describe('the Worker', () => {
  it('follows a job to its video', async () => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver();
    const upstream = client(engine);
    const first = await submit(upstream, `${receiver.url}/1`);
    expect(await submit(upstream, `${receiver.url}/1`)).toEqual(first);
    const second = await submit(upstream, `${receiver.url}/2`);
    const render = await renderer.next();
    expect(await upstream.poll(first, signal)).toEqual({ kind: 'running' });
    expect(await upstream.poll(second, signal)).toEqual({ kind: 'queued', position: 0 });
    expect(await upstream.result(first, signal)).toEqual({ kind: 'not_ready' });
    render.finish();
    await receiver.calls(1);
    expect(await upstream.poll(first, signal)).toEqual({ kind: 'completed' });
    const result = await upstream.result(first, signal);
    expect(result).toMatchObject({
      kind: 'video',
      video: { contentType: 'video/mp4', width: 1920, duration: 6 },
    });
    expect(await event(engine, receiver.received)).toEqual({
      verdict: 'valid',
      event: { requestId: first.requestId, outcome: result },
    });
  });

  it('cancels, and reads that in the poll, the result and the webhook', async () => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver();
    const upstream = client(engine);
    const handle = await submit(upstream, receiver.url);
    await renderer.next();
    expect(await upstream.cancel(handle, signal)).toEqual({ kind: 'requested' });
    await receiver.calls(1);
    expect(await upstream.cancel(handle, signal)).toEqual({ kind: 'already_completed' });
    const canceled = { kind: 'failed', canceled: true };
    expect(await upstream.poll(handle, signal)).toMatchObject(canceled);
    expect(await upstream.result(handle, signal)).toMatchObject(canceled);
    expect(await event(engine, receiver.received)).toMatchObject({
      verdict: 'valid',
      event: { outcome: canceled },
    });
  });

  it.each([
    ['image_load_error', 422, 'image_not_loadable'],
    ['image_too_large', 422, 'image_too_large'],
    ['file_download_error', 422, 'image_not_loadable'],
  ])('reads %s as the customer’s error', async (type, code, expected) => {
    const { engine, renderer } = await testEngine();
    const receiver = await testReceiver();
    const upstream = client(engine);
    const handle = await submit(upstream, receiver.url);
    (await renderer.next()).fail(code, [{ loc: ['body', 'image_url'], msg: 'no', type }]);
    await receiver.calls(1);
    const failed = { kind: 'failed', failure: { code: expected } };
    expect(await upstream.result(handle, signal)).toMatchObject(failed);
    expect((await event(engine, receiver.received)).event).toMatchObject({ outcome: failed });
  });

  it('reads a crash as ours, and an unknown request as gone', async () => {
    const { engine, renderer } = await testEngine();
    const upstream = client(engine);
    const handle = await submit(upstream, 'http://127.0.0.1:1/');
    (await renderer.next()).crash();
    await eventually(() => upstream.result(handle, signal)).toMatchObject({
      kind: 'failed',
      failure: { code: 'upstream_error' },
    });
    const unknown = upstream.handle(ENDPOINT, crypto.randomUUID());
    expect(await upstream.poll(unknown, signal)).toEqual({ kind: 'not_found' });
    expect(await upstream.result(unknown, signal)).toEqual({ kind: 'gone' });
    expect(await upstream.cancel(unknown, signal)).toEqual({ kind: 'not_found' });
  });
});
