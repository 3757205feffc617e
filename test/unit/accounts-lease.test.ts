import { describe, expect, test } from 'vitest';
import type { LeaseRequest } from '../../src/worker/accounts/contract.ts';
import { EMPTY_BOOK, type ShardTotals } from '../../src/worker/accounts/float.ts';
import {
  type AccountBook,
  bookTotals,
  decideLease,
  EMPTY_LINE,
  homeOf,
  leaseSize,
  MAX_RECALL_ROUNDS,
  outstandingOf,
  type RecallRound,
  refusalStands,
  type ShardLine,
} from '../../src/worker/accounts/lease.ts';

const line = (part: Partial<ShardLine>): ShardLine => ({ ...EMPTY_LINE, ...part });
const totals = (part: Partial<ShardTotals>): ShardTotals => ({
  received: 0,
  returned: 0,
  captured: 0,
  releases: 0,
  ...part,
});
const book = (granted: number, shards: Record<string, Partial<ShardLine>> = {}): AccountBook => ({
  granted,
  shards: new Map(Object.entries(shards).map(([name, part]) => [name, line(part)])),
});
const request = (part: Partial<LeaseRequest>): LeaseRequest => ({
  shard: 'a',
  totals: totals({}),
  need: 0,
  want: 0,
  ...part,
});
const round = (answers: Record<string, ShardTotals>, unreachable: string[] = []): RecallRound => ({
  answers: new Map(Object.entries(answers)),
  unreachable,
});

describe('booking a message', () => {
  const known = line({ leased: 100, returnedSeen: 20, capturedSeen: 30, releases: 4 });

  test('takes the maximum of each counter, so old news changes nothing', () => {
    const old = totals({ received: 40, returned: 10, captured: 30, releases: 3 });
    expect(bookTotals(known, old)).toEqual(known);
    const news = totals({ received: 100, returned: 25, captured: 20, releases: 9 });
    const booked = { ...known, returnedSeen: 25, releases: 9 };
    expect(bookTotals(known, news)).toEqual(booked);
    expect(bookTotals(bookTotals(known, news), old)).toEqual(booked);
  });

  test.each([
    ['received more than was leased', totals({ received: 101 })],
    ['gave back and kept more than was leased', totals({ received: 100, returned: 60, captured: 50 })],
    ['a negative count', totals({ returned: -1 })],
    ['half a credit', totals({ captured: 0.5 })],
    ['no number', totals({ releases: Number.NaN })],
  ])('refuses a shard that claims the impossible: %s', (_, claim) => {
    expect(() => bookTotals(known, claim)).toThrow(RangeError);
  });
});

test('home is what is not leased, with all that came back', () => {
  const both = book(500, { a: { leased: 200, returnedSeen: 50, capturedSeen: 90 }, b: { leased: 100 } });
  expect(homeOf(both)).toBe(250);
  expect(outstandingOf(line({ leased: 200, returnedSeen: 50, capturedSeen: 90 }))).toBe(60);
});

test.each([
  // home, need, want, leased to the shard before, received by it → lease
  ['the need alone when nothing else is wanted', 1_000, 29, 0, 0, 0, 29],
  ['what comes next, when a quarter of home covers it', 1_000, 29, 200, 0, 0, 200],
  ['no more than a quarter of home for what comes next', 1_000, 29, 900, 0, 0, 250],
  ['the whole need, though it is more than a quarter', 1_000, 900, 50, 0, 0, 900],
  ['never more than there is', 100, 900, 900, 0, 0, 100],
  ['less what is on its way', 1_000, 29, 200, 150, 0, 50],
  ['nothing when what is on its way is enough', 1_000, 29, 29, 29, 0, 0],
  ['nothing when more than enough is on its way', 1_000, 29, 29, 500, 0, 0],
  ['nothing of nothing', 0, 29, 29, 0, 0, 0],
  ['for a shard that received it all, the whole again', 1_000, 29, 0, 500, 500, 29],
])('a lease is %s', (_, home, need, want, leased, received, credits) => {
  expect(leaseSize(home, line({ leased }), request({ totals: totals({ received }), need, want }))).toBe(
    credits,
  );
});

