/**
 * The event `credits.low`. Credits that are leased to shards are still available, so only the exact balance tells, and
 * it is read behind the answer: no lease waits for it. That it is to be read is durable; a reading that fails, or dies
 * with the object, is made again by the alarm.
 */

import type { AccountSummary } from '../contract.ts';
import { homeOf } from '../lease.ts';
import type { AccountStore } from '../store.ts';
import type { TellerBook } from '../teller.ts';
import type { AccountSettings, SettingsOutcome } from './contract.ts';
import { decideLow, mayBeLow } from './low.ts';
import type { LowRow } from './low-row.ts';
import type { Notices } from './notices.ts';

export interface CreditsLowDeps {
  readonly store: AccountStore;
  readonly row: LowRow;
  readonly book: TellerBook;
  readonly notices: Notices;
  /** The balance over all shards; null when one that may have credits cannot be reached. */
  readonly balance: () => Promise<AccountSummary['credits'] | null>;
  /** Tells all shards that have still to hear, and sets the alarm. */
  readonly push: () => Promise<unknown>;
  /** Sets the alarm. */
  readonly arm: () => Promise<void>;
  /** Lets a promise run on behind the answer. */
  readonly background: (work: Promise<unknown>) => void;
  readonly now: () => number;
}

/** A reading that has not come to its end is made again after this long, in ms. Longer than five rounds of nine regions. */
const CHECK_AGAIN_MS = 120_000;

export class CreditsLow {
  readonly #deps: CreditsLowDeps;
  #checking = false;
  /** Something happened since the reading under way began. */
  #again = false;

  constructor(deps: CreditsLowDeps) {
    this.#deps = deps;
  }

  /** When the next reading is due, in ms; null when none is. */
  get dueAt(): number | null {
    return this.#deps.row.read().checkAt;
  }

  settings(): SettingsOutcome {
    if (!this.#deps.store.account()) return { kind: 'unknown_account' };
    return { kind: 'found', settings: { creditsLowThreshold: this.#deps.row.read().threshold } };
  }

  /**
   * Sets the threshold. An account that has no more already hears of it now, unless it has heard of it before.
   * @throws {RangeError} for no amount of credits.
   */
  update({ creditsLowThreshold: threshold }: Partial<AccountSettings>): SettingsOutcome {
    const { store, row } = this.#deps;
    if (threshold != null && (!Number.isSafeInteger(threshold) || threshold < 0)) {
      throw new RangeError('not an amount of credits');
    }
    if (!store.account()) return { kind: 'unknown_account' };
    if (threshold !== undefined) row.setThreshold(threshold);
    if (threshold != null) this.#plan();
    return this.settings();
  }

  /** Credits have left the account, or come to it from a shard. Reads the balance if they may be few now. */
  moved(): void {
    const { store, row, book } = this.#deps;
    if (!store.account()) return;
    if (mayBeLow(row.read(), () => homeOf(book.read()))) this.#plan();
  }

  /** Credits have been granted: what is available may be above the threshold again. */
  granted(): void {
    const { row, book } = this.#deps;
    const { threshold, armed } = row.read();
    if (threshold === null || armed) return;
    if (homeOf(book.read()) > threshold) row.setArmed(true);
    else this.#plan();
  }

  /** The alarm's run: the reading that is due by `now` (ms), if there is one. */
  async runDue(now: number): Promise<void> {
    const { dueAt } = this;
    if (dueAt === null || dueAt > now) return;
    this.#deps.row.setCheckAt(now + CHECK_AGAIN_MS);
    await this.#run();
  }

  #plan(): void {
    const { row, background, now } = this.#deps;
    row.setCheckAt(now() + CHECK_AGAIN_MS);
    background(this.#run());
  }

  /** One reading at a time; what happens meanwhile is followed by one more. */
  async #run(): Promise<void> {
    this.#again = true;
    if (this.#checking) return;
    this.#checking = true;
    try {
      await this.#deps.arm();
      while (this.#again) {
        this.#again = false;
        await this.#check();
      }
    } finally {
      this.#checking = false;
    }
  }

  async #check(): Promise<void> {
    const { store, notices, balance, push, now } = this.#deps;
    const account = store.account();
    if (!account) return;
    const noticeId = notices.mintId(account);
    const credits = await balance();
    if (!credits) return;
    const { available } = credits;
    store.transaction(() => {
      const { row } = this.#deps;
      const state = row.read();
      if (!this.#again) row.setCheckAt(null);
      const decision = decideLow(state, available);
      if (decision === 'leave') return;
      row.setArmed(decision === 'arm');
      if (decision === 'arm') return;
      const data = { available, threshold: state.threshold };
      notices.write(account, { id: noticeId, type: 'credits.low', at: now(), data });
    });
    await push();
  }
}
