import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';

describe('a job from submit to video', () => {
  it('is taken in, sent, called back, stored, and charged once', async () => {
    const { upstream } = installUpstream();
    const customer = await Customer.create({ credits: 100 });
    const prompt = uniquePrompt();
    const response = await customer.submit({ prompt });
    expect(response.status).toBe(202);
    const submitted = (await response.json()) as { job_id: string };
    expect(submitted).toEqual({
      job_id: expect.stringMatching(/^job_/),
      status: 'in_progress',
      credits_charged: 29,
      cost_usd: 0.288,
    });
    expect(response.headers.get('Location')).toBe(`/api/fal/status/${submitted.job_id}`);
    await upstream.saw('submit', prompt);
    expect(await customer.credits()).toEqual({ available: 71, held: 29, captured: 0 });
    await upstream.callBack(prompt, 'ok', (request) => exports.default.fetch(request));
    const status = await customer.ended(submitted.job_id);
    expect(status).toMatchObject({ status: 'completed', credits_charged: 29, cost_usd: 0.288 });
    expect(await customer.credits()).toEqual({ available: 71, held: 0, captured: 29 });
    expect(upstream.count('submit', prompt)).toBe(1);
  });
});
