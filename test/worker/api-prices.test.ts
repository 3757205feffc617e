import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { Customer } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { jsonInit, problem, stable, workerWith } from './api-door.ts';
import { dataUri, fixtures } from './api-images.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const { BUCKET } = env as unknown as Env;

/** Submits at the door of a deployment with these variables. */
async function submit(customer: Customer, fields: Record<string, unknown>, variables = {}) {
  const body = {
    prompt: 'p',
    image_url: 'https://images.example.org/a.png',
    response_mode: 'polling',
    ...fields,
  };
  const headers = { 'X-API-Key': customer.key, 'X-Firstframe-Region': 'weur' };
  return workerWith(variables)(GENERATE, jsonInit(body, headers));
}

describe('a price', () => {
  it.each([
    ['1080p', 6, 29, 0.288],
    ['1080p', 8, 39, 0.384],
    ['1080p', 10, 48, 0.48],
    ['1080p', 12, 58, 0.576],
    ['1080p', 14, 68, 0.672],
    ['1080p', 16, 77, 0.768],
    ['1080p', 18, 87, 0.864],
    ['1080p', 20, 96, 0.96],
    ['1440p', 6, 58, 0.576],
    ['1440p', 8, 77, 0.768],
    ['1440p', 10, 96, 0.96],
    ['2160p', 6, 116, 1.152],
    ['2160p', 8, 154, 1.536],
    ['2160p', 10, 192, 1.92],
  ])('at %s for %i s is %i credits, and held', async (resolution, duration, credits, dollars) => {
    installUpstream();
    const customer = await Customer.create({ credits });
    const answer = await submit(customer, { resolution, duration });
    expect(answer.body).toMatchObject({ credits_charged: credits, cost_usd: dollars });
    expect(await customer.credits()).toEqual({ available: 0, held: credits, captured: 0 });
  });

  it('does not depend on fps, sound or shape', async () => {
    installUpstream();
    const customer = await Customer.create();
    const answer = await submit(customer, { fps: 50, generate_audio: false, aspect_ratio: '9:16' });
    expect(answer.body).toMatchObject({ credits_charged: 29, cost_usd: 0.288 });
  });

  it.each([
    ['a table', { 'ltx-2.3-image-to-video': { '1080p': 50_001, '2160p': 1 } }],
    ['JSON text', '{"ltx-2.3-image-to-video":{"1080p":50001,"2160p":1}}'],
  ])(
    'comes from the configuration, as %s, and from the defaults where that says nothing',
    async (_, PRICES) => {
      installUpstream();
      const customer = await Customer.create();
      const priceOf = async (resolution: string) => {
        const { credits_charged, cost_usd } = (await submit(customer, { resolution }, { PRICES })).body;
        return [credits_charged, cost_usd];
      };
      expect(await priceOf('1080p')).toEqual([31, 0.300006]);
      expect(await priceOf('1440p')).toEqual([58, 0.576]);
      expect(await priceOf('2160p')).toEqual([1, 0.000006]);
    },
  );

  it('of a name that nothing has is refused, lest something else be sold', async () => {
    const PRICES = { other: { '1080p': 1 } };
    expect((await submit(await Customer.create(), {}, { PRICES })).body.code).toBe(
      'configuration_unavailable',
    );
  });
});

describe('credits that do not suffice', () => {
  it('are told with what is needed and what is there, and nothing is held', async () => {
    const { upstream } = installUpstream();
    const customer = await Customer.create({ credits: 28 });
    const answer = await submit(customer, {});
    expect(answer.status).toBe(402);
    expect(stable(answer)).toEqual(
      problem(
        402,
        'insufficient_credits',
        'Insufficient credits',
        'This job needs 29 credits and 28 are available. Nothing was charged.',
        { balance: 28, required: 29 },
      ),
    );
    expect(await customer.credits()).toEqual({ available: 28, held: 0, captured: 0 });
    expect(upstream.calls).toEqual([]);
  });

  it('are told in an account that never had any', async () => {
    const customer = await Customer.create({ credits: 0 });
    expect((await submit(customer, {})).body).toMatchObject({ status: 402, balance: 0, required: 29 });
  });

  it('are told of what earlier jobs have left', async () => {
    installUpstream();
    const customer = await Customer.create({ credits: 50 });
    expect((await submit(customer, {})).status).toBe(202);
    expect((await submit(customer, {})).body).toMatchObject({ status: 402, balance: 21, required: 29 });
  });

  it.each([null, 'a key'])('leave no image bytes behind (Idempotency-Key %j)', async (key) => {
    const customer = await Customer.create({ credits: 28 });
    const body = { prompt: 'p', image_url: dataUri(fixtures.png(), 'image/png'), response_mode: 'polling' };
    const headers = { 'X-API-Key': customer.key, ...(key ? { 'Idempotency-Key': key } : {}) };
    expect((await workerWith({})(GENERATE, jsonInit(body, headers))).status).toBe(402);
    expect((await BUCKET.list({ prefix: `in/${customer.account}/` })).objects).toEqual([]);
  });
});
