/** The rows of signing secrets: the account's own, and those of its endpoints. Ciphertexts only. SQL only. */

import type { SealedSecret } from './contract.ts';

/** The owner of the account's own secrets. */
export const ACCOUNT_OWNER = '';

/** A signing secret as it is stored. Times in ms since 1970. */
export interface StoredSecret extends SealedSecret {
  /** {@link ACCOUNT_OWNER}, or the endpoint's id. */
  readonly owner: string;
}

interface SecretRow extends Record<string, SqlStorageValue> {
  id: string;
  owner: string;
  scheme: string;
  ciphertext: string;
  expires_at: number | null;
}

const COLUMNS = 'id, owner, scheme, ciphertext, expires_at';

export class SecretRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Those of `v1` first, of each owner and scheme the present one first. Expired ones are among them until they are purged. */
  all(): StoredSecret[] {
    return this.#read(`SELECT ${COLUMNS} FROM signing_secrets ORDER BY scheme, seq DESC`);
  }

  /** Those of an owner that sign at `now` (ms), of one scheme, the present one first. */
  live(owner: string, scheme: SealedSecret['scheme'], now: number): StoredSecret[] {
    return this.#read(
      `SELECT ${COLUMNS} FROM signing_secrets
       WHERE owner = ? AND scheme = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY seq DESC`,
      owner,
      scheme,
      now,
    );
  }

  secret(id: string): StoredSecret | null {
    return this.#read(`SELECT ${COLUMNS} FROM signing_secrets WHERE id = ?`, id)[0] ?? null;
  }

  /** Adds the present secret of its owner and scheme. @throws when the id is taken. */
  insert(secret: Pick<StoredSecret, 'id' | 'owner' | 'scheme' | 'sealed'>, now: number): void {
    this.#sql.exec(
      'INSERT INTO signing_secrets (id, owner, scheme, ciphertext, created_at) VALUES (?, ?, ?, ?, ?)',
      secret.id,
      secret.owner,
      secret.scheme,
      secret.sealed,
      now,
    );
  }

  /** The present secret signs only until `at` (ms). */
  expirePresent(owner: string, scheme: SealedSecret['scheme'], at: number): void {
    this.#sql.exec(
      'UPDATE signing_secrets SET expires_at = ? WHERE owner = ? AND scheme = ? AND expires_at IS NULL',
      at,
      owner,
      scheme,
    );
  }

  /** Replaces a ciphertext, unless it has been replaced since it was read. Returns whether it was. */
  reseal(id: string, before: string, after: string): boolean {
    const written = this.#sql.exec(
      'UPDATE signing_secrets SET ciphertext = ? WHERE id = ? AND ciphertext = ? RETURNING id',
      after,
      id,
      before,
    );
    return written.toArray().length > 0;
  }

  /** Deletes those that signed until `now` (ms) or before. Returns whether there were any. */
  purge(now: number): boolean {
    return (
      this.#sql.exec('DELETE FROM signing_secrets WHERE expires_at <= ? RETURNING id', now).toArray().length >
      0
    );
  }

  dropOwner(owner: string): void {
    this.#sql.exec('DELETE FROM signing_secrets WHERE owner = ?', owner);
  }

  /** When the next one is to be purged, in ms; null when none expires. */
  nextExpiry(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT min(expires_at) AS at FROM signing_secrets').one()
      .at;
  }

  #read(query: string, ...bindings: SqlStorageValue[]): StoredSecret[] {
    return this.#sql
      .exec<SecretRow>(query, ...bindings)
      .toArray()
      .map(({ ciphertext, expires_at: expiresAt, ...row }) => ({
        id: row.id,
        owner: row.owner,
        scheme: row.scheme as SealedSecret['scheme'],
        sealed: ciphertext,
        expiresAt,
      }));
  }
}
