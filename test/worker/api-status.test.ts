import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { configOf, type Env } from '../../src/worker/env.ts';
import { mintAccountId, mintId } from '../../src/worker/ids.ts';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { type JobPlan, until, type WebhookContent } from '../support/upstream.ts';
import { type Answer, ask, problem, stable, untouchable, workerWith } from './api-door.ts';
import { BUSY, expire, failing, inState, setProgress, turnedAway } from './api-faults.ts';

const RING = configOf(env as unknown as Env).SIGNING_SECRETS;
const NOT_FOUND = problem(404, 'not_found', 'Not found', 'There is nothing at this address.');
const OPEN = {
  job_id: '<job>',
  status: 'in_progress',
  credits_charged: 29,
  cost_usd: 0.288,
  created_at: '<time>',
};

/** A customer with a job that the upstream has taken. */
async function started(plan: JobPlan = {}) {
  const { upstream } = installUpstream();
  const customer = await Customer.create({ credits: 100 });
  const prompt = uniquePrompt();
  upstream.plan(prompt, plan);
  const jobId = await customer.start({ prompt });
  return {
    upstream,
    customer,
    jobId,
    prompt,
    status: (query = '', key = customer.key): Promise<Answer> =>
      ask(`/api/fal/status/${jobId}${query}`, { headers: { 'X-API-Key': key } }),
    end: async (content: WebhookContent): Promise<void> => {
      await upstream.saw('submit', prompt);
      await upstream.callBack(prompt, content, (request) => exports.default.fetch(request));
    },
  };
}

describe('the status of an open job', () => {
  it('is queued, with when to ask again', async () => {
    const { status } = await started();
    const answer = await status();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(stable(answer)).toEqual({ ...OPEN, phase: 'queued' });
  });

  it('names its place in the queue, then that it renders', async () => {
    // A look may have upstream asked, whose answer must not change what is set here.
    const { status, customer, jobId } = await started({ status: [{ status: 503 }] });
    await inState(customer, 'submitted');
    await setProgress(customer, jobId, 'queuePosition', '3');
    expect(stable(await status())).toEqual({ ...OPEN, phase: 'queued', queue_position: 3 });
    await setProgress(customer, jobId, 'queuePosition', '0');
    expect((await status()).body.queue_position).toBe(0);
    await setProgress(customer, jobId, 'rendering', 'true');
    expect(stable(await status())).toEqual({ ...OPEN, phase: 'rendering' });
  });

  it('is storing while the video is copied', async () => {
    const { status, end, upstream, customer } = await started({ file: ['hang'] });
    await end('ok');
    await inState(customer, 'storing');
    expect(stable(await status())).toEqual({ ...OPEN, phase: 'storing' });
    await until(() => upstream.holding);
    upstream.release();
    expect((await status('?wait=60')).body.status).toBe('completed');
  });

  it('has the members of the contract in its order', async () => {
    const { status } = await started();
    expect(Object.keys((await status()).body)).toEqual([
      'job_id',
      'status',
      'phase',
      'credits_charged',
      'cost_usd',
      'created_at',
    ]);
  });

  it('is told without a body to HEAD', async () => {
    const { customer, jobId } = await started();
    const answer = await ask(`/api/fal/status/${jobId}`, {
      method: 'HEAD',
      headers: { 'X-API-Key': customer.key },
    });
    expect(answer.status).toBe(200);
  });
});

describe('the status of an ended job', () => {
  it('has the video at a link that is minted afresh on each read', async () => {
    const { status, end, customer, jobId } = await started();
    await end('ok');
    await customer.ended(jobId);
    const answer = await status();
    expect(stable(answer)).toEqual({
      ...OPEN,
      status: 'completed',
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
      completed_at: '<time>',
    });
    expect(answer.headers.get('Retry-After')).toBeNull();
    const links = new Set<string>([answer.body.result.video.url]);
    // The clock that is in the link may stand still between two reads.
    while (links.size < 2) links.add((await status()).body.result.video.url);
    for (const link of links)
      expect((await ask(new URL(link).pathname, { method: 'HEAD' })).status).toBe(200);
  });

  it('says why it failed, and that nothing was charged', async () => {
    const { status, end } = await started();
    await end({ error: 'image_load_error' });
    expect(stable(await status())).toEqual({
      ...OPEN,
      status: 'failed',
      error: { code: 'image_not_loadable', message: expect.stringMatching(/\w.*\.$/) },
      credits_charged: 0,
      cost_usd: 0,
      completed_at: '<time>',
    });
  });

  it('says that it was canceled, and that nothing was charged', async () => {
    const { status, customer } = await started({ submit: [BUSY] });
    const cancel = `/api/jobs/${await turnedAway(customer)}/cancel`;
    await ask(cancel, { method: 'POST', headers: { 'X-API-Key': customer.key } });
    const { result: _, ...canceled } = stable(await status());
    expect(canceled).toEqual({
      ...OPEN,
      status: 'canceled',
      credits_charged: 0,
      cost_usd: 0,
      completed_at: '<time>',
    });
  });

  it.each(['completed', 'failed'])('is 410 once its time is over (%s)', async (how) => {
    const { status, end, customer, jobId } = await started();
    await end(how === 'completed' ? 'ok' : { error: 'image_load_error' });
    await customer.ended(jobId);
    await expire(customer, jobId);
    const gone = problem(
      410,
      'job_expired',
      'The job has expired',
      'This job ended longer ago than results are kept. Its video and data have been deleted.',
    );
    expect(stable(await status())).toEqual(gone);
    expect(stable(await status('?wait=1'))).toEqual(gone);
    const cancel = await ask(`/api/jobs/${jobId}/cancel`, {
      method: 'POST',
      headers: { 'X-API-Key': customer.key },
    });
    expect(stable(cancel)).toEqual(gone);
  });
});

