/**
 * Who gets in: submits meet the shard's float here, in order, and wait together when it has to be filled first.
 *
 * A submit that the float covers is one transaction and asks nobody. Otherwise it waits; one lease at a time carries
 * the whole need of all that wait, and the grant is booked and the waiting admitted in one transaction (invariant 12).
 * Only an account that looked everywhere and found nothing makes a 402; one that cannot be reached makes a 503.
 */

import type { AccountForShard, LeaseOutcome } from '../accounts/contract.ts';
import { floatOf, receive, totalsOf } from '../accounts/float.ts';
import { refusalStands } from '../accounts/lease.ts';
import { callTwice } from '../calls.ts';
import type { Outbox } from '../webhooks/shard/outbox.ts';
import type { CheckOutcome, SubmitCommand, SubmitOutcome } from './contract.ts';
import { SETTLE_KEY } from './due.ts';
import { type Entrant, Intake, type Outcome } from './intake.ts';
import { FLOAT_IDLE_MS, LEASE_JOBS, LOW_FLOAT_JOBS, REFILL_PAUSE_MS } from './schedule.ts';
import type { JobStore } from './store.ts';

interface Waiting {
  readonly request: Entrant;
  readonly settle: (outcome: Outcome) => void;
}

export interface AdmissionDeps {
  readonly store: JobStore;
  readonly outbox: Outbox;
  /** This shard's object name. */
  readonly shard: string;
  /** A fresh stub on every call: one that has thrown stays broken. */
  readonly account: () => AccountForShard;
  readonly now: () => number;
  /** How long after its submit a job's data is kept, in ms. */
  readonly retentionMs: number;
  /** Called after a commit that planned work. */
  readonly onWork: () => void;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** Seconds after which a submit that met an unreachable account is worth repeating. */
const RETRY_AFTER_S = 2;
/** Nobody could say whether there is credit. */
const UNSETTLED = { kind: 'unavailable', part: 'credits', retryAfter: RETRY_AFTER_S } as const;
/** Leases in a row that neither covered the need nor made a refusal true, because credits were on their way. */
const MAX_UNSETTLED = 5;
/** Who has waited this long is told so, and is out of the queue: nothing may be taken in that nobody hears of. */
const MAX_WAIT_MS = 60_000;
/** Longer than the account's own recall rounds may take. */
const LEASE_TIMEOUT_MS = 30_000;

export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #intake: Intake;
  readonly #waiting: Waiting[] = [];
  #leasing = false;
  #refillAfter = 0;
  /** Credits that the last lease brought: what the account thinks this shard may have, by its use and what is left. */
  #lastLease = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#intake = new Intake(deps);
  }

  /** Admits a submit, or says why not. Idempotent by job id and by Idempotency-Key. */
  async submit(command: SubmitCommand): Promise<SubmitOutcome> {
    return (await this.#enter({ kind: 'submit', command })) as SubmitOutcome;
  }

  /** Whether a submit of this price would be admitted now. */
  async check(credits: number): Promise<CheckOutcome> {
    return (await this.#enter({ kind: 'check', credits })) as CheckOutcome;
  }

  #enter(request: Entrant): Outcome | Promise<Outcome> {
    if (this.#waiting.length === 0) {
      const outcome = this.#deps.store.transaction(() => this.#intake.tryAdmit(request));
      if (outcome) {
        this.#admitted(outcome);
        return outcome;
      }
    } else if (request.kind === 'submit') {
      // What was taken in before needs no credit, and waits for nobody who does.
      const earlier = this.#intake.earlier(request.command);
      if (earlier) return earlier;
    }
    return new Promise((resolve) => {
      const settle = (outcome: Outcome): void => {
        clearTimeout(patience);
        resolve(outcome);
      };
      const waiting: Waiting = { request, settle };
      const patience = setTimeout(() => this.#settleAll([waiting], () => UNSETTLED), MAX_WAIT_MS);
      this.#waiting.push(waiting);
      if (!this.#leasing) void this.#leaseForWaiting();
    });
  }

  /**
   * Books what the account says it has leased so far, and admits from the front of the queue what now fits. In a
   * transaction with whatever `then` does with the float that is left.
   */
  grant<T>(leased: number, then: () => T): T {
    const { store } = this.#deps;
    const outcomes: Outcome[] = [];
    const result = store.transaction(() => {
      this.#receive(leased);
      for (const { request } of this.#waiting) {
        const outcome = this.#intake.tryAdmit(request);
        if (!outcome) break;
        outcomes.push(outcome);
      }
      return then();
    });
    // Only now: had the transaction been rolled back, they would all be waiting still.
    for (const [index, { settle }] of this.#waiting.splice(0, outcomes.length).entries()) {
      settle(outcomes[index] as Outcome);
    }
    if (outcomes.length > 0) this.#deps.onWork();
    return result;
  }

  /** {@link grant} for an answer of the account, which also says what it has booked of our returns. */
  book(
    answer: { readonly leased: number; readonly returnedSeen: number },
    then = (): void => undefined,
  ): void {
    this.grant(answer.leased, () => {
      const row = this.#deps.store.book();
      const { returnedSeen } = answer;
      if (returnedSeen > row.returnedSeen) this.#deps.store.writeBook({ ...row, returnedSeen });
      then();
    });
  }

  #receive(leased: number): void {
    const row = this.#deps.store.book();
    const book = receive(row.book, leased);
    if (book === row.book) return;
    this.#lastLease = book.received - row.book.received;
    this.#deps.store.writeBook({ ...row, book });
    this.#deps.store.due.planSooner(SETTLE_KEY, 'settle', this.#deps.now() + FLOAT_IDLE_MS);
  }

  #admitted(outcome: Outcome): void {
    if (outcome.kind !== 'accepted' || outcome.replayed) return;
    this.#deps.onWork();
    this.#refillWhenLow();
  }

  /** Leases for everybody who waits, until nobody does. One lease at a time. */
  async #leaseForWaiting(): Promise<void> {
    this.#leasing = true;
    try {
      for (let unsettled = 0; this.#waiting.length > 0; ) {
        const served = [...this.#waiting];
        const outcome = await this.#lease(this.#need());
        if (outcome.kind === 'leased') {
          this.book(outcome);
          const unmet = served.some((waiting) => this.#waiting.includes(waiting));
          unsettled = unmet ? unsettled + 1 : 0;
          if (unmet && refusalStands(this.#deps.store.book().book, outcome)) {
            this.#refuse(served, outcome.available);
            unsettled = 0;
          } else if (unsettled >= MAX_UNSETTLED) {
            this.#settleAll(served, () => UNSETTLED);
            unsettled = 0;
          }
        } else {
          this.grant(0, () => undefined);
          this.#settleAll(served, () =>
            outcome.kind === 'unknown_account' ? { kind: 'unauthorized' } : UNSETTLED,
          );
        }
      }
    } catch (cause) {
      // A transaction that threw is a bug or a broken disk. Who waits must hear of it, and may repeat.
      this.#deps.log({ event: 'admission_failed', waiting: this.#waiting.length, cause: String(cause) });
      this.#settleAll([...this.#waiting], () => ({
        kind: 'unavailable',
        part: 'jobs',
        retryAfter: RETRY_AFTER_S,
      }));
    } finally {
      this.#leasing = false;
    }
  }

  /**
   * The account looked everywhere: of those it looked for, each that still does not fit is refused, and those behind
   * it that fit are admitted. Who came after the lease was asked for waits for the next.
   */
  #refuse(served: readonly Waiting[], available: number): void {
    for (const waiting of served) {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) continue;
      const { request } = waiting;
      const outcome = this.#deps.store.transaction(() => this.#intake.tryAdmit(request));
      this.#waiting.splice(index, 1);
      if (outcome) this.#admitted(outcome);
      const required = request.kind === 'submit' ? request.command.credits : request.credits;
      const balance = available + floatOf(this.#deps.store.book().book);
      waiting.settle(outcome ?? { kind: 'insufficient', required, balance });
    }
  }

  #settleAll(served: readonly Waiting[], outcome: () => Outcome): void {
    for (const waiting of served) {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) continue;
      this.#waiting.splice(index, 1);
      waiting.settle(outcome());
    }
  }

  /** Credits that the waiting need beyond the float. Submits under one Idempotency-Key, or of one upload, are one job. */
  #need(): number {
    const keys = new Set<string>();
    let credits = 0;
    for (const { request } of this.#waiting) {
      if (request.kind === 'check') {
        credits = Math.max(credits, request.credits);
        continue;
      }
      const { idempotency, uploadId, jobId } = request.command;
      const key = idempotency?.key ?? uploadId ?? jobId;
      if (!keys.has(key)) credits += request.command.credits;
      keys.add(key);
    }
    return Math.max(0, credits - floatOf(this.#deps.store.book().book));
  }

  /** Asks once, and once more with a fresh stub when the answer was lost: cumulative totals make that safe. */
  async #lease(need: number): Promise<LeaseOutcome> {
    const { store, shard, account, log } = this.#deps;
    const row = store.book();
    const price = row.lastPrice || need;
    const want = Math.max(LEASE_JOBS * price, row.hourUsed);
    try {
      return await callTwice(LEASE_TIMEOUT_MS, () =>
        account().lease({ shard, totals: totalsOf(store.book().book), need, want }),
      );
    } catch (cause) {
      log({ event: 'lease_failed', need, cause: String(cause) });
      return { kind: 'unreachable' };
    }
  }

  /** Fills a low float behind the back of a submit that it still covered, so that the next one is covered too. */
  #refillWhenLow(): void {
    const { store, now } = this.#deps;
    const row = store.book();
    // Half a lease is left while the next one crosses an ocean, so that whoever comes meanwhile need not wait for it.
    const low = Math.max(LOW_FLOAT_JOBS * row.lastPrice, this.#lastLease / 2);
    if (this.#leasing || now() < this.#refillAfter || floatOf(row.book) >= low) return;
    this.#leasing = true;
    void this.#lease(0)
      .then((outcome) => {
        const before = store.book().book.received;
        if (outcome.kind === 'leased') this.book(outcome);
        if (store.book().book.received === before) this.#refillAfter = now() + REFILL_PAUSE_MS;
      })
      .catch((cause: unknown) => this.#deps.log({ event: 'refill_failed', cause: String(cause) }))
      .finally(() => {
        this.#leasing = false;
        if (this.#waiting.length > 0) void this.#leaseForWaiting();
      });
  }
}
