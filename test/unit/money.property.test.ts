/**
 * Invariants 10 to 13 against a hostile network: whatever is granted, submitted, captured, released, leased, given
 * back and recalled, and whatever becomes of the messages, no credit is made, lost or spent twice, and nobody is
 * refused while the credits were there all the time. The world checks itself at every change (support/money-world.ts).
 */

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Fate, MoneyWorld } from '../support/money-world.ts';
import { soakOr } from '../support/soak.ts';

// Run again with SEED=<what was printed> to see the same worlds.
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = soakOr(2_000, 250);

const pick = fc.nat({ max: 1_000 });

/** Small worlds with few credits: the interesting moments are those in which the last of them move. */
const size = fc.record({
  shards: fc.integer({ min: 2, max: 4 }),
  credits: fc.constantFrom(29, 58, 60, 87),
  want: fc.constantFrom(0, 0, 25),
});

/** One thing that happens. Indices are taken modulo what is there. */
const op = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), credits: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      shard: pick,
      credits: fc.constantFrom(10, 29, 29, 29, 29, 47),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      shard: pick,
      hold: pick,
      charged: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('give back' as const), shard: pick, credits: pick }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('balance' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), who: pick }) },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('message' as const),
      which: pick,
      fate: fc.oneof(
        { weight: 12, arbitrary: fc.constant<Fate>('deliver') },
        { weight: 1, arbitrary: fc.constantFrom<Fate>('lose', 'late', 'repeat') },
      ),
    }),
  },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

function apply(world: MoneyWorld, op: Op): void {
  const { shards } = world;
  if (op.kind === 'grant') world.grant(op.credits);
  if (op.kind === 'submit') world.submit(op.shard % shards, op.credits);
  if (op.kind === 'end') world.resolve(op.shard % shards, op.hold, op.charged);
  if (op.kind === 'give back') world.giveBack(op.shard % shards, op.credits % 60);
  if (op.kind === 'balance') world.readBalance();
  if (op.kind === 'message') world.deliver(op.which, op.fate);
  if (op.kind === 'crash') {
    const who = op.who % (shards + 1);
    if (who === shards) world.startAccount();
    else world.startShard(who);
  }
}

test(`credits are conserved and no 402 is false (SEED=${seed})`, { timeout: 900_000 }, async () => {
  const totals = { accepted: 0, refused: 0, unavailable: 0, lost: 0, balances: 0 };
  await fc.assert(
    fc.asyncProperty(
      size,
      fc.array(op, { minLength: 40, maxLength: 200, size: 'max' }),
      async (size, ops) => {
        const world = new MoneyWorld(size.shards, size.want);
        world.grant(size.credits);
        for (const op of ops) {
          apply(world, op);
          await world.settle();
        }
        await world.drain();
        for (const kind of Object.keys(totals) as (keyof typeof totals)[]) totals[kind] += world.counts[kind];
      },
    ),
    { seed, numRuns: RUNS },
  );
  // A world in which nothing was ever refused or served would prove nothing.
  for (const count of Object.values(totals)) expect(count).toBeGreaterThan(0);
});
