import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { Customer, type Json, uniquePrompt } from '../support/customer.ts';
import { type Hop, installHops } from '../support/hops.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { until } from '../support/upstream.ts';
import { TINY_PNG } from './jobs-fixtures.ts';

const isSubmit = (hop: Hop) => hop.to === 'shard' && hop.method === 'submit';
const isLease = (hop: Hop) => hop.to === 'account' && hop.method === 'lease';

/** The first answer to a submit is lost; the edge asks again. */
function loseFirstAnswer() {
  const hops = installHops();
  let lost = false;
  hops.fate = (hop) => {
    if (lost || !isSubmit(hop)) return 'pass';
    lost = true;
    return 'answer_lost';
  };
  return hops;
}

const inputs = async (customer: Customer) =>
  (await env.BUCKET.list({ prefix: `in/${customer.account}/` })).objects.map((object) => object.key);

describe('a submit whose answer was lost', () => {
  it('is one job, asked for again', async () => {
    const { upstream } = installUpstream();
    upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 58 });
    loseFirstAnswer();
    const prompt = uniquePrompt();
    expect((await customer.submit({ prompt })).status).toBe(202);
    expect(await customer.credits()).toEqual({ available: 29, held: 29, captured: 0 });
    await upstream.saw('submit', prompt);
    expect(upstream.count('submit', prompt)).toBe(1);
  });

  it('keeps its image, and is no replay, under an Idempotency-Key', async () => {
    installUpstream().upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 58 });
    loseFirstAnswer();
    const answer = await customer.submit({ image_url: TINY_PNG }, { 'Idempotency-Key': 'once' });
    expect(answer.status).toBe(202);
    expect(answer.headers.has('Idempotent-Replayed')).toBe(false);
    const { job_id }: Json = await answer.json();
    expect(await inputs(customer)).toEqual([`in/${customer.account}/${job_id}/start`]);
  });

  it('is answered while others wait for credit that nobody can give', async () => {
    installUpstream().upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 29 });
    const hops = installHops();
    const others: Promise<Response>[] = [];
    let submits = 0;
    let answered = false;
    let waiting = 0;
    hops.fate = async (hop) => {
      if (isLease(hop) && submits > 0) {
        // The account is away until the first has its answer.
        waiting++;
        await until(() => answered);
        return 'lost';
      }
      if (!isSubmit(hop)) return 'pass';
      submits++;
      if (submits === 1) return 'answer_lost';
      if (submits === 2) {
        // Before it is asked for again, two come who need credit.
        others.push(customer.submit(), customer.submit());
        await until(() => waiting > 0);
      }
      return 'pass';
    };
    const first = customer.submit({ image_url: TINY_PNG }).finally(() => {
      answered = true;
    });
    expect((await first).status).toBe(202);
    for (const other of await Promise.all(others)) expect([402, 503]).toContain(other.status);
    hops.fate = () => 'pass';
    expect(await inputs(customer)).toHaveLength(1);
    expect(await customer.credits()).toEqual({ available: 0, held: 29, captured: 0 });
  });
});

describe('a transaction that is rolled back', () => {
  it('leaves neither the book nor the alarm wrong in memory', async () => {
    const { upstream } = installUpstream();
    upstream.planAll({ status: ['running'] });
    const customer = await Customer.create({ credits: 870 });
    await customer.start();
    await runInDurableObject(customer.shard(), (_, state) => {
      state.storage.sql.exec(
        `CREATE TRIGGER broken AFTER UPDATE ON book BEGIN SELECT RAISE(ABORT, 'broken by the test'); END`,
      );
    });
    expect((await customer.submit()).status).toBe(503);
    await runInDurableObject(customer.shard(), async (_, state) => {
      state.storage.sql.exec('DROP TRIGGER broken');
      await state.storage.deleteAlarm();
    });
    await customer.start();
    expect(await customer.credits()).toEqual({ available: 812, held: 58, captured: 0 });
    await runInDurableObject(customer.shard(), async (_, state) => {
      expect(await state.storage.getAlarm()).not.toBeNull();
    });
  });
});
