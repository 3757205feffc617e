/** Events about the account, and tests, as the shard that delivers them keeps them. Synchronous. */

import * as z from 'zod';
import type { EventType } from '../types.ts';

/** An event whose data is its own, and not that of a job or an upload link. */
export interface StoredNotice {
  /** A minted `evt` id of this shard. */
  readonly id: string;
  readonly type: EventType;
  /** When it happened, in ms. */
  readonly at: number;
  /** An example that the endpoint's owner asked for: tried once. */
  readonly test: boolean;
  /** The event's `data`. */
  readonly data: Readonly<Record<string, unknown>>;
}

interface NoticeRow extends Record<string, SqlStorageValue> {
  id: string;
  type: string;
  at: number;
  test: number;
  data: string;
}

const Data = z.record(z.string(), z.unknown());

export class NoticeRows {
  readonly #sql: SqlStorage;
  readonly #ready: () => boolean;

  constructor(sql: SqlStorage, ready: () => boolean) {
    this.#sql = sql;
    this.#ready = ready;
  }

  get(id: string): StoredNotice | null {
    if (!this.#ready()) return null;
    const [row] = this.#sql.exec<NoticeRow>('SELECT * FROM notices WHERE id = ?', id).toArray();
    if (!row) return null;
    const data = Data.parse(JSON.parse(row.data));
    return { id: row.id, type: row.type as EventType, at: row.at, test: row.test === 1, data };
  }

  /** False, and nothing written, when it is there already. */
  insert({ id, type, at, test, data }: StoredNotice): boolean {
    const inserted = this.#sql.exec(
      'INSERT INTO notices (id, type, at, test, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      id,
      type,
      at,
      test ? 1 : 0,
      JSON.stringify(data),
    );
    return inserted.rowsWritten > 0;
  }

  /** Notices minted before the id `before`, oldest first. */
  before(before: string, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>('SELECT id FROM notices WHERE id < ? ORDER BY id LIMIT ?', before, limit)
      .toArray()
      .map(({ id }) => id);
  }

  /** The oldest one, or null. */
  oldest(): string | null {
    return this.before('evt_~', 1)[0] ?? null;
  }

  drop(id: string): void {
    this.#sql.exec('DELETE FROM notices WHERE id = ?', id);
  }
}
