import { describe, expect, it } from 'vitest';
import { uniquePrompt } from '../support/customer.ts';
import type { JobPlan } from '../support/upstream.ts';
import { HOUR_MS, MINUTE_MS, recordLog, SECOND_MS, World } from './jobs-fixtures.ts';

const BEFORE = { available: 290, held: 0, captured: 0 };
const CHARGED = { available: 261, held: 0, captured: 29 };

/** Words that only the prompt and the upstream's echo of it have. */
const SECRET_WORDS = 'a heron over the reservoir';

function echo() {
  return {
    detail: [{ type: 'content_policy_violation', msg: SECRET_WORDS, input: { prompt: SECRET_WORDS } }],
  };
}

describe('a status that', () => {
  it.each<[string, JobPlan]>([
    ['is unknown to us is waited on', { status: ['unknown', 'unknown', 'unknown', 'completed'] }],
    ['is a 500', { status: [{ status: 500 }, { status: 503 }, 'completed'] }],
    ['is a 429', { status: [{ status: 429, headers: { 'Retry-After': '30' } }, 'completed'] }],
    ['is no JSON', { status: ['garbage', 'garbage', 'completed'] }],
    ['has no end', { status: ['huge', 'completed'] }],
    ['leads elsewhere', { status: ['redirect', 'redirect', 'completed'] }],
    ['breaks', { status: ['lost', 'lost', 'completed'] }],
    ['is not found at first', { status: [{ status: 404 }, { status: 404 }, 'running', 'completed'] }],
    [
      'fails and is not found by turns',
      { status: ['lost', 'lost', 'lost', 'lost', 'lost', 'lost', { status: 404 }, 'completed'] },
    ],
    [
      'comes with an error whose end only the result knows',
      {
        status: [{ status: 200, body: { status: 'COMPLETED', error: 'Internal', error_type: 'unheard_of' } }],
        result: [{ status: 400, body: { detail: 'Request is still in progress' } }, 'video'],
      },
    ],
  ])('%s, and the job completes', async (_, plan) => {
    const world = await World.create();
    const job = await world.start(plan);
    const planned = plan.status?.length ?? 0;
    for (let minutes = 0; world.upstream.count('status', job.prompt) < planned && minutes < 30; minutes++) {
      await world.pass(MINUTE_MS);
    }
    world.upstream.requestOf(job.prompt).state = 'completed';
    expect(await world.ended(job)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await world.credits()).toEqual(CHARGED);
    expect(world.upstream.count('foreign')).toBe(0);
    expect(world.upstream.hugeBytes).toBeLessThan(1_000_000);
    expect(world.upstream.count('submit', job.prompt)).toBe(1);
  });

  it('is not found again and again means that upstream lost the job', async () => {
    const world = await World.create();
    const job = await world.start({ status: [{ status: 404 }] });
    expect(await world.ended(job)).toMatchObject({ status: 'failed', error: { code: 'upstream_error' } });
    expect(world.upstream.count('status', job.prompt)).toBeGreaterThan(3);
    expect(await world.credits()).toEqual(BEFORE);
  });

  it('says completed with an error that tells the end fails the job', async () => {
    const world = await World.create();
    const body = { status: 'COMPLETED', error: 'timed out', error_type: 'request_timeout' };
    const job = await world.start({ status: [{ status: 200, body }] });
    const status = await world.ended(job);
    expect(status).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_timeout' },
      credits_charged: 0,
    });
    expect(await world.credits()).toEqual(BEFORE);
  });

  it.each<[string, number, JobPlan]>([
    ['never ends', 1, { status: ['running'] }],
    ['stays in the queue', 10, { status: ['queued'] }],
    ['nobody knows', 10, { status: ['unknown'] }],
    ['fails for ever', 10, { status: [{ status: 500 }] }],
  ])('%s: at the deadline the job is canceled upstream, fails and is released', async (_, step, plan) => {
    const world = await World.create();
    const events = await world.receiver('https://receiver.example.org');
    const job = await world.start(plan, { webhook_url: 'https://receiver.example.org/' });
    const startedAt = Date.now();
    const status = await world.ended(job, 61, step);
    expect(status).toMatchObject({
      status: 'failed',
      error: { code: 'deadline_exceeded' },
      credits_charged: 0,
    });
    expect(Date.parse(status.completed_at) - startedAt).toBeGreaterThanOrEqual(HOUR_MS - SECOND_MS);
    expect(world.upstream.count('cancel', job.prompt)).toBe(1);
    expect(await world.credits()).toEqual(BEFORE);
    expect(events.map(({ body }) => body.type)).toEqual(['job.failed']);
    // A cron a minute asks at most once a minute, and a healthy upstream less often.
    expect(world.upstream.count('status', job.prompt)).toBeLessThanOrEqual(62);
  });

  it('never comes leaves the job to the callback', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['hang'] });
    await world.ring(2 * MINUTE_MS);
    await world.upstream.saw('status', job.prompt);
    await world.callBack(job.prompt, 'ok');
    expect(await world.customer.ended(job.id)).toMatchObject({ status: 'completed' });
    world.upstream.release();
    await world.pass(MINUTE_MS);
    expect(await world.credits()).toEqual(CHARGED);
  });
});

