/** The account's rows: identity, keys and grants. The rows of its shards are in shard-rows.ts. SQL only. */

import { migrate, upgrade } from '../migrate.ts';
import type { ReplicaKey } from './contract.ts';
import type { MintedKey } from './keys.ts';
import { ACCOUNT_MIGRATIONS } from './migrations.ts';

/** The account's own row. */
export interface AccountRow {
  readonly id: string;
  readonly name: string;
  readonly reference: string;
  /** Credits, the sum of all grants. */
  readonly granted: number;
  readonly version: number;
  readonly publishedVersion: number;
}

export class AccountStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #made: boolean;

  /** Upgrades an older schema; makes none. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#made = upgrade(storage, ACCOUNT_MIGRATIONS);
  }

  /** All of `work` or nothing. */
  transaction<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  /** The account's row; null when there is no such account. Creates nothing. */
  account(): AccountRow | null {
    if (!this.#made) return null;
    const [row] = this.#sql
      .exec<{
        id: string;
        name: string;
        reference: string;
        granted: number;
        version: number;
        published_version: number;
      }>('SELECT id, name, reference, granted, version, published_version FROM account')
      .toArray();
    if (!row) return null;
    const { published_version: publishedVersion, ...rest } = row;
    return { ...rest, publishedVersion };
  }

  /** Makes the schema and the account's row. */
  insertAccount(row: Pick<AccountRow, 'id' | 'name' | 'reference'>, now: number): void {
    migrate(this.#storage, ACCOUNT_MIGRATIONS);
    this.#sql.exec(
      `INSERT INTO account (only, id, name, reference, created_at, granted, version, published_version)
       VALUES (0, ?, ?, ?, ?, 0, 1, 1)`,
      row.id,
      row.name,
      row.reference,
      now,
    );
    this.#made = true;
  }

  /**
   * A change of what shards replicate: its version. With `publish`, shards that have an older replica must hear of it.
   */
  nextVersion(publish: boolean): number {
    return this.#sql
      .exec<{ version: number }>(
        `UPDATE account SET version = version + 1,
           published_version = CASE WHEN ? THEN version + 1 ELSE published_version END RETURNING version`,
        publish ? 1 : 0,
      )
      .one().version;
  }

  insertKey(id: string, label: string, key: MintedKey, now: number): void {
    this.#sql.exec(
      'INSERT INTO keys (id, hash, name, ring_id, created_at) VALUES (?, ?, ?, ?, ?)',
      id,
      key.hash,
      label,
      key.ringId,
      now,
    );
  }

  /** Whether there is a live key with this hash. */
  hasLiveKey(hash: string): boolean {
    const rows = this.#sql.exec('SELECT 1 FROM keys WHERE hash = ? AND revoked_at IS NULL', hash);
    return rows.toArray().length > 0;
  }

  /** `revoked` when it was live until now. */
  revokeKey(id: string, now: number): 'revoked' | 'already_revoked' | 'unknown' {
    const changed = this.#sql.exec(
      'UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id',
      now,
      id,
    );
    if (changed.toArray().length > 0) return 'revoked';
    const known = this.#sql.exec('SELECT 1 FROM keys WHERE id = ?', id).toArray().length > 0;
    return known ? 'already_revoked' : 'unknown';
  }

  /** The credits granted under a reference, or null. */
  grantOf(reference: string): number | null {
    const [row] = this.#sql
      .exec<{ credits: number }>('SELECT credits FROM grants WHERE reference = ?', reference)
      .toArray();
    return row?.credits ?? null;
  }

  /** Adds a grant. In a transaction. */
  insertGrant(reference: string, credits: number, now: number): void {
    this.#sql.exec(
      'INSERT INTO grants (reference, credits, granted_at) VALUES (?, ?, ?)',
      reference,
      credits,
      now,
    );
    this.#sql.exec('UPDATE account SET granted = granted + ?', credits);
  }

  /** The keys as shards know them, tombstones included. */
  replicaKeys(): ReplicaKey[] {
    return this.#sql
      .exec<{ id: string; hash: string; revoked_at: number | null }>(
        'SELECT id, hash, revoked_at FROM keys ORDER BY id',
      )
      .toArray()
      .map((row) => ({ id: row.id, hash: row.hash, revoked: row.revoked_at !== null }));
  }

  /** Live keys by ring id. */
  liveKeysByRing(): Record<string, number> {
    const rows = this.#sql.exec<{ ring_id: string; n: number }>(
      'SELECT ring_id, count(*) AS n FROM keys WHERE revoked_at IS NULL GROUP BY ring_id',
    );
    return Object.fromEntries(rows.toArray().map((row) => [row.ring_id, row.n]));
  }
}
