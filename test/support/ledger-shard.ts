/**
 * The smallest shard that keeps the ledger's protocol: a book, open holds, and submits that wait together for a
 * lease. It stands in for the JobShard where the account is under test, and says what an account may rely on.
 */

import type { LeaseOutcome, LeaseRequest, ShardBalance } from '../../src/worker/accounts/contract.ts';
import {
  capture,
  EMPTY_BOOK,
  floatOf,
  giveBack,
  hold,
  receive,
  release,
  type ShardBook,
  type ShardTotals,
  totalsOf,
} from '../../src/worker/accounts/float.ts';
import { refusalStands } from '../../src/worker/accounts/lease.ts';

/** What survives a crash of the shard. */
export interface Durable {
  book: ShardBook;
  /** The credits of each open hold. */
  holds: number[];
}

export type Admission = 'accepted' | 'refused' | 'unavailable';

interface Waiting {
  readonly credits: number;
  readonly settle: (admission: Admission) => void;
}

export interface ShardOptions {
  readonly shard: string;
  readonly durable: Durable;
  readonly lease: (request: LeaseRequest) => Promise<LeaseOutcome>;
  /** Called after each change of the durable part, so that a test can look at every instant. */
  readonly changed?: () => void;
  /** What a lease is to bring beyond the need. */
  readonly want?: number;
}

/** Leases in a row that brought neither enough nor a refusal, before the waiting are told to come again. */
const MAX_LEASES = 6;

export function emptyDurable(): Durable {
  return { book: EMPTY_BOOK, holds: [] };
}

export class LedgerShard {
  readonly #options: ShardOptions;
  readonly #waiting: Waiting[] = [];
  #leasing = false;

  constructor(options: ShardOptions) {
    this.#options = options;
  }

  get #book(): ShardBook {
    return this.#options.durable.book;
  }

  #write(book: ShardBook): void {
    this.#options.durable.book = book;
    this.#options.changed?.();
  }

  /** Holds credits for a job, from the float or with a lease. `settle` is called at the instant of the decision. */
  submit(credits: number, settle: (admission: Admission) => void): void {
    const waiting = { credits, settle };
    if (this.#waiting.length === 0 && this.#tryAdmit(waiting)) return;
    this.#waiting.push(waiting);
    if (!this.#leasing) void this.#leaseForWaiting();
  }

  /** Ends the hold at `index`, charged or given back. */
  resolve(index: number, charged: boolean): void {
    const [credits] = this.#options.durable.holds.splice(index, 1);
    if (credits === undefined) return;
    this.#write(charged ? capture(this.#book, credits) : release(this.#book, credits));
    this.#admit();
  }

  /** Gives unheld credits back, as an idle shard does. Not while submits wait. */
  giveBack(credits: number): void {
    if (this.#waiting.length === 0) this.#write(giveBack(this.#book, credits));
  }

  totals(): ShardTotals {
    return totalsOf(this.#book);
  }

  recall(leased: number): ShardTotals {
    this.#receive(leased);
    this.#write(giveBack(this.#book, floatOf(this.#book)));
    return this.totals();
  }

  balance(leased: number): ShardBalance {
    this.#receive(leased);
    return { float: floatOf(this.#book), held: this.#book.held, totals: this.totals() };
  }

  /** Holds the credits, if the float covers them. The submit is answered in the same instant. */
  #tryAdmit({ credits, settle }: Waiting): boolean {
    const { durable, changed } = this.#options;
    const book = hold(durable.book, credits);
    if (!book) return false;
    durable.holds.push(credits);
    durable.book = book;
    settle('accepted');
    changed?.();
    return true;
  }

  #receive(leased: number): void {
    this.#write(receive(this.#book, leased));
    this.#admit();
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first && this.#tryAdmit(first); first = this.#waiting[0]) {
      this.#waiting.shift();
    }
  }

  async #leaseForWaiting(): Promise<void> {
    this.#leasing = true;
    let tries = 0;
    while (this.#waiting.length > 0) {
      const served = [...this.#waiting];
      const answer = await this.#lease(served);
      tries++;
      if (answer?.kind === 'leased') {
        this.#receive(answer.leased);
        if (refusalStands(this.#book, answer)) this.#settle(served, 'refused');
        else if (tries >= MAX_LEASES) this.#settle(served, 'unavailable');
      } else {
        this.#settle(served, 'unavailable');
      }
      if (!this.#waiting.some((waiting) => served.includes(waiting))) tries = 0;
    }
    this.#leasing = false;
  }

  /** Asks once more when the answer was lost. */
  async #lease(served: readonly Waiting[]): Promise<LeaseOutcome | null> {
    const { shard, lease, want = 0 } = this.#options;
    const credits = served.reduce((sum, waiting) => sum + waiting.credits, 0);
    for (let tries = 0; tries < 2; tries++) {
      const need = Math.max(0, credits - floatOf(this.#book));
      const answer = await lease({ shard, totals: this.totals(), need, want }).catch(() => null);
      if (answer) return answer;
    }
    return null;
  }

  /** Those of `served` that still wait: each is admitted if it fits by now, else told `otherwise`. */
  #settle(served: readonly Waiting[], otherwise: Admission): void {
    for (const waiting of served) {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) continue;
      this.#waiting.splice(index, 1);
      if (otherwise !== 'refused' || !this.#tryAdmit(waiting)) waiting.settle(otherwise);
    }
  }
}