test('a need grows by what was recalled after it was counted', () => {
  const before = request({ totals: totals({ received: 40, returned: 5 }), need: 10 });
  expect(leaseSize(100, line({ leased: 40, returnedSeen: 35 }), before)).toBe(40);
});

describe('deciding', () => {
  const asks = request({ need: 29 });
  const empty = totals({ received: 50 });

  test('leases from home without asking anybody', () => {
    expect(decideLease(book(29, { b: { leased: 0 } }), asks, [])).toEqual({
      kind: 'lease',
      credits: 29,
      exhausted: false,
    });
  });

  test('is sure at once when no other shard can have credits', () => {
    const spent = book(100, { a: { leased: 50 }, b: { leased: 30, returnedSeen: 10, capturedSeen: 20 } });
    expect(decideLease(spent, request({ totals: totals({ received: 50 }), need: 31 }), [])).toEqual({
      kind: 'lease',
      credits: 30,
      exhausted: true,
    });
  });

  test('asks every other shard that may have credits, never the requester', () => {
    const spread = book(100, { a: { leased: 10 }, b: { leased: 50 }, c: { leased: 40 }, d: { leased: 0 } });
    expect(decideLease(spread, request({ totals: totals({ received: 10 }), need: 29 }), [])).toEqual({
      kind: 'recall',
      shards: ['b', 'c'],
    });
  });

  test('leases what a round brought, even if a shard did not answer', () => {
    const after = book(100, { b: { leased: 50, returnedSeen: 30 }, c: { leased: 50 } });
    const answers = round({ b: totals({ received: 50, returned: 30 }) }, ['c']);
    expect(decideLease(after, asks, [answers])).toMatchObject({
      kind: 'lease',
      credits: 29,
      exhausted: false,
    });
  });

  test('does not call credits exhausted that may be in a shard out of reach', () => {
    expect(decideLease(book(50, { b: { leased: 50 } }), asks, [round({}, ['b'])])).toEqual({
      kind: 'unreachable',
    });
  });

  test('needs a second round to be sure, since credits may have moved behind the back of the first', () => {
    const held = book(60, { b: { leased: 50 } });
    expect(decideLease(held, asks, [round({ b: empty })])).toEqual({ kind: 'recall', shards: ['b'] });
    expect(decideLease(held, asks, [round({ b: empty }), round({ b: empty })])).toEqual({
      kind: 'lease',
      credits: 10,
      exhausted: true,
    });
  });

  test.each([
    ['a hold was released', { b: { ...empty, releases: 1 } }],
    ['credits came back', { b: { ...empty, returned: 1 } }],
    ['a shard was not in the round before', { b: empty, c: empty }],
  ])('asks again when, between the rounds, %s', (_, second) => {
    const spread = book(100, { b: { leased: 50 }, c: { leased: 50 } });
    expect(decideLease(spread, asks, [round({ b: empty }), round(second)]).kind).toBe('recall');
  });

  test('asks again when a shard had not booked its lease in the first round', () => {
    const late = round({ b: totals({ received: 20 }) });
    expect(decideLease(book(50, { b: { leased: 50 } }), asks, [late, round({ b: empty })]).kind).toBe(
      'recall',
    );
  });

  test('gives up while credits keep moving', () => {
    const rounds = Array.from({ length: MAX_RECALL_ROUNDS }, (_, releases) =>
      round({ b: { ...empty, releases } }),
    );
    expect(decideLease(book(50, { b: { leased: 50 } }), asks, rounds)).toEqual({ kind: 'unreachable' });
    expect(decideLease(book(50, { b: { leased: 50 } }), asks, rounds.slice(1)).kind).toBe('recall');
  });
});

describe('a refusal stands', () => {
  const shard = { ...EMPTY_BOOK, received: 100, returned: 40 };
  const answer = { leased: 100, returnedSeen: 40, exhausted: true };

  test('when the account knew all of the shard', () => expect(refusalStands(shard, answer)).toBe(true));

  test.each([
    ['the account has more to give', { exhausted: false }],
    ['it had not heard of all that the shard gave back', { returnedSeen: 39 }],
    ['a newer lease came meanwhile', { leased: 90 }],
    ['a lease is still on its way', { leased: 110 }],
  ])('not when %s', (_, part) => expect(refusalStands(shard, { ...answer, ...part })).toBe(false));
});
