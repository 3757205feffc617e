/** What the client and the scripted upstream do on the runtime that they are deployed to. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { configOf } from '../../src/worker/env.ts';
import { callbackUrl, receiveCallback } from '../../src/worker/upstream/callback.ts';
import { falUpstream } from '../../src/worker/upstream/fal.ts';
import { jwksSource } from '../../src/worker/upstream/jwks.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { SAMPLE_MP4 } from '../support/sample-mp4.ts';

const ENDPOINT = 'fal-ai/ltx-2.3/image-to-video/fast';
const TARGET = { account: 'acct_x0123456789abc', job: 'job_of_this_test' };
const PATIENCE_MS = 10_000;
const DAY_MS = 86_400_000;

const config = configOf(env);

function clientOf(queueUrl = config.FAL_QUEUE_URL) {
  const fal = falUpstream({ queueUrl, key: 'test-fal-key', dedupes: false });
  const submit = async (prompt: string, signal = AbortSignal.timeout(PATIENCE_MS)) => {
    const address = await callbackUrl(config, { ...TARGET, expiresAt: Date.now() + DAY_MS });
    return fal.submit({ endpoint: ENDPOINT, input: { prompt }, callbackUrl: address }, signal);
  };
  const accepted = async (prompt: string) => {
    const reply = await submit(prompt);
    if (reply.kind !== 'accepted') throw new Error(reply.kind);
    return reply.handle;
  };
  return { fal, submit, accepted };
}

describe('a connection that was never made', () => {
  // Were it told apart from one that broke later, the submit could be repeated. This test says when that has changed.
  it('is reported like one that broke later, so nothing is known of the submit', async () => {
    const reply = await clientOf('http://127.0.0.1:1').submit('nobody listens');
    expect(reply).toEqual({ kind: 'unknown', detail: 'no answer (Error)' });
  });

  it('has certainly not been made when the time was up before', async () => {
    const reply = await clientOf('http://127.0.0.1:1').submit('out of time', AbortSignal.abort());
    expect(reply).toMatchObject({ kind: 'not_accepted' });
  });
});

describe('with an installed upstream', () => {
  let installed: InstalledUpstream;
  beforeEach(() => {
    installed = installUpstream();
  });

  it('the client goes from submit to video through the global fetch', async () => {
    const { upstream } = installed;
    const { fal, accepted } = clientOf();
    const handle = await accepted('through the global fetch');
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const states = [];
    for (let i = 0; i < 3; i++) states.push((await fal.poll(handle, signal)).kind);
    expect(states).toEqual(['queued', 'running', 'completed']);
    const result = await fal.result(handle, signal);
    if (result.kind !== 'video') throw new Error(result.kind);
    const file = await fetch(result.video.url);
    expect((await file.arrayBuffer()).byteLength).toBe(SAMPLE_MP4.bytes);
    expect(upstream.count('submit', 'through the global fetch')).toBe(1);
  });

  it('a file of known length can be put into R2 as it arrives, and one that breaks off is not stored', async () => {
    const { upstream } = installed;
    const { fal, accepted } = clientOf();
    upstream.plan('into R2', { status: ['completed'], file: ['slow', 'cut_off'] });
    const handle = await accepted('into R2');
    await fal.poll(handle, AbortSignal.timeout(PATIENCE_MS));
    const result = await fal.result(handle, AbortSignal.timeout(PATIENCE_MS));
    if (result.kind !== 'video') throw new Error(result.kind);
    const slow = env.BUCKET.put('upstream-test/slow', (await fetch(result.video.url)).body);
    await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
    upstream.release();
    expect((await slow)?.size).toBe(SAMPLE_MP4.bytes);
    await expect(env.BUCKET.put('upstream-test/cut', (await fetch(result.video.url)).body)).rejects.toThrow();
    expect(await env.BUCKET.head('upstream-test/cut')).toBeNull();
  });

  it('redirects are not followed, floods are cut, hangs end in time', async () => {
    const { upstream } = installed;
    const { fal, accepted } = clientOf();
    upstream.plan('faults', { status: ['redirect', 'huge', 'lost', 'hang'] });
    const handle = await accepted('faults');
    const details = [];
    for (let i = 0; i < 3; i++) {
      const reply = await fal.poll(handle, AbortSignal.timeout(PATIENCE_MS));
      details.push(reply.kind === 'unclear' ? reply.detail : reply.kind);
    }
    expect(details).toEqual(['HTTP 307', 'HTTP 200 with too large a body', 'no answer (Error)']);
    const impatient = new AbortController();
    const hung = fal.poll(handle, impatient.signal);
    await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
    impatient.abort();
    expect(await hung).toMatchObject({ kind: 'unclear' });
    expect([upstream.count('foreign'), upstream.hugeBytes < 1_048_576]).toEqual([0, true]);
  });

  it('requests of a Durable Object are answered, also those that hang, and strangers are told', async () => {
    const { upstream, receive, unhandled } = installed;
    receive('https://customer.test', async (request) => new Response(`got ${await request.text()}`));
    const stub = env.DIRECTORIES.get(env.DIRECTORIES.idFromName('directory/weur/7'));
    const ask = (url: string, init?: RequestInit) =>
      runInDurableObject(stub, async () => (await fetch(url, init)).text());
    expect(await ask('https://customer.test/hook', { method: 'POST', body: 'it' })).toBe('got it');

    const handle = await clientOf().accepted('in an object');
    upstream.plan('in an object', { status: ['hang'] });
    const headers = { authorization: 'Key test-fal-key' };
    const hung = ask(handle.statusUrl, { headers });
    await upstream.saw('status', 'in an object');
    await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
    upstream.release();
    expect(JSON.parse(await hung)).toMatchObject({ status: 'COMPLETED' });

    const stranger = runInDurableObject(stub, () => fetch('https://stranger.test/').then(String, String));
    expect(await stranger).toContain('no receiver for GET https://stranger.test/');
    expect(unhandled.splice(0)).toEqual(['GET https://stranger.test/']);
  });

  it('callbacks are verified by Web Crypto of this runtime', async () => {
    const { upstream } = installed;
    await clientOf().accepted('a callback');
    const keys = jwksSource(upstream.jwksUrl);
    const receive = (request: Request) => {
      const token = new URL(request.url).pathname.split('/').at(-1) ?? '';
      return receiveCallback(
        config,
        { token, headers: request.headers, body: request.body },
        keys,
        Date.now(),
      );
    };
    expect(await receive(await upstream.webhook('a callback', 'ok'))).toMatchObject({
      ok: true,
      target: TARGET,
      event: { outcome: { kind: 'video' } },
    });
    expect(await receive(await upstream.webhook('a callback', 'ok', { forged: true }))).toEqual({
      ok: false,
      reason: 'signature',
    });
  });
});
