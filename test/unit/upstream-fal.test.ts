import { describe, expect, it } from 'vitest';
import type { UpstreamHandle, UpstreamSubmit } from '../../src/worker/upstream/contract.ts';
import { falUpstream } from '../../src/worker/upstream/fal.ts';
import type { JobPlan } from '../support/scripted-upstream-steps.ts';
import { type Answer, ScriptedUpstream } from '../support/upstream.ts';

const ENDPOINT = 'fal-ai/ltx-2.3/image-to-video/fast';
const PROMPT = 'a prompt';
const CALLBACK = 'https://firstframe.test/callbacks/fal/token?x=1&y=2';

/** The client against a scripted upstream that follows `plan`. */
function clientOf(
  plan: JobPlan = {},
  options: { dedupes?: boolean; key?: string; startTimeoutS?: number } = {},
) {
  const { dedupes = false, key = 'test-fal-key', ...rest } = options;
  const upstream = new ScriptedUpstream({ dedupes });
  upstream.plan(PROMPT, plan);
  const fal = falUpstream({ queueUrl: upstream.queueUrl, key, dedupes, fetcher: upstream.fetch, ...rest });
  const request: UpstreamSubmit = {
    endpoint: ENDPOINT,
    input: { prompt: PROMPT, duration: 6 },
    callbackUrl: CALLBACK,
  };
  const patience = () => AbortSignal.timeout(5_000);
  return {
    upstream,
    fal,
    submit: (signal = patience()) => fal.submit(request, signal),
    accepted: async (): Promise<UpstreamHandle> => {
      const reply = await fal.submit(request, patience());
      if (reply.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(reply)}`);
      return reply.handle;
    },
    poll: (handle: UpstreamHandle, signal = patience()) => fal.poll(handle, signal),
    result: (handle: UpstreamHandle, signal = patience()) => fal.result(handle, signal),
    cancel: (handle: UpstreamHandle, signal = patience()) => fal.cancel(handle, signal),
  };
}

/** A submitted job that has ended upstream, so that its result can be asked for. */
async function endedJob(plan: JobPlan) {
  const client = clientOf(plan);
  const handle = await client.accepted();
  client.upstream.requestOf(PROMPT).state = 'completed';
  return { ...client, handle };
}

/** A signal that fires when the upstream has been reached and hangs. */
async function whileItHangs<Reply>(
  upstream: ScriptedUpstream,
  call: (signal: AbortSignal) => Promise<Reply>,
) {
  const timeout = new AbortController();
  const reply = call(timeout.signal);
  await expect.poll(() => upstream.holding, { interval: 1 }).toBe(true);
  timeout.abort(new DOMException('out of time', 'TimeoutError'));
  return reply;
}

describe('submit', () => {
  it('sends the bare input once, with the key, the callback and the lifetime of the output', async () => {
    const { upstream, submit } = clientOf({}, { startTimeoutS: 3_600 });
    const reply = await submit();
    const { id } = upstream.requestOf(CALLBACK);
    const base = `https://queue.fal.run/fal-ai/ltx-2.3/requests/${id}`;
    expect(reply).toEqual({
      kind: 'accepted',
      handle: {
        requestId: id,
        statusUrl: `${base}/status`,
        responseUrl: base,
        cancelUrl: `${base}/cancel`,
      },
    });
    expect(upstream.requestOf(CALLBACK)).toMatchObject({
      endpoint: ENDPOINT,
      input: { prompt: PROMPT, duration: 6 },
    });
    expect(upstream.calls).toHaveLength(1);
    expect(Object.fromEntries(upstream.calls[0]?.headers ?? [])).toMatchObject({
      authorization: 'Key test-fal-key',
      'content-type': 'application/json',
      'x-fal-object-lifecycle-preference': '{"expiration_duration_seconds":259200}',
      'x-fal-request-timeout': '3600',
    });
  });

  it('drops white space around a key, and refuses one that no header can carry', async () => {
    expect(await clientOf({}, { key: ' test-fal-key\n' }).submit()).toMatchObject({ kind: 'accepted' });
    for (const key of ['', ' ', 'a\nb', 'ключ']) {
      expect(() => clientOf({}, { key })).toThrow(/^FAL_KEY is empty or holds characters/);
    }
  });

  it('rebuilds URLs of a foreign host, which is never called', async () => {
    const { upstream, accepted, poll, result, cancel } = clientOf({ submit: ['foreign_urls'] });
    const handle = await accepted();
    expect(new URL(handle.statusUrl).origin).toBe('https://queue.fal.run');
    expect(await poll(handle)).toEqual({ kind: 'queued', position: 1 });
    await result(handle);
    await cancel(handle);
    expect(upstream.count('foreign')).toBe(0);
    expect(['status', 'result', 'cancel'].map((kind) => upstream.count(kind as 'status'))).toEqual([1, 1, 1]);
  });

  it.each<[string, Answer]>([
    ['a lost answer', 'lost'],
    ['no JSON', 'garbage'],
    ['a body without end', 'huge'],
    ['a redirect', 'redirect'],
    ['a 500', { status: 500, body: { detail: 'x' } }],
    ['a 503', { status: 503 }],
    ['a 504', { status: 504 }],
    ['no request id', { status: 200, body: { status: 'IN_QUEUE' } }],
    ['a request id that is a path', { status: 200, body: { request_id: '../../keys' } }],
    ['a request id that is no text', { status: 200, body: { request_id: 7 } }],
  ])(
    'knows nothing after %s, whether or not it was taken, and sends nothing again',
    async (_name, answer) => {
      for (const step of [answer, { accept: answer }]) {
        const { upstream, submit } = clientOf({ submit: [step] });
        expect(await submit()).toMatchObject({ kind: 'unknown', detail: expect.any(String) });
        expect(upstream.count('submit')).toBe(1);
        expect(upstream.count('foreign')).toBe(0);
      }
    },
  );

  it('reads no more of a huge body than it may', async () => {
    const { upstream, submit } = clientOf({ submit: ['huge'] });
    await submit();
    expect(upstream.hugeBytes).toBeLessThan(65_536 * 5);
  });

  it('knows nothing when the time is up while it waits', async () => {
    const { upstream, submit } = clientOf({ submit: [{ accept: 'hang' }] });
    expect(await whileItHangs(upstream, submit)).toEqual({
      kind: 'unknown',
      detail: 'no answer (TimeoutError)',
    });
    expect(upstream.accepted()).toBe(1);
  });

  it('has not sent anything when the time was up before', async () => {
    const { upstream, submit } = clientOf();
    expect(await submit(AbortSignal.abort())).toMatchObject({ kind: 'not_accepted' });
    expect(upstream.calls).toHaveLength(0);
  });

  it('may be repeated after a 429, when the upstream says', async () => {
    const { submit } = clientOf({ submit: [{ status: 429, headers: { 'retry-after': '7' } }, 'accept'] });
    expect(await submit()).toEqual({
      kind: 'not_accepted',
      failure: { code: 'upstream_busy', message: expect.any(String) },
      retryAfterMs: 7_000,
    });
    expect(await submit()).toMatchObject({ kind: 'accepted' });
  });

  it('may be repeated when the platform could not connect', async () => {
    const { submit } = clientOf({ submit: [{ status: 530, body: 'error code: 1016' }] });
    expect(await submit()).toMatchObject({ kind: 'not_accepted', failure: { code: 'upstream_error' } });
  });

  it.each([
    [
      422,
      { detail: [{ loc: ['body', 'prompt'], type: 'content_policy_violation' }] },
      'content_policy_violation',
    ],
    [400, { detail: 'bad' }, 'invalid_input'],
    [404, { detail: 'no such app' }, 'upstream_error'],
    [413, undefined, 'invalid_input'],
    [403, { detail: 'User is locked. Reason: Exhausted balance.' }, 'upstream_rejected_credentials'],
  ])('is refused by a %d', async (status, body, code) => {
    const { submit } = clientOf({ submit: [{ status, body }] });
    expect(await submit()).toMatchObject({ kind: 'refused', failure: { code } });
  });

  it('is refused with a wrong key, and does not say more than that the account is at fault', async () => {
    const { upstream, submit } = clientOf({}, { key: 'another' });
    expect(await submit()).toEqual({
      kind: 'refused',
      failure: {
        code: 'upstream_rejected_credentials',
        message:
          "The operator's upstream account was not allowed to make this video. Ask the operator of this service to check it.",
      },
    });
    expect(upstream.accepted()).toBe(0);
  });

  it('sent again is the same request where the upstream dedupes', async () => {
    const { upstream, fal, submit, accepted } = clientOf(
      { submit: [{ accept: 'lost' }, 'accept'] },
      { dedupes: true },
    );
    expect(fal.dedupes).toBe(true);
    expect(await submit()).toMatchObject({ kind: 'unknown' });
    expect((await accepted()).requestId).toBe(upstream.requests[0]?.id);
    expect(upstream.accepted()).toBe(1);
  });
});

