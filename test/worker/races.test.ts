import { describe, expect, it } from 'vitest';
import { Customer, type Json } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { soakOr } from '../support/soak.ts';

const REGIONS = ['weur', 'enam', 'apac', 'sam'] as const;
const regionOf = (index: number) => REGIONS[index % REGIONS.length] as string;

async function statuses(answers: readonly Response[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

describe('submits at once', () => {
  it('starts exactly as many as there is credit for, over four regions', async () => {
    installUpstream().upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 10 * 29 + 28 });
    const count = soakOr(1_000, 120);
    const answers = await Promise.all(
      Array.from({ length: count }, (_, i) => customer.submit({}, { 'X-Firstframe-Region': regionOf(i) })),
    );
    expect(await statuses(answers)).toEqual({ 202: 10, 402: count - 10 });
    expect(await customer.credits()).toEqual({ available: 28, held: 290, captured: 0 });
  });

  it('refuses nobody while there is credit anywhere', async () => {
    installUpstream().upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 40 * 29 });
    // Every region leases a float that it does not need, so that each later submit must find credit elsewhere.
    for (const region of REGIONS) await customer.start({}, { 'X-Firstframe-Region': region });
    const answers = await Promise.all(
      Array.from({ length: 36 }, (_, i) => customer.submit({}, { 'X-Firstframe-Region': regionOf(i >> 3) })),
    );
    expect(await statuses(answers)).toEqual({ 202: 36 });
    expect((await customer.submit({}, { 'X-Firstframe-Region': 'oc' })).status).toBe(402);
    expect(await customer.credits()).toEqual({ available: 0, held: 40 * 29, captured: 0 });
  });

  it('makes one job of a hundred submits with one Idempotency-Key from four regions', async () => {
    const { upstream } = installUpstream();
    upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 29 });
    const prompt = `one job ${crypto.randomUUID()}`;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        customer.submit({ prompt }, { 'Idempotency-Key': 'order-1', 'X-Firstframe-Region': regionOf(i) }),
      ),
    );
    expect(await statuses(answers)).toEqual({ 202: 100 });
    const ids = new Set(
      (await Promise.all(answers.map((answer) => answer.json()))).map((body: Json) => body.job_id),
    );
    expect(ids.size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get('Idempotent-Replayed') === 'true')).toHaveLength(99);
    await upstream.saw('submit', prompt);
    expect(upstream.count('submit', prompt)).toBe(1);
    expect(await customer.credits()).toEqual({ available: 0, held: 29, captured: 0 });
  });
});
