/**
 * One account and its shards on a network that loses, repeats, delays and reorders messages, with crashes of either
 * side. Everything that decides about money is the real code: the teller, its leases, the balance, the shards'
 * float. After every single change the world checks that no credit was made, lost or spent twice.
 */

import { readBalance } from '../../src/worker/accounts/balance.ts';
import type { LeaseOutcome, LeaseRequest, ShardBalance } from '../../src/worker/accounts/contract.ts';
import { floatOf, type ShardTotals } from '../../src/worker/accounts/float.ts';
import {
  bookTotals,
  EMPTY_LINE,
  homeOf,
  outstandingOf,
  type ShardLine,
} from '../../src/worker/accounts/lease.ts';
import { Teller, type TellerBook } from '../../src/worker/accounts/teller.ts';
import { type Admission, type Durable, emptyDurable, LedgerShard } from './ledger-shard.ts';

/** More messages than a world of this size can have in its last moments. */
const MAX_DRAIN = 5_000;
/** What the network does with a message. */
export type Fate = 'deliver' | 'lose' | 'late' | 'repeat';

interface Message {
  /** What it does where it arrives. */
  readonly arrive: () => unknown;
  /** Tells the caller that it will hear nothing. */
  readonly fail: () => void;
}

/** The life of an account or a shard between two crashes. */
interface Life {
  over: boolean;
}

/** A submit that has not been answered. */
interface Open {
  readonly life: Life;
  readonly credits: number;
  accepted: boolean;
  /** What was free anywhere at each instant since the submit, and who waited in the same shard before it. */
  readonly instants: { readonly free: number; readonly ahead: readonly Open[] }[];
}

/**
 * The least that was free for a submit at any instant since it came. What was there for those before it in its shard,
 * who got it in the end, was theirs already: a shard admits in order, so they come first in time too.
 */
function leastFree({ instants }: Open): number {
  return Math.min(
    ...instants.map(({ free, ahead }) =>
      ahead.reduce((left, open) => (open.accepted ? left - open.credits : left), free),
    ),
  );
}

class Lost extends Error {
  override readonly name = 'Lost';
}

export class MoneyWorld {
  /** The account's durable part. */
  granted = 0;
  readonly #lines = new Map<string, ShardLine>();
  #teller!: Teller;
  #tellerLife = { over: false };

  readonly #want: number;
  readonly #durables: Durable[];
  readonly #shards: LedgerShard[] = [];
  readonly #lives: Life[] = [];
  /** Breaks the calls that the account is serving. */
  readonly #serving = new Set<() => void>();
  readonly #mail: Message[] = [];
  readonly #open = new Set<Open>();
  readonly counts: Record<Admission | 'lost' | 'balances', number> = {
    accepted: 0,
    refused: 0,
    unavailable: 0,
    lost: 0,
    balances: 0,
  };

  /** `want` is what a lease is to bring for what comes next, in credits. */
  constructor(shards: number, want: number) {
    this.#want = want;
    this.#durables = Array.from({ length: shards }, emptyDurable);
    this.startAccount();
    for (let index = 0; index < shards; index++) this.startShard(index);
  }

  get shards(): number {
    return this.#shards.length;
  }

  grant(credits: number): void {
    this.granted += credits;
    this.#changed();
  }

