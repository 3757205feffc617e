import { afterEach, expect, it } from 'vitest';
import { falUpstream } from '../../src/worker/upstream/fal.ts';
import { SAMPLE_MP4 } from '../support/sample-mp4.ts';
import { startUpstreamServer, type UpstreamServer } from '../support/upstream-server.ts';

const PROMPT = 'over real sockets';

let server: UpstreamServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** The client and the scripted upstream with real HTTP between them. */
async function start(options: { dedupes?: boolean } = {}) {
  server = await startUpstreamServer(options);
  const { url, upstream } = server;
  const fal = falUpstream({ queueUrl: url, key: 'test-fal-key', dedupes: false });
  const signal = AbortSignal.timeout(10_000);
  const submit = () =>
    fal.submit({ endpoint: 'fal-ai/a/b', input: { prompt: PROMPT }, callbackUrl: `${url}/cb` }, signal);
  return { upstream, fal, signal, submit };
}

it('goes from submit to video', async () => {
  const { upstream, fal, signal, submit } = await start();
  const reply = await submit();
  if (reply.kind !== 'accepted') throw new Error(reply.kind);
  const states = [];
  for (let i = 0; i < 3; i++) states.push((await fal.poll(reply.handle, signal)).kind);
  expect(states).toEqual(['queued', 'running', 'completed']);
  const result = await fal.result(reply.handle, signal);
  if (result.kind !== 'video') throw new Error(result.kind);
  const file = await fetch(result.video.url);
  expect((await file.arrayBuffer()).byteLength).toBe(SAMPLE_MP4.bytes);
  expect(upstream.calls.map((call) => call.kind)).toEqual([
    'submit',
    'status',
    'status',
    'status',
    'result',
    'file',
  ]);
  expect(upstream.calls.at(-1)?.headers.has('authorization')).toBe(false);
});

it('breaks connections, redirects and floods as the script says', async () => {
  const { upstream, fal, signal, submit } = await start();
  upstream.plan(PROMPT, {
    submit: ['lost', { accept: 'lost' }, 'redirect', 'huge', 'accept'],
    status: ['lost', 'huge', 'redirect'],
    file: ['cut_off', 'slow'],
  });
  for (let i = 0; i < 4; i++) expect((await submit()).kind).toBe('unknown');
  expect(upstream.accepted()).toBe(1);
  const reply = await submit();
  if (reply.kind !== 'accepted') throw new Error(reply.kind);
  for (let i = 0; i < 3; i++) expect((await fal.poll(reply.handle, signal)).kind).toBe('unclear');
  upstream.requestOf(PROMPT).state = 'completed';
  const result = await fal.result(reply.handle, signal);
  if (result.kind !== 'video') throw new Error(result.kind);
  const cut = await fetch(result.video.url);
  expect(cut.headers.get('content-length')).toBe(String(SAMPLE_MP4.bytes));
  await expect(cut.arrayBuffer()).rejects.toThrow();
  const slow = await fetch(result.video.url);
  await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
  upstream.release();
  expect((await slow.arrayBuffer()).byteLength).toBe(SAMPLE_MP4.bytes);
});

it('hangs until the client goes away or the test lets it go on', async () => {
  const { upstream, fal, signal, submit } = await start();
  upstream.plan(PROMPT, { status: ['hang', 'hang'] });
  const reply = await submit();
  if (reply.kind !== 'accepted') throw new Error(reply.kind);
  const impatient = new AbortController();
  const given = fal.poll(reply.handle, impatient.signal);
  await upstream.saw('status', PROMPT);
  impatient.abort();
  expect((await given).kind).toBe('unclear');
  const waited = fal.poll(reply.handle, signal);
  await upstream.saw('status', PROMPT, 2);
  await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
  upstream.release();
  expect((await waited).kind).toBe('completed');
});

it('takes a repeated submit for one request where it dedupes', async () => {
  const { upstream, submit } = await start({ dedupes: true });
  const first = await submit();
  expect(await submit()).toEqual(first);
  expect([upstream.count('submit'), upstream.accepted()]).toEqual([2, 1]);
});
