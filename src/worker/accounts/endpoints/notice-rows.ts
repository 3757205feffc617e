/** Events about the account that its home shard does not have yet. SQL only. */

import type { NoticeType } from '../../webhooks/types.ts';
import type { Notice } from './contract.ts';

interface NoticeRow extends Record<string, SqlStorageValue> {
  id: string;
  type: string;
  at: number;
  data: string;
}

export class NoticeRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The oldest first: ids are ordered by time. */
  all(): Notice[] {
    return this.#sql
      .exec<NoticeRow>('SELECT id, type, at, data FROM notices ORDER BY id')
      .toArray()
      .map((row) => ({ id: row.id, type: row.type as NoticeType, at: row.at, data: JSON.parse(row.data) }));
  }

  /** Adds a notice, which replicas of `version` or a later one have. */
  insert(notice: Notice, version: number): void {
    this.#sql.exec(
      'INSERT INTO notices (id, type, at, data, version) VALUES (?, ?, ?, ?, ?)',
      notice.id,
      notice.type,
      notice.at,
      JSON.stringify(notice.data),
      version,
    );
  }

  /** Deletes the oldest ones but for `count`. Returns how many there were. */
  keepLatest(count: number): number {
    return this.#sql
      .exec(
        'DELETE FROM notices WHERE id IN (SELECT id FROM notices ORDER BY id DESC LIMIT -1 OFFSET ?) RETURNING id',
        count,
      )
      .toArray().length;
  }

  /** The version that the home shard must have to have them all; 0 when there are none. */
  wantedVersion(): number {
    return this.#sql.exec<{ v: number | null }>('SELECT max(version) AS v FROM notices').one().v ?? 0;
  }

  /** The home shard has a replica of `version`, and all notices that were in it. */
  acknowledge(version: number): void {
    this.#sql.exec('DELETE FROM notices WHERE version <= ?', version);
  }
}
