/**
 * The account's side of leasing credits to its shards: the books and the decisions. Pure. The shard's side is
 * float.ts, which also has the equation that holds at every instant.
 *
 * A shard asks for what its waiting submits need. If the account has it, it leases. If not, it recalls the unheld
 * float of all other shards, a round at a time, and decides again after each round.
 */

import type { LeaseRequest } from './contract.ts';
import type { ShardBook, ShardTotals } from './float.ts';

/** What the account knows of one shard, in credits. All of them only grow. */
export interface ShardLine {
  /** Everything ever leased to the shard. */
  readonly leased: number;
  /** As much of what the shard has given back as the account has heard of, and so has again. */
  readonly returnedSeen: number;
  /** As much of what the shard has captured as the account has heard of. */
  readonly capturedSeen: number;
  /** How many holds the shard has released, as far as the account has heard. */
  readonly releases: number;
}

/** The line of a shard that was never leased a credit. */
export const EMPTY_LINE: ShardLine = { leased: 0, returnedSeen: 0, capturedSeen: 0, releases: 0 };

/** The account's book. */
export interface AccountBook {
  /** Everything ever granted, in credits. */
  readonly granted: number;
  /** By shard name. */
  readonly shards: ReadonlyMap<string, ShardLine>;
}

/** What one round of recalls found. */
export interface RecallRound {
  /** What each shard that was asked answered, after it gave back its float. */
  readonly answers: ReadonlyMap<string, ShardTotals>;
  /** The shards that were asked and did not answer. */
  readonly unreachable: readonly string[];
}

/** What is to be done for the request at the head of the queue. */
export type LeaseDecision =
  | { readonly kind: 'lease'; readonly credits: number; readonly exhausted: boolean }
  | { readonly kind: 'recall'; readonly shards: readonly string[] }
  | { readonly kind: 'unreachable' };

/** Two rounds show that nothing is left; more are needed only while credits move. Then 503, not a guess. */
export const MAX_RECALL_ROUNDS = 5;

/** Of what the account has left, at most this part goes to one shard for what may come next. */
const SPECULATIVE_PART = 4;

/**
 * Books the totals of a message from a shard: the maximum of each, so a message that comes twice or late changes
 * nothing.
 * @throws {RangeError} when the shard claims more than it was ever leased: one of the two books is then wrong, and
 *   going on would make credits out of nothing.
 */
export function bookTotals(line: ShardLine, totals: ShardTotals): ShardLine {
  for (const count of [totals.received, totals.returned, totals.captured, totals.releases]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`not a count: ${count}`);
  }
  const booked: ShardLine = {
    leased: line.leased,
    returnedSeen: Math.max(line.returnedSeen, totals.returned),
    capturedSeen: Math.max(line.capturedSeen, totals.captured),
    releases: Math.max(line.releases, totals.releases),
  };
  if (totals.received > line.leased || outstandingOf(booked) < 0) {
    throw new RangeError('a shard claims more credits than it was leased');
  }
  return booked;
}

/** Credits that a shard may still have, held or not, or that are on their way to or from it. */
export function outstandingOf(line: ShardLine): number {
  return line.leased - line.returnedSeen - line.capturedSeen;
}

/** Credits that the account has not leased to any shard. */
export function homeOf(book: AccountBook): number {
  let home = book.granted;
  for (const line of book.shards.values()) home -= line.leased - line.returnedSeen;
  return home;
}

/** The shards, other than `requester`, that may have credits. Only the account gives credits, so the rest has none. */
export function holdersBeside(book: AccountBook, requester: string): string[] {
  return [...book.shards]
    .filter(([name, line]) => name !== requester && outstandingOf(line) > 0)
    .map(([name]) => name);
}

/** Credits leased to the shard that it had not received when it wrote the request. */
function inTransit(line: ShardLine, request: LeaseRequest): number {
  return line.leased - request.totals.received;
}

/**
 * The shard's need as of now: it was counted against the totals in the request, and a recall for another shard's
 * sake may have taken float away since.
 */
function needNow(line: ShardLine, request: LeaseRequest): number {
  return request.need + (line.returnedSeen - request.totals.returned);
}

/**
 * How much to lease when the account has `home` left: the whole need and, as far as a quarter of what is left
 * allows, what comes next; less what is on its way already.
 */
export function leaseSize(home: number, line: ShardLine, request: LeaseRequest): number {
  const worthHaving = Math.min(request.want, Math.floor(home / SPECULATIVE_PART));
  const target = Math.max(needNow(line, request), worthHaving);
  return Math.min(home, Math.max(0, target - inTransit(line, request)));
}

/**
 * Decides the request at the head of the queue. Call it again with the round that it asked for, on the book as it
 * is by then; the request's own totals are booked before the first call.
 */
export function decideLease(
  book: AccountBook,
  request: LeaseRequest,
  rounds: readonly RecallRound[],
): LeaseDecision {
  const home = homeOf(book);
  const line = book.shards.get(request.shard) ?? EMPTY_LINE;
  if (needNow(line, request) - inTransit(line, request) <= home) {
    return { kind: 'lease', credits: leaseSize(home, line, request), exhausted: false };
  }
  const shards = holdersBeside(book, request.shard);
  if (shards.length === 0) return { kind: 'lease', credits: home, exhausted: true };
  const last = rounds.at(-1);
  if (last && last.unreachable.length > 0) return { kind: 'unreachable' };
  if (nothingMoved(book, rounds)) return { kind: 'lease', credits: home, exhausted: true };
  if (rounds.length >= MAX_RECALL_ROUNDS) return { kind: 'unreachable' };
  return { kind: 'recall', shards };
}

/**
 * Whether the last two rounds together prove that no credit was free anywhere but at the account when the last one
 * began. One round is not enough: a hold may be released in one shard after it answered, and the same credits be
 * held in another just before that one answers, so that each shows an empty float though there was always some.
 *
 * Proof: each shard of the last round answered in the round before, with an empty float then. In between it gave
 * nothing back and released nothing, and had received all that was leased, so its float was empty all the time, and
 * so it was at the one instant between the rounds. A shard that was not asked again had nothing left at that
 * instant. What was at the account then has only grown since, for nobody else is served meanwhile.
 */
function nothingMoved(book: AccountBook, rounds: readonly RecallRound[]): boolean {
  const last = rounds.at(-1);
  const before = rounds.at(-2);
  if (!last || !before) return false;
  for (const [name, now] of last.answers) {
    const then = before.answers.get(name);
    if (!then || then.returned !== now.returned || then.releases !== now.releases) return false;
    if (then.received !== book.shards.get(name)?.leased) return false;
  }
  return true;
}

/**
 * Whether a shard may refuse what waited for a lease, after it booked the answer and admitted all that fits. The
 * account decided on what it had heard; if the shard has given back more since (its message may have been lost), or
 * knows of a newer lease, then credits are in transfer, the refusal would be false, and the shard asks again.
 * It holds only for submits that waited when the request was sent, and only if none of them was overtaken.
 */
export function refusalStands(
  book: ShardBook,
  answer: { readonly leased: number; readonly returnedSeen: number; readonly exhausted: boolean },
): boolean {
  return answer.exhausted && answer.leased === book.received && answer.returnedSeen === book.returned;
}