describe('?wait=', () => {
  it.each<[string, WebhookContent, string]>([
    ['is done', 'ok', 'completed'],
    ['fails', { error: 'content_policy_violation' }, 'failed'],
  ])('holds the answer until the job %s', async (_, content, ends) => {
    const { status, end } = await started();
    // Longer than the test may take: only the end of the job can answer.
    const waiting = status('?wait=60');
    await end(content);
    expect((await waiting).body.status).toBe(ends);
  });

  it('is answered to everybody who waits', async () => {
    const { status, end } = await started();
    const waiting = Promise.all(Array.from({ length: 20 }, () => status('?wait=60')));
    await end('ok');
    expect((await waiting).map(({ body }) => body.status)).toEqual(Array(20).fill('completed'));
  });

  it('of an ended job does not wait', async () => {
    const { status, end, customer, jobId } = await started();
    await end('ok');
    await customer.ended(jobId);
    expect((await status('?wait=60')).body.status).toBe('completed');
  });

  it.each(['?wait=0', '?wait=1', '?wait=01'])('is over when its seconds are: %s', async (query) => {
    const { status } = await started();
    const answer = await status(query);
    expect(answer.body.status).toBe('in_progress');
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
  });

  it('is refused when it comes twice', async () => {
    const { status } = await started();
    const { body } = await status('?wait=1&wait=2');
    expect(body.errors).toEqual([{ pointer: '?wait', detail: 'must not be given twice' }]);
  });

  it.each(['61', '100', '-1', '1.5', '1e1', 'abc', '', ' 5', '5s'])('is refused: "%s"', async (wait) => {
    const { status } = await started();
    expect(stable(await status(`?wait=${encodeURIComponent(wait)}`))).toEqual(
      problem(400, 'invalid_request', 'The request is not valid', '?wait: must be 0 to 60', {
        errors: [{ pointer: '?wait', detail: 'must be 0 to 60' }],
      }),
    );
  });
});

describe("a job that is not the caller's", () => {
  it("is not there, be it another account's or nobody's", async () => {
    const { jobId, customer } = await started();
    const other = await Customer.create();
    const { bindings, touched } = untouchable();
    const door = workerWith(bindings);
    const shard = { account: customer.account, region: 'weur', n: 0 } as const;
    const last = jobId.endsWith('0') ? '1' : '0';
    const foreign = [
      [other.key, jobId],
      [customer.key, mintId(RING, 'job', { ...shard, account: mintAccountId('weur') }, Date.now())],
      [customer.key, mintId(RING, 'up', shard, Date.now())],
      [customer.key, jobId.slice(0, -1) + last],
      [customer.key, `job_p${jobId.slice(5)}`],
      [customer.key, jobId.toUpperCase()],
      [customer.key, `${jobId}0`],
      [customer.key, 'job_'],
      [customer.key, 'nonsense'],
      [customer.key, '%00'],
      [customer.key, '..%2f..%2fadmin'],
    ] as const;
    for (const [key, id] of foreign) {
      const init = { headers: { 'X-API-Key': key } };
      expect(stable(await door(`/api/fal/status/${id}`, init))).toEqual(NOT_FOUND);
      expect(stable(await door(`/api/jobs/${id}/cancel`, { ...init, method: 'POST' }))).toEqual(NOT_FOUND);
    }
    expect(touched).toEqual([]);
  });

  it.each(['weur', 'apac'] as const)('is not there when we made its id for nothing (%s)', async (region) => {
    const { customer } = await started();
    const id = mintId(RING, 'job', { account: customer.account, region, n: 0 }, Date.now());
    const init = { headers: { 'X-API-Key': customer.key } };
    expect(stable(await ask(`/api/fal/status/${id}`, init))).toEqual(NOT_FOUND);
    expect(stable(await ask(`/api/fal/status/${id}?wait=60`, init))).toEqual(NOT_FOUND);
    expect(stable(await ask(`/api/jobs/${id}/cancel`, { ...init, method: 'POST' }))).toEqual(NOT_FOUND);
  });
});

it('a shard that cannot be reached is 503, with the job and when to ask again', async () => {
  const { jobId, customer } = await started();
  const door = workerWith({ SHARDS: failing('SHARDS', 'status', 'wait') });
  const answer = await door(`/api/fal/status/${jobId}`, { headers: { 'X-API-Key': customer.key } });
  expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
  expect(stable(answer)).toEqual(
    problem(
      503,
      'jobs_unavailable',
      'Temporarily unavailable',
      'The jobs of this account cannot be reached right now. Read the status of this job before you send it again.',
      { job_id: '<job>' },
    ),
  );
});