describe('poll', () => {
  it('follows a job to its end', async () => {
    const { accepted, poll } = clientOf();
    const handle = await accepted();
    expect(await poll(handle)).toEqual({ kind: 'queued', position: 1 });
    expect(await poll(handle)).toEqual({ kind: 'running' });
    expect(await poll(handle)).toEqual({ kind: 'completed' });
  });

  it.each<[string, Answer | 'unknown', unknown]>([
    ['an unknown status', 'unknown', { kind: 'unclear', detail: 'unknown status PONDERING' }],
    [
      'a status that is no word',
      { status: 200, body: { status: 'a b\n' } },
      { kind: 'unclear', detail: 'unknown status' },
    ],
    ['no status', { status: 200, body: {} }, { kind: 'unclear', detail: 'HTTP 200 that cannot be read' }],
    ['no JSON', 'garbage', { kind: 'unclear', detail: 'HTTP 200 that cannot be read' }],
    ['a body without end', 'huge', { kind: 'unclear', detail: 'HTTP 200 with too large a body' }],
    ['a redirect', 'redirect', { kind: 'unclear', detail: 'HTTP 307' }],
    ['a lost answer', 'lost', { kind: 'unclear', detail: 'no answer (Error)' }],
    ['a 500', { status: 500 }, { kind: 'unclear', detail: 'HTTP 500' }],
    ['a 401', { status: 401 }, { kind: 'unclear', detail: 'HTTP 401' }],
    [
      'a 429',
      { status: 429, headers: { 'retry-after': '3' } },
      { kind: 'unclear', detail: 'HTTP 429', retryAfterMs: 3_000 },
    ],
    ['a 404', { status: 404 }, { kind: 'not_found' }],
    [
      'a strange position',
      { status: 202, body: { status: 'IN_QUEUE', queue_position: -1 } },
      { kind: 'queued' },
    ],
    ['unknown fields', { status: 202, body: { status: 'IN_PROGRESS', mood: 'good' } }, { kind: 'running' }],
    [
      'COMPLETED with a vague error',
      { status: 200, body: { status: 'COMPLETED', error: 'Oh no' } },
      { kind: 'completed' },
    ],
    [
      'COMPLETED with a vague type',
      { status: 200, body: { status: 'COMPLETED', error: 'Oh no', error_type: 'internal_error' } },
      { kind: 'completed' },
    ],
  ])('reads %s', async (_name, step, reply) => {
    const { upstream, accepted, poll } = clientOf({ status: [step] });
    expect(await poll(await accepted())).toEqual(reply);
    expect(upstream.count('foreign')).toBe(0);
  });

  it('takes COMPLETED with an error that tells enough for the end', async () => {
    const body = { status: 'COMPLETED', error: 'too slow', error_type: 'startup_timeout' };
    const { accepted, poll } = clientOf({ status: [{ status: 200, body }] });
    expect(await poll(await accepted())).toMatchObject({
      kind: 'failed',
      failure: { code: 'upstream_timeout' },
    });
  });

  it('ends in time when the upstream hangs', async () => {
    const { upstream, accepted, poll } = clientOf({ status: ['hang'] });
    const handle = await accepted();
    const reply = await whileItHangs(upstream, (signal) => poll(handle, signal));
    expect(reply).toEqual({ kind: 'unclear', detail: 'no answer (TimeoutError)' });
  });

  it('asks the configured host, whatever host is stored', async () => {
    const { upstream, accepted, poll } = clientOf();
    const handle = await accepted();
    const moved = {
      ...handle,
      statusUrl: handle.statusUrl.replace('queue.fal.run', 'foreign.upstream.test'),
    };
    expect(await poll(moved)).toMatchObject({ kind: 'queued' });
    expect(await poll({ ...handle, statusUrl: 'nonsense' })).toMatchObject({ kind: 'unclear' });
    expect(upstream.count('foreign')).toBe(0);
  });
});

