/**
 * Serves the lease requests of an account's shards, in the order in which they arrive (invariant 12).
 *
 * The queue is in memory: a request lost with the object is a broken call to its shard, which asks again. No lock
 * spans a recall: grants and settlements are booked meanwhile, and each decision is made on the book as it is then.
 */

import { fewAtOnce } from '../calls.ts';
import type { LeaseOutcome, LeaseRequest } from './contract.ts';
import type { ShardTotals } from './float.ts';
import { type AccountBook, decideLease, homeOf, type RecallRound, type ShardLine } from './lease.ts';

/** The durable book that the teller works on. All calls are synchronous. */
export interface TellerBook {
  read(): AccountBook;
  /** Books totals of a listed shard. @throws {RangeError} on impossible ones. */
  bookTotals(shard: string, totals: ShardTotals): ShardLine;
  addLease(shard: string, credits: number): void;
}

/** Asks a shard for its unheld float. Bounded in time; null when the shard cannot be reached. */
export type Recall = (shard: string, leased: number) => Promise<ShardTotals | null>;

interface Waiting {
  readonly request: LeaseRequest;
  readonly resolve: (outcome: LeaseOutcome) => void;
  readonly reject: (error: unknown) => void;
  /** The rounds made for it so far. */
  rounds: RecallRound[];
}

export class Teller {
  readonly #book: TellerBook;
  readonly #recall: Recall;
  readonly #queue: Waiting[] = [];
  #serving = false;

  constructor(book: TellerBook, recall: Recall) {
    this.#book = book;
    this.#recall = recall;
  }

  /** Serves a request of a listed shard after all that came before it. */
  lease(request: LeaseRequest): Promise<LeaseOutcome> {
    this.#book.bookTotals(request.shard, request.totals);
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject, rounds: [] });
      if (!this.#serving) void this.#serve();
    });
  }

  /** Never rejects: what goes wrong with one request is told to its caller. */
  async #serve(): Promise<void> {
    this.#serving = true;
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      try {
        let outcome = this.#decide(head);
        while (outcome instanceof Promise) {
          head.rounds = [...head.rounds, await outcome];
          outcome = this.#decide(head);
        }
        if (outcome.kind === 'unreachable') this.#spareTheRest(head);
        head.resolve(outcome);
      } catch (error) {
        head.reject(error);
      }
      this.#queue.shift();
    }
    this.#serving = false;
  }

  /** The outcome, decided and booked without an await; or a round of recalls that has to come first. */
  #decide({ request, rounds }: Waiting): LeaseOutcome | Promise<RecallRound> {
    const book = this.#book.read();
    const decision = decideLease(book, request, rounds);
    if (decision.kind === 'recall') return this.#round(book, decision.shards);
    if (decision.kind === 'unreachable') return decision;
    if (decision.credits > 0) this.#book.addLease(request.shard, decision.credits);
    const after = this.#book.read();
    const line = after.shards.get(request.shard);
    return {
      kind: 'leased',
      leased: line?.leased ?? 0,
      returnedSeen: line?.returnedSeen ?? 0,
      exhausted: decision.exhausted,
      available: homeOf(after),
    };
  }

  async #round(book: AccountBook, shards: readonly string[]): Promise<RecallRound> {
    const answers = new Map<string, ShardTotals>();
    const unreachable: string[] = [];
    await fewAtOnce(shards, async (shard) => {
      const totals = await this.#recall(shard, book.shards.get(shard)?.leased ?? 0);
      if (!totals) {
        unreachable.push(shard);
        return;
      }
      this.#book.bookTotals(shard, totals);
      answers.set(shard, totals);
    });
    return { answers, unreachable };
  }

  /**
   * Nobody in the queue waits again for a shard that has just failed to answer: those whom the account cannot serve
   * from what it has are told so at once, or each would wait out the same time-out, one after the other.
   */
  #spareTheRest(head: Waiting): void {
    const failed = head.rounds.at(-1)?.unreachable ?? [];
    for (const waiting of this.#queue) {
      const unreachable = failed.filter((shard) => shard !== waiting.request.shard);
      if (waiting !== head && unreachable.length > 0) waiting.rounds = [{ answers: new Map(), unreachable }];
    }
  }
}
