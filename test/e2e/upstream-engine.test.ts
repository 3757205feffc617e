/** The Worker's queue client and the engine: the two ends of one protocol, written apart. */

import { expect, it } from 'vitest';
import { parseRing } from '../../src/worker/secrets.ts';
import { callbackUrl, receiveCallback } from '../../src/worker/upstream/callback.ts';
import type { UpstreamHandle } from '../../src/worker/upstream/contract.ts';
import { falUpstream } from '../../src/worker/upstream/fal.ts';
import { jwksSource } from '../../src/worker/upstream/jwks.ts';
import {
  ENDPOINT,
  eventually,
  INPUT,
  PATIENCE_MS,
  testEngine,
  testReceiver,
} from '../support/engine-queue.ts';

const DAY_MS = 86_400_000;
const TARGET = { account: 'acct_x0123456789abc', job: 'job_of_this_test' };

/** An engine, its client, and a receiver for its callbacks. */
async function start(input: Record<string, unknown> = INPUT) {
  const { engine, renderer } = await testEngine();
  const receiver = await testReceiver();
  const config = { PUBLIC_URL: receiver.url, SIGNING_SECRETS: parseRing(`test:${'s'.repeat(32)}`) };
  const fal = falUpstream({ queueUrl: engine.url, key: 'any', dedupes: true, startTimeoutS: 3_600 });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const address = await callbackUrl(config, { ...TARGET, expiresAt: Date.now() + DAY_MS });
  const submit = () => fal.submit({ endpoint: ENDPOINT, input, callbackUrl: address }, signal);
  return {
    engine,
    renderer,
    fal,
    submit,
    accepted: async () => {
      const reply = await submit();
      if (reply.kind !== 'accepted') throw new Error(JSON.stringify(reply));
      return reply.handle;
    },
    poll: (handle: UpstreamHandle) => fal.poll(handle, signal),
    result: (handle: UpstreamHandle) => fal.result(handle, signal),
    cancel: (handle: UpstreamHandle) => fal.cancel(handle, signal),
    callback: async () => {
      await receiver.calls(1);
      const [call] = receiver.received;
      if (!call) throw new Error('no callback');
      const headers = new Headers(
        Object.entries(call.headers).map(([name, value]): [string, string] => [name, String(value)]),
      );
      const request = {
        token: call.path.slice(call.path.lastIndexOf('/') + 1),
        headers,
        body: new Blob([call.body]).stream(),
      };
      return receiveCallback(config, request, jwksSource(engine.jwksUrl), Date.now());
    },
  };
}

it('a job goes from submit to video, and its callback says the same', async () => {
  const { renderer, submit, accepted, poll, result, callback } = await start();
  const handle = await accepted();
  expect(await submit()).toEqual({ kind: 'accepted', handle });
  const render = await renderer.next();
  await eventually(() => poll(handle)).toEqual({ kind: 'running' });
  expect(await result(handle)).toEqual({ kind: 'not_ready' });
  render.finish();
  await eventually(() => poll(handle)).toEqual({ kind: 'completed' });
  const outcome = await result(handle);
  expect(outcome).toMatchObject({
    kind: 'video',
    video: { contentType: 'video/mp4', duration: 6, width: 1920, height: 1080, fps: 25 },
  });
  expect(await callback()).toEqual({
    ok: true,
    target: TARGET,
    event: { requestId: handle.requestId, outcome },
  });
  expect(renderer.started).toHaveLength(1);
});

it('an image that cannot be loaded is told, and which one', async () => {
  const { renderer, accepted, poll, result, callback } = await start();
  const handle = await accepted();
  const render = await renderer.next();
  render.fail(422, [{ loc: ['body', 'end_image_url'], msg: 'cannot load it', type: 'image_load_error' }]);
  await eventually(() => poll(handle)).toEqual({ kind: 'completed' });
  const outcome = await result(handle);
  expect(outcome).toMatchObject({
    kind: 'failed',
    failure: { code: 'image_not_loadable', message: expect.stringContaining('The end image') },
  });
  expect(await callback()).toMatchObject({ ok: true, event: { outcome } });
});

it('a render that crashes ends its job', async () => {
  const { renderer, accepted, poll, result } = await start();
  const handle = await accepted();
  (await renderer.next()).crash();
  await eventually(() => poll(handle)).toEqual({ kind: 'completed' });
  expect(await result(handle)).toMatchObject({ kind: 'failed', failure: { code: 'upstream_error' } });
});

it('a cancel ends its job as canceled, and comes too late afterwards', async () => {
  const { renderer, accepted, poll, result, cancel } = await start();
  const handle = await accepted();
  await renderer.next();
  expect(await cancel(handle)).toEqual({ kind: 'requested' });
  await eventually(() => poll(handle)).toMatchObject({ kind: 'failed', canceled: true });
  expect(await result(handle)).toMatchObject({ kind: 'failed', canceled: true });
  expect(await cancel(handle)).toEqual({ kind: 'already_completed' });
});

it('an input that the engine refuses, and a request that it does not know, are told', async () => {
  const { fal, submit, poll, result, cancel } = await start({ ...INPUT, duration: 7 });
  expect(await submit()).toMatchObject({
    kind: 'refused',
    failure: { code: 'invalid_input', message: expect.stringContaining('The duration') },
  });
  const unknown = fal.handle(ENDPOINT, '0f2d1f6c-7f55-4a4e-9a0d-111111111111');
  expect(
    [await poll(unknown), await result(unknown), await cancel(unknown)].map((reply) => reply.kind),
  ).toEqual(['not_found', 'gone', 'not_found']);
});
