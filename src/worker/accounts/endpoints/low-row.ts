/** What the account's row says about the event `credits.low`. SQL only. */

/** Credits, and ms since 1970. */
export interface LowState {
  /** Null: no event. */
  readonly threshold: number | null;
  /** Whether the event is sent when so few are available; else it was, and none came since. */
  readonly armed: boolean;
  /** When the exact balance is to be read; null when there is no reason to. */
  readonly checkAt: number | null;
}

export class LowRow {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** There must be an account. */
  read(): LowState {
    const row = this.#sql
      .exec<{ threshold: number | null; armed: number; checkAt: number | null }>(
        `SELECT credits_low_threshold AS threshold, credits_low_armed AS armed, credits_low_check_at AS checkAt
         FROM account`,
      )
      .one();
    return { ...row, armed: row.armed === 1 };
  }

  setThreshold(threshold: number | null): void {
    this.#sql.exec('UPDATE account SET credits_low_threshold = ?', threshold);
  }

  setArmed(armed: boolean): void {
    this.#sql.exec('UPDATE account SET credits_low_armed = ?', armed ? 1 : 0);
  }

  setCheckAt(at: number | null): void {
    this.#sql.exec('UPDATE account SET credits_low_check_at = ?', at);
  }
}
