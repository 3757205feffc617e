import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { Customer, call, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import type { JobPlan, WebhookContent } from '../support/upstream.ts';
import { type Answer, jsonInit, problem, send, stable, workerWith } from './api-door.ts';
import { BUSY, failing, jobIdOf, turnedAway } from './api-faults.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const IMAGE = 'https://images.example.org/start.png';

/** A customer with a job that waits inline; `end` makes the upstream end it. */
async function inline(fields: Record<string, unknown> = {}, plan: JobPlan = {}, more: HeadersInit = {}) {
  const { upstream } = installUpstream();
  const customer = await Customer.create({ credits: 100 });
  const prompt = uniquePrompt();
  upstream.plan(prompt, plan);
  const headers = { 'X-API-Key': customer.key, 'X-Firstframe-Region': 'weur', ...more } as Record<
    string,
    string
  >;
  const body = { prompt, image_url: IMAGE, ...fields };
  return {
    upstream,
    customer,
    prompt,
    headers,
    body,
    submit: () => send(GENERATE, body, headers),
    end: async (content: WebhookContent): Promise<void> => {
      await upstream.saw('submit', prompt);
      await upstream.callBack(prompt, content, (request) => exports.default.fetch(request));
    },
  };
}

describe('an inline request', () => {
  it.each([{}, { response_mode: 'inline' }])('is answered with the video (%j)', async (fields) => {
    const { submit, end, customer } = await inline(fields);
    const waiting = submit();
    await end('ok');
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toBe('application/json');
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(stable(answer)).toEqual({
      job_id: '<job>',
      result: {
        video: {
          url: 'https://firstframe.test/files/<token>/<job>.mp4',
          content_type: 'video/mp4',
          duration: 6,
          width: 1920,
          height: 1080,
          fps: 25,
        },
      },
      credits_charged: 29,
      cost_usd: 0.288,
    });
    expect(await customer.credits()).toEqual({ available: 71, held: 0, captured: 29 });
    const file = await call(new URL(answer.body.result.video.url).pathname);
    expect([file.status, file.headers.get('Content-Type')]).toEqual([200, 'video/mp4']);
    expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
  });

  it('whose job fails is answered 500 with the job and why, and costs nothing', async () => {
    const { submit, end, customer } = await inline();
    const waiting = submit();
    await end({ error: 'content_policy_violation' });
    const answer = await waiting;
    const message = (await customer.status(answer.body.job_id)).error.message;
    expect(stable(answer)).toEqual(
      problem(
        500,
        'generation_failed',
        'The video could not be generated',
        `${message} Nothing was charged.`,
        {
          job_id: '<job>',
          credits_charged: 0,
          reason: { code: 'content_policy_violation', message },
        },
      ),
    );
    expect(await customer.credits()).toEqual({ available: 100, held: 0, captured: 0 });
  });

  it('whose job is canceled meanwhile is answered 409', async () => {
    // Upstream takes nothing in, so the job waits with us and is canceled at once.
    const { submit, upstream, customer, prompt } = await inline({}, { submit: [BUSY] });
    const waiting = submit();
    await upstream.saw('submit', prompt);
    const cancel = `/api/jobs/${await turnedAway(customer)}/cancel`;
    expect((await customer.get(cancel, { method: 'POST' })).status).toBe(200);
    const answer = await waiting;
    expect(stable(answer)).toEqual(
      problem(
        409,
        'job_canceled',
        'The job was canceled',
        'The job was canceled before its video was ready. Nothing was charged.',
        { job_id: '<job>', credits_charged: 0 },
      ),
    );
    expect(await customer.credits()).toEqual({ available: 100, held: 0, captured: 0 });
  });

  it.each(['wait=0', 'wait=1', 'respond-async, wait=0', 'handling=lenient; wait=0', 'WAIT = "0"'])(
    'that prefers %s is answered 202, and the job goes on',
    async (prefer) => {
      const { submit, end, customer } = await inline({}, {}, { Prefer: prefer });
      const answer = await submit();
      expectAccepted(answer);
      await end('ok');
      expect(await customer.ended(answer.body.job_id)).toMatchObject({ status: 'completed' });
    },
  );

  it.each(['wait=abc', 'wait=-1', 'await=0', 'return=minimal', ''])(
    'does not take "%s" for a shorter wait',
    async (prefer) => {
      const { submit, end } = await inline({}, {}, { Prefer: prefer });
      const waiting = submit();
      await end('ok');
      expect((await waiting).status).toBe(200);
    },
  );

  it('cannot prefer a longer wait than the configured one', async () => {
    const { body, headers } = await inline();
    const door = workerWith({ INLINE_WAIT_S: '1' });
    expectAccepted(await door(GENERATE, jsonInit(body, { ...headers, Prefer: 'wait=600' })));
  });

  it('goes on when its client hangs up', async () => {
    const { body, headers, upstream, prompt, customer, end } = await inline();
    const hangUp = new AbortController();
    const waiting = call(GENERATE, { ...jsonInit(body, headers), signal: hangUp.signal });
    const gone = expect(waiting).rejects.toThrow();
    await upstream.saw('submit', prompt);
    hangUp.abort();
    await gone;
    await end('ok');
    const status = await customer.ended(await jobIdOf(customer));
    expect(status).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await customer.credits()).toEqual({ available: 71, held: 0, captured: 29 });
  });

  it('is never refused once its job is taken in: a lost wait is answered 202', async () => {
    const { body, headers, customer, end } = await inline({}, {}, { Prefer: 'wait=1' });
    const door = workerWith({ SHARDS: failing('SHARDS', 'wait', 'status') });
    const answer = await door(GENERATE, jsonInit(body, headers));
    expectAccepted(answer);
    await end('ok');
    expect(await customer.ended(answer.body.job_id)).toMatchObject({ status: 'completed' });
  });
});

describe('a polling request', () => {
  it('is answered at once, with where to ask', async () => {
    const { submit } = await inline({ response_mode: 'polling' });
    expectAccepted(await submit());
  });

  it('does not wait, whatever it prefers', async () => {
    const { submit } = await inline({ response_mode: 'polling' }, {}, { Prefer: 'wait=60' });
    expectAccepted(await submit());
  });
});

function expectAccepted(answer: Answer): void {
  expect(answer.status).toBe(202);
  expect(answer.body).toEqual({
    job_id: expect.stringMatching(/^job_[0-9a-z]{31}$/),
    status: 'in_progress',
    credits_charged: 29,
    cost_usd: 0.288,
  });
  expect(answer.headers.get('Location')).toBe(`/api/fal/status/${answer.body.job_id}`);
  expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
}
