import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import type { JobPlan } from '../support/upstream.ts';
import { ask, problem, stable } from './api-door.ts';
import { BUSY, inState, turnedAway } from './api-faults.ts';

async function started(plan: JobPlan = {}) {
  const { upstream } = installUpstream();
  const customer = await Customer.create({ credits: 100 });
  const prompt = uniquePrompt();
  upstream.plan(prompt, plan);
  const jobId = await customer.start({ prompt });
  const cancel = () =>
    ask(`/api/jobs/${jobId}/cancel`, { method: 'POST', headers: { 'X-API-Key': customer.key } });
  const end = (content: 'ok' | { error: string }) =>
    upstream.callBack(prompt, content, (request) => exports.default.fetch(request));
  return { upstream, customer, prompt, jobId, cancel, end };
}

const ended = (status: string) =>
  problem(
    409,
    'job_ended',
    'The job has ended',
    `The job has already ended as "${status}" and can no longer be canceled.`,
    { job_status: status },
  );

describe('a cancel', () => {
  it('of a job that has not left us is 200 with the status, the credits are free, and again it is 409', async () => {
    const { customer, cancel } = await started({ submit: [BUSY] });
    await turnedAway(customer);
    const answer = await cancel();
    expect(answer.status).toBe(200);
    expect(stable(answer)).toEqual({
      job_id: '<job>',
      status: 'canceled',
      credits_charged: 0,
      cost_usd: 0,
      created_at: '<time>',
      completed_at: '<time>',
    });
    expect(await customer.credits()).toEqual({ available: 100, held: 0, captured: 0 });
    expect(stable(await cancel())).toEqual(ended('canceled'));
  });

  it('of a job that is upstream is 202 until upstream agrees, and twice is once', async () => {
    const { customer, cancel, jobId, upstream, prompt } = await started({ cancel: ['hang', 'cancel'] });
    await inState(customer, 'submitted');
    for (const answer of [await cancel(), await cancel()]) {
      expect(answer.status).toBe(202);
      expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
      expect(stable(answer)).toMatchObject({ job_id: '<job>', status: 'in_progress', credits_charged: 29 });
    }
    expect(await customer.credits()).toEqual({ available: 71, held: 29, captured: 0 });
    await upstream.saw('cancel', prompt);
    upstream.release();
    expect(await customer.ended(jobId)).toMatchObject({
      status: 'canceled',
      credits_charged: 0,
      cost_usd: 0,
    });
    expect(await customer.credits()).toEqual({ available: 100, held: 0, captured: 0 });
    expect(stable(await cancel())).toEqual(ended('canceled'));
  });

  it('that comes while the submit is on its way is 202, and is sent once upstream has answered', async () => {
    const { customer, cancel, jobId, upstream, prompt } = await started({ submit: ['hang'] });
    await upstream.saw('submit', prompt);
    expect((await cancel()).status).toBe(202);
    upstream.release();
    expect(await customer.ended(jobId)).toMatchObject({ status: 'canceled' });
    expect(upstream.count('cancel', prompt)).toBe(1);
  });

  it('that upstream answers with a finished video is charged', async () => {
    const { customer, cancel, jobId, end, upstream, prompt } = await started({ cancel: ['hang'] });
    await inState(customer, 'submitted');
    expect((await cancel()).status).toBe(202);
    await upstream.saw('cancel', prompt);
    await end('ok');
    expect(await customer.ended(jobId)).toMatchObject({ status: 'completed', credits_charged: 29 });
    expect(await customer.credits()).toEqual({ available: 71, held: 0, captured: 29 });
  });

  it.each([
    ['completed', 'ok'],
    ['failed', { error: 'image_load_error' }],
  ] as const)('of a job that has %s is 409', async (status, content) => {
    const { customer, cancel, jobId, end, upstream, prompt } = await started();
    await upstream.saw('submit', prompt);
    await end(content);
    await customer.ended(jobId);
    expect(stable(await cancel())).toEqual(ended(status));
  });
});
