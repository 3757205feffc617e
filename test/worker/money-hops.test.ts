import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admin, Customer, type Json, tick } from '../support/customer.ts';
import { type Fate, type Hop, type Hops, installHops } from '../support/hops.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { soakOr } from '../support/soak.ts';
import { type Clock, cron, installClock } from '../support/time.ts';

const REGIONS = ['weur', 'enam', 'apac', 'sam'] as const;
const PRICE = 29;
const MINUTE_MS = 60_000;

/** What a customer and the world do, one after the other. */
type Op =
  | { readonly kind: 'submit'; readonly region: number; readonly count: number }
  | { readonly kind: 'grant'; readonly jobs: number }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'pass'; readonly minutes: number };

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      region: fc.nat(3),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), jobs: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), minutes: fc.constantFrom(1, 11, 25 * 60) }),
  },
);
/** The fate of every nth hop between objects, in turn. */
const fates = fc.array(
  fc.record({
    skip: fc.integer({ min: 1, max: 12 }),
    fate: fc.constantFrom<Fate>('lost', 'answer_lost', 'crash', 'crash_after'),
  }),
  { maxLength: 10 },
);

/** Credits over an account and its shards. */
interface Balance {
  readonly available: number;
  readonly held: number;
  readonly captured: number;
}
const sum = ({ available, held, captured }: Balance) => available + held + captured;

describe('money over four regions, with calls lost and objects crashing', () => {
  it('adds up at every step, and refuses only what it must', { timeout: 900_000 }, async () => {
    const seed = Number(process.env.SEED || Date.now() % 2 ** 31);
    console.log(`seed ${seed}`);
    const clock = installClock();
    const { upstream } = installUpstream();
    upstream.planAll({ status: ['running', 'completed'] });
    const hops = installHops();
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 4, maxLength: 14 }), fates, (ops, plan) =>
        runWorld(clock, hops, ops, plan),
      ),
      { seed, numRuns: soakOr(100, 4) },
    );
  });
});

async function runWorld(
  clock: Clock,
  hops: Hops,
  ops: readonly Op[],
  plan: readonly { readonly skip: number; readonly fate: Fate }[],
): Promise<void> {
  hops.fate = () => 'pass';
  const customer = await Customer.create({ credits: 3 * PRICE });
  let granted = 3 * PRICE;
  const trouble = troubleOf(plan);
  const jobs = new Set<string>();
  let accepted = 0;
  for (const [index, step] of ops.entries()) {
    hops.fate = trouble;
    switch (step.kind) {
      case 'grant':
        hops.fate = () => 'pass';
        await admin('POST', `/accounts/${customer.account}/credits`, {
          credits: step.jobs * PRICE,
          reference: `grant ${index}`,
        });
        granted += step.jobs * PRICE;
        break;
      case 'cancel':
        await customer.get(`/api/jobs/${[...jobs].at(-1) ?? 'job_none'}/cancel`, { method: 'POST' });
        break;
      case 'pass':
        clock.advance(step.minutes * MINUTE_MS);
        await cron();
        break;
      case 'submit': {
        const region = REGIONS[step.region] as string;
        const answers = await Promise.all(
          Array.from({ length: step.count }, () => customer.submit({}, { 'X-Firstframe-Region': region })),
        );
        for (const answer of answers) {
          const body: Json = await answer.json();
          expect([202, 402, 503]).toContain(answer.status);
          if (answer.status === 202) accepted++;
          if (answer.status === 402) expect(body.balance).toBeLessThan(PRICE);
          // The answer to a submit may be lost when the job is there: its id is told all the same.
          if (body.job_id) jobs.add(body.job_id);
        }
      }
    }
    hops.fate = () => 'pass';
    const balance = await customer.credits();
    expect(sum(balance)).toBe(granted);
    for (const part of Object.values(balance)) expect(part).toBeGreaterThanOrEqual(0);
  }

  const states: Json[] = [];
  for (const id of jobs) {
    const answer = await customer.get(`/api/fal/status/${id}`);
    // The id of a 503 whose job was never committed.
    if (answer.status === 404) continue;
    states.push(await endOf(customer, id, clock));
  }
  const captured = states.filter(({ status }) => status === 'completed').length * PRICE;
  expect(await customer.credits()).toEqual({ available: granted - captured, held: 0, captured });
  expect(states.length).toBeGreaterThanOrEqual(accepted);
}

/** Each entry of the plan lets some hops between objects pass and gives the next one its fate. */
function troubleOf(plan: readonly { readonly skip: number; readonly fate: Fate }[]): (hop: Hop) => Fate {
  const queue = [...plan];
  let left = queue[0]?.skip ?? 0;
  return ({ to }) => {
    if (queue.length === 0 || to === 'outside' || to === 'bucket' || --left > 0) return 'pass';
    const fate = queue.shift()?.fate ?? 'pass';
    left = queue[0]?.skip ?? 0;
    return fate;
  };
}

/** Minutes of cron runs that any job needs at most. */
const PATIENCE = 120;

async function endOf(customer: Customer, id: string, clock: Clock): Promise<Json> {
  let status: Json = await customer.status(id);
  for (let runs = 0; status.status === 'in_progress'; runs++) {
    expect(runs).toBeLessThan(PATIENCE);
    clock.advance(MINUTE_MS);
    await cron();
    for (let look = 0; look < 20 && status.status === 'in_progress'; look++) {
      await tick();
      status = await customer.status(id);
    }
  }
  return status;
}
