/** The rows of recoveries under way. Synchronous. */

/** Takes up what failed to be delivered to an endpoint in a time. */
export interface StoredRecovery {
  readonly endpoint: string;
  /** Events from then on, and up to and with `until`, in ms. */
  readonly since: number;
  readonly until: number;
  /** Deliveries with ids after this are still to be looked at. */
  readonly cursor: string;
  /** Whether it was asked for again since this walk began: then there is another one. */
  readonly again: boolean;
}

interface RecoveryRow extends Record<string, SqlStorageValue> {
  endpoint: string;
  since: number;
  until: number;
  cursor: string;
  again: number;
}

export class RecoveryRows {
  readonly #sql: SqlStorage;

  /** @param sql of a shard whose schema is there whenever it is asked. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(endpoint: string): StoredRecovery | null {
    const [row] = this.#sql
      .exec<RecoveryRow>('SELECT * FROM recoveries WHERE endpoint = ?', endpoint)
      .toArray();
    return row ? { ...row, again: row.again === 1 } : null;
  }

  put({ endpoint, since, until, cursor, again }: StoredRecovery): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO recoveries (endpoint, since, until, cursor, again) VALUES (?, ?, ?, ?, ?)',
      endpoint,
      since,
      until,
      cursor,
      again ? 1 : 0,
    );
  }

  drop(endpoint: string): void {
    this.#sql.exec('DELETE FROM recoveries WHERE endpoint = ?', endpoint);
  }
}