  /** (Re)starts the account: its queue is gone, its book is not. */
  startAccount(): void {
    this.#tellerLife.over = true;
    const life = { over: false };
    this.#tellerLife = life;
    this.#teller = new Teller(this.#book(life), (shard, leased) => this.#recall(shard, leased));
    for (const fail of this.#serving) this.#mail.push({ arrive: fail, fail });
    this.#serving.clear();
  }

  /** (Re)starts a shard: who waited there is cut off, its book is not lost. */
  startShard(index: number): void {
    const former = this.#lives[index];
    if (former) former.over = true;
    for (const open of this.#open) {
      if (!open.life.over) continue;
      this.#open.delete(open);
      this.counts.lost++;
    }
    const life = { over: false };
    this.#lives[index] = life;
    this.#shards[index] = new LedgerShard({
      shard: String(index),
      durable: this.#durable(index),
      want: this.#want,
      changed: () => {
        this.#check(!life.over, 'a shard that crashed goes on writing');
        this.#changed();
      },
      lease: (request) => this.#lease(request, life),
    });
  }

  submit(shard: number, credits: number): void {
    const open: Open = { life: this.#lives[shard] as Life, credits, accepted: false, instants: [] };
    this.#open.add(open);
    this.#look();
    this.#shard(shard).submit(credits, (admission) => {
      open.accepted = admission === 'accepted';
      this.#open.delete(open);
      this.counts[admission]++;
      const least = leastFree(open);
      this.#check(admission !== 'refused' || least < credits, `402 for ${credits}, ${least} were free`);
    });
  }

  /** Ends one of the shard's open holds, if it has any; `which` is taken modulo their number. */
  resolve(shard: number, which: number, charged: boolean): void {
    const { length } = this.#durable(shard).holds;
    if (length > 0) this.#shard(shard).resolve(which % length, charged);
  }

  /** An idle shard gives credits back and says so. */
  giveBack(shard: number, credits: number): void {
    this.#shard(shard).giveBack(credits);
    const totals = this.#shard(shard).totals();
    this.#send(() => this.#bookTotals(String(shard), totals)).catch((error: unknown) => this.#fail(error));
  }

  /** Reads the balance, while everything else goes on. */
  readBalance(): void {
    const capturedBefore = this.#sum((durable) => durable.book.captured);
    const reading = readBalance(this.#book(this.#tellerLife), (name, leased) =>
      this.#send((): ShardBalance => this.#shard(Number(name)).balance(leased)).catch(() => null),
    );
    void reading
      .then((credits) => {
        if (!credits) return;
        this.counts.balances++;
        const capturedNow = this.#sum((durable) => durable.book.captured);
        this.#check(credits.available >= 0 && credits.held >= 0, 'a part of a balance is negative');
        this.#check(
          credits.available + credits.held + credits.captured === this.granted,
          'a balance is not the grants',
        );
        this.#check(credits.captured >= capturedBefore && credits.captured <= capturedNow, 'captured is off');
      })
      .catch((error: unknown) => this.#fail(error));
  }

  /** A message on its way, if there is any, meets its fate; `which` is taken modulo their number. */
  deliver(which: number, fate: Fate): void {
    const index = which % Math.max(1, this.#mail.length);
    const message = this.#mail[index];
    if (!message) return;
    if (fate !== 'repeat') this.#mail.splice(index, 1);
    if (fate === 'lose' || fate === 'late') message.fail();
    if (fate === 'late') this.#mail.push({ arrive: message.arrive, fail: () => undefined });
    if (fate === 'deliver' || fate === 'repeat') message.arrive();
  }

  /** Lets all promises that can go on do so. @throws what the world found broken. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#broken) throw this.#broken;
  }

  /** Delivers everything, until nobody waits. */
  async drain(): Promise<void> {
    for (let steps = 0; this.#mail.length > 0; steps++) {
      if (steps > MAX_DRAIN) throw new Error('messages without end');
      this.deliver(0, 'deliver');
      await this.settle();
    }
    this.#check(this.#open.size === 0, 'a submit without an answer');
    await this.settle();
  }

  /** The exact balance, as nobody in the world can see it. */
  balance(): { available: number; held: number; captured: number } {
    const held = this.#sum((durable) => durable.book.held);
    const captured = this.#sum((durable) => durable.book.captured);
    return { available: this.granted - held - captured, held, captured };
  }

  #broken: Error | null = null;

  #check(condition: boolean, what: string): void {
    if (!condition) this.#fail(new Error(what));
  }

  #fail(error: unknown): void {
    if (!(error instanceof Lost)) this.#broken ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Looks at the world at this instant (invariants 10 and 11). */
  #changed(): void {
    let parts = homeOf({ granted: this.granted, shards: this.#lines });
    this.#check(parts >= 0, 'the account leased more than it has');
    for (const [index, { book, holds }] of this.#durables.entries()) {
      const line = this.#lines.get(String(index)) ?? EMPTY_LINE;
      const toShard = line.leased - book.received;
      const fromShard = book.returned - line.returnedSeen;
      for (const part of [toShard, fromShard, floatOf(book), book.held, book.captured - line.capturedSeen]) {
        this.#check(part >= 0, `a part of shard ${index} is negative`);
      }
      this.#check(
        outstandingOf(line) >= toShard + floatOf(book) + book.held,
        `shard ${index} has more than is known`,
      );
      this.#check(
        holds.reduce((sum, credits) => sum + credits, 0) === book.held,
        `the holds of shard ${index} are off`,
      );
      parts += toShard + fromShard + floatOf(book) + book.held + book.captured;
    }
    this.#check(parts === this.granted, `${this.granted} were granted, ${parts} are there`);
    this.#check(this.balance().available >= 0, 'overspent');
    this.#look();
  }

  /** Notes for everybody who waits what is free at this instant. */
  #look(): void {
    const { available: free } = this.balance();
    const waiting = new Map<Life, Open[]>();
    for (const open of this.#open) {
      const ahead = waiting.get(open.life) ?? [];
      open.instants.push({ free, ahead: [...ahead] });
      waiting.set(open.life, [...ahead, open]);
    }
  }

  #book(life: Life): TellerBook {
    const alive = () => {
      if (life.over) throw new Lost('the account crashed');
    };
    return {
      read: () => {
        alive();
        return { granted: this.granted, shards: new Map(this.#lines) };
      },
      bookTotals: (shard, totals) => {
        alive();
        return this.#bookTotals(shard, totals);
      },
      addLease: (shard, credits) => {
        alive();
        const line = this.#lines.get(shard) ?? EMPTY_LINE;
        this.#lines.set(shard, { ...line, leased: line.leased + credits });
        this.#changed();
      },
    };
  }

  #bookTotals(shard: string, totals: ShardTotals): ShardLine {
    const line = bookTotals(this.#lines.get(shard) ?? EMPTY_LINE, totals);
    this.#lines.set(shard, line);
    this.#changed();
    return line;
  }

  #recall(shard: string, leased: number): Promise<ShardTotals | null> {
    return this.#send(() => this.#shard(Number(shard)).recall(leased)).catch(() => null);
  }

  #lease(request: LeaseRequest, caller: Life): Promise<LeaseOutcome> {
    return this.#send(
      () =>
        new Promise((resolve, reject) => {
          const fail = () => reject(new Lost('the account crashed'));
          this.#serving.add(fail);
          this.#teller
            .lease(request)
            .then(resolve, reject)
            .finally(() => this.#serving.delete(fail));
        }),
      caller,
    );
  }

  /** A call over the network: one message there, and one back. A caller that crashed hears nothing. */
  #send<T>(call: () => T | Promise<T>, caller: Life = { over: false }): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = () => {
        if (!caller.over) reject(new Lost('no answer'));
      };
      const answer = (value: T) => this.#mail.push({ arrive: () => !caller.over && resolve(value), fail });
      const broke = (error: unknown) => {
        this.#fail(error);
        this.#mail.push({ arrive: fail, fail });
      };
      const arrive = () => {
        new Promise<T>((done) => done(call())).then(answer, broke);
      };
      this.#mail.push({ arrive, fail });
    });
  }

  #durable(shard: number): Durable {
    return this.#durables[shard] as Durable;
  }

  #shard(index: number): LedgerShard {
    return this.#shards[index] as LedgerShard;
  }

  #sum(part: (durable: Durable) => number): number {
    return this.#durables.reduce((sum, durable) => sum + part(durable), 0);
  }
}