describe('result', () => {
  it('is a video, of which only the URL is certain', async () => {
    const { result, handle } = await endedJob({});
    expect(await result(handle)).toEqual({
      kind: 'video',
      video: { url: `https://v3b.fal.media/files/${handle.requestId}.mp4`, contentType: 'video/mp4' },
    });
  });

  it('takes what the upstream tells of the video, and drops what makes no sense', async () => {
    const video = {
      duration: 6.04,
      width: '1920',
      height: 1080,
      fps: null,
      content_type: 'no type',
      num_frames: 3,
    };
    const { result, handle } = await endedJob({ video });
    expect(await result(handle)).toEqual({
      kind: 'video',
      video: { url: expect.any(String), duration: 6.04, width: 1920, height: 1080 },
    });
  });

  it.each<[string, Answer | 'no_url' | 'prompt_echo', unknown]>([
    ['no URL', 'no_url', { kind: 'failed', failure: { code: 'result_invalid' } }],
    [
      'no video',
      { status: 200, body: { images: [] } },
      { kind: 'failed', failure: { code: 'result_invalid' } },
    ],
    [
      'a URL that is none of the web',
      { status: 200, body: { video: { url: 'data:video/mp4;base64,AAAA' } } },
      { kind: 'failed', failure: { code: 'result_invalid' } },
    ],
    [
      'an error with a 200',
      { status: 200, body: { detail: [{ type: 'no_media_generated' }] } },
      { kind: 'failed', failure: { code: 'upstream_error' } },
    ],
    [
      'a refusal that echoes the prompt',
      'prompt_echo',
      { kind: 'failed', failure: { code: 'content_policy_violation' } },
    ],
    [
      'a 504 of the model',
      { status: 504, body: { detail: [{ type: 'generation_timeout' }] } },
      { kind: 'failed', failure: { code: 'upstream_timeout' } },
    ],
    [
      'a 500 of the model',
      { status: 500, body: { detail: 'Internal Server Error' } },
      { kind: 'failed', failure: { code: 'upstream_error' } },
    ],
    [
      'a cancel',
      { status: 499, body: { detail: 'x', error_type: 'client_cancelled' } },
      { kind: 'failed', canceled: true },
    ],
    ['a 404', { status: 404 }, { kind: 'gone' }],
    [
      'a 400 that came too early',
      { status: 400, body: { detail: 'Request is still in progress' } },
      { kind: 'not_ready' },
    ],
    ['a status instead', { status: 202, body: { status: 'IN_PROGRESS' } }, { kind: 'not_ready' }],
    ['no JSON', 'garbage', { kind: 'unclear', detail: 'HTTP 200 that cannot be read' }],
    ['a body without end', 'huge', { kind: 'unclear' }],
    ['a redirect', 'redirect', { kind: 'unclear' }],
    ['a lost answer', 'lost', { kind: 'unclear' }],
    ['a 502 of a gateway', { status: 502 }, { kind: 'unclear' }],
    ['a 429', { status: 429, headers: { 'retry-after': '2' } }, { kind: 'unclear', retryAfterMs: 2_000 }],
    ['a 401', { status: 401, body: { detail: 'No access' } }, { kind: 'unclear' }],
  ])('reads %s', async (_name, step, reply) => {
    const { upstream, result, handle } = await endedJob({ result: [step] });
    const actual = await result(handle);
    expect(actual).toMatchObject(reply as object);
    expect(JSON.stringify(actual)).not.toContain(PROMPT);
    expect(upstream.count('foreign')).toBe(0);
    expect(upstream.hugeBytes).toBeLessThan(2 * 1_048_576);
  });
});