describe('a result that', () => {
  it.each<[string, JobPlan]>([
    ['is a gateway’s 502 at first', { result: [{ status: 502 }, 'video'] }],
    ['is a 429 at first', { result: [{ status: 429, headers: { 'Retry-After': '60' } }, 'video'] }],
    [
      'is not ready at first',
      { result: [{ status: 400, body: { detail: 'Request is still in progress' } }, 'video'] },
    ],
    ['is no JSON at first', { result: ['garbage', 'video'] }],
    ['has no end at first', { result: ['huge', 'video'] }],
    ['leads elsewhere at first', { result: ['redirect', 'video'] }],
    ['breaks at first', { result: ['lost', 'lost', 'video'] }],
  ])('%s is fetched again, and the job completes', async (_, plan) => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'], ...plan });
    expect(await world.ended(job)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.count('result', job.prompt)).toBe(plan.result?.length);
    expect(world.upstream.count('foreign')).toBe(0);
    expect(world.upstream.hugeBytes).toBeLessThan(2_000_000);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each<[string, JobPlan, string]>([
    ['vanished', { result: [{ status: 404 }] }, 'result_unavailable'],
    ['is gone', { result: [{ status: 410, body: { detail: 'Gone' } }] }, 'result_unavailable'],
    ['has no url', { result: ['no_url'] }, 'result_invalid'],
    ['is refused by the content policy', { result: ['prompt_echo'] }, 'content_policy_violation'],
    [
      'says that the image cannot be loaded',
      {
        result: [
          { status: 422, body: { detail: [{ type: 'image_load_error', loc: ['body', 'image_url'] }] } },
        ],
      },
      'image_not_loadable',
    ],
    [
      'is a failure of the machine there',
      { result: [{ status: 500, body: { detail: 'x', error_type: 'internal_error' } }] },
      'upstream_error',
    ],
  ])('%s fails the job and releases its credits', async (_, plan, code) => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'], ...plan });
    expect(await world.ended(job)).toMatchObject({ status: 'failed', error: { code }, credits_charged: 0 });
    expect(await world.credits()).toEqual(BEFORE);
    expect(await world.files(job.id)).toEqual([]);
    expect(await world.planned(job.id)).toBeUndefined();
  });
});

describe('a file that', () => {
  it.each<[string, JobPlan]>([
    ['is cut off', { file: ['cut_off', 'cut_off', 'mp4'] }],
    ['is a 503', { file: [{ status: 503 }, 'mp4'] }],
    ['breaks before it begins', { file: ['lost', 'mp4'] }],
  ])('%s is fetched again, and the job completes', async (_, plan) => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'], ...plan });
    const status = await world.ended(job);
    expect(status).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(world.upstream.count('file', job.prompt)).toBe(plan.file?.length);
    expect(await world.files(job.id)).toEqual([`out/${world.customer.account}/${job.id}.mp4`]);
    expect(await world.credits()).toEqual(CHARGED);
  });

  it.each<[string, JobPlan, string]>([
    ['is not there', { file: [{ status: 404 }] }, 'result_unavailable'],
    ['leads elsewhere', { file: ['redirect'] }, 'result_unavailable'],
    ['is no video', { file: ['not_video'] }, 'result_invalid'],
    [
      'lies at an address that is not public',
      { video: { url: 'http://169.254.169.254/latest' } },
      'result_unavailable',
    ],
    ['lies at no address at all', { video: { url: 'file:///etc/passwd' } }, 'result_invalid'],
  ])('%s fails the job, releases its credits and leaves nothing in the bucket', async (_, plan, code) => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'], ...plan });
    expect(await world.ended(job)).toMatchObject({ status: 'failed', error: { code }, credits_charged: 0 });
    expect(await world.credits()).toEqual(BEFORE);
    expect(await world.files(job.id)).toEqual([]);
    expect(world.upstream.count('foreign')).toBe(0);
  });

  it('never comes whole fails the job at its deadline', async () => {
    const world = await World.create();
    const job = await world.start({ status: ['completed'], file: ['cut_off'] });
    expect(await world.ended(job, 70, 10)).toMatchObject({
      status: 'failed',
      error: { code: 'result_unavailable' },
    });
    expect(await world.credits()).toEqual(BEFORE);
    expect(await world.files(job.id)).toEqual([]);
  });
});

describe('what the upstream repeats of a prompt', () => {
  it.each<[string, JobPlan, boolean]>([
    ['in a refusal of the submit', { submit: [{ status: 422, body: echo() }] }, false],
    ['in an answer that cannot be read', { submit: [{ accept: { status: 500, body: echo() } }] }, false],
    [
      'in a status',
      {
        status: [
          { status: 500, body: echo() },
          { status: 200, body: { status: 'COMPLETED', error_type: 'request_timeout', error: SECRET_WORDS } },
        ],
      },
      false,
    ],
    ['in a result', { status: ['completed'], result: ['prompt_echo'] }, false],
    ['in a callback', { status: ['running'] }, true],
  ])('%s is in no answer, no event and no log', async (_, plan, calledBack) => {
    const log = recordLog();
    const world = await World.create();
    const events = await world.receiver('https://receiver.example.org');
    const prompt = `${uniquePrompt()} ${SECRET_WORDS}`;
    world.upstream.plan(prompt, plan);
    const id = await world.customer.start({ prompt, webhook_url: 'https://receiver.example.org/' });
    await world.quiet();
    if (calledBack) await world.callBack(prompt, { error: 'content_policy_violation' });
    const status = await world.ended({ id, prompt });
    expect(status.status).not.toBe('in_progress');
    await world.quiet();
    expect(events).toHaveLength(1);
    for (const text of [JSON.stringify(status), events[0]?.text ?? '', log.text()]) {
      expect(text).toContain(id);
      expect(text).not.toContain(SECRET_WORDS);
      expect(text).not.toContain('test-fal-key');
      expect(text).not.toContain('whsec_');
      expect(text).not.toContain(world.customer.key);
    }
  });
});
