/** The directory's rows. SQL only; the rule of the epochs is in {@link DirectoryStore.note}. */

import { migrate, upgrade } from '../migrate.ts';
import type { ListedAccount, Mark, RegisterRequest } from './contract.ts';
import { DIRECTORY_MIGRATIONS } from './migrations.ts';

type AccountColumns = { seq: number; id: string; reference: string; name: string; created_at: number };

function accountOf(row: AccountColumns): ListedAccount {
  return { id: row.id, reference: row.reference, name: row.name, createdAt: row.created_at };
}

export class DirectoryStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #made: boolean;

  /** Upgrades an older schema; makes none. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#made = upgrade(storage, DIRECTORY_MIGRATIONS);
  }

  /** Whether anything was ever written here. Reads on a directory without a schema fail: ask this first. */
  get made(): boolean {
    return this.#made;
  }

  /** Makes the schema before the first write. */
  make(): void {
    if (this.#made) return;
    migrate(this.#storage, DIRECTORY_MIGRATIONS);
    this.#made = true;
  }

  /**
   * Books a mark or an unmark. Of all messages of a shard the one with the highest epoch counts, and of one epoch the
   * unmark, since a shard leaves an epoch once and for good. So it does not matter in which order they come, nor how
   * often: what a shard said last wins.
   */
  note({ shard, epoch, wakeAt }: Mark, listed: boolean): void {
    this.#sql.exec(
      `INSERT INTO shards (name, epoch, listed, served_at, claimed_until, wake_at) VALUES (?1, ?2, ?3, 0, 0, ?4)
       ON CONFLICT (name) DO UPDATE SET epoch = ?2, listed = ?3, wake_at = ?4
       WHERE epoch < ?2 OR (epoch = ?2 AND listed > ?3)`,
      shard,
      epoch,
      listed ? 1 : 0,
      wakeAt ?? null,
    );
  }

  /** How many shards are listed. */
  listed(): number {
    return this.#sql.exec<{ n: number }>('SELECT count(*) AS n FROM shards WHERE listed = 1').one().n;
  }

  /** Claims shards that are listed or want to be woken, and that no running sweep has; longest unserved first. */
  claim(limit: number, now: number, until: number): string[] {
    const shards = this.#sql
      .exec<{ name: string }>(
        `SELECT name FROM shards WHERE (listed = 1 OR wake_at <= ?1) AND claimed_until <= ?1
         ORDER BY served_at, name LIMIT ?2`,
        now,
        limit,
      )
      .toArray()
      .map((row) => row.name);
    this.#sql.exec(
      'UPDATE shards SET claimed_until = ? WHERE name IN (SELECT value FROM json_each(?))',
      until,
      JSON.stringify(shards),
    );
    return shards;
  }

  /** These shards had their turn; their claims end. */
  served(shards: readonly string[], now: number): void {
    this.#sql.exec(
      `UPDATE shards SET served_at = max(served_at, ?), claimed_until = 0
       WHERE name IN (SELECT value FROM json_each(?))`,
      now,
      JSON.stringify(shards),
    );
  }

  /** The account registered under a reference, or with an id. */
  account(by: { readonly reference: string } | { readonly id: string }): ListedAccount | null {
    const column = 'id' in by ? 'id' : 'reference';
    const [row] = this.#sql
      .exec<AccountColumns>(`SELECT * FROM accounts WHERE ${column} = ?`, 'id' in by ? by.id : by.reference)
      .toArray();
    return row ? accountOf(row) : null;
  }

  insertAccount(request: RegisterRequest, now: number): void {
    this.#sql.exec(
      'INSERT INTO accounts (id, reference, name, created_at) VALUES (?, ?, ?, ?)',
      request.id,
      request.reference,
      request.name,
      now,
    );
  }

  /** Up to `limit` accounts made after the one with sequence number `after`, and the number of the last of them. */
  accountsAfter(after: number, limit: number): { accounts: ListedAccount[]; last: number } {
    const rows = this.#sql
      .exec<AccountColumns>('SELECT * FROM accounts WHERE seq > ? ORDER BY seq LIMIT ?', after, limit)
      .toArray();
    return { accounts: rows.map(accountOf), last: rows.at(-1)?.seq ?? after };
  }
}