describe('cancel', () => {
  it('is asked for, and the job then ends as canceled', async () => {
    const { accepted, poll, result, cancel } = clientOf();
    const handle = await accepted();
    expect(await cancel(handle)).toEqual({ kind: 'requested' });
    expect(await poll(handle)).toMatchObject({ kind: 'failed', canceled: true });
    expect(await result(handle)).toMatchObject({ kind: 'failed', canceled: true });
  });

  it('comes too late for a job that has completed', async () => {
    const { cancel, handle } = await endedJob({});
    expect(await cancel(handle)).toEqual({ kind: 'already_completed' });
  });

  it.each<[string, Answer, unknown]>([
    ['another 2xx', { status: 200, body: { success: true } }, { kind: 'requested' }],
    ['a 2xx without end', 'huge', { kind: 'requested' }],
    [
      'a 400 of another kind',
      { status: 400, body: { detail: 'x' } },
      { kind: 'unclear', detail: 'HTTP 400' },
    ],
    ['a 404', { status: 404 }, { kind: 'not_found' }],
    [
      'a 503',
      { status: 503, headers: { 'retry-after': '1' } },
      { kind: 'unclear', detail: 'HTTP 503', retryAfterMs: 1_000 },
    ],
    ['a redirect', 'redirect', { kind: 'unclear', detail: 'HTTP 307' }],
    ['a lost answer', 'lost', { kind: 'unclear', detail: 'no answer (Error)' }],
  ])('reads %s', async (_name, step, reply) => {
    const { accepted, cancel } = clientOf({ cancel: [step] });
    expect(await cancel(await accepted())).toEqual(reply);
  });
});

describe('a request known by its id alone', () => {
  it('is asked for at the app of its endpoint', async () => {
    const { upstream, fal, submit, poll } = clientOf({ submit: [{ accept: 'lost' }] });
    await submit();
    const handle = fal.handle(ENDPOINT, upstream.requestOf(PROMPT).id);
    expect(await poll(handle)).toEqual({ kind: 'queued', position: 1 });
    expect(() => fal.handle(ENDPOINT, '../x')).toThrow(TypeError);
  });
});
