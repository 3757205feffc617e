/** Walks over the shard's deliveries without reading their logs, which are most of what is stored. */

import type { DeliveryStatus } from '../contract.ts';
import type { EventType } from '../types.ts';

/** What a walk tells of a delivery: all but the log of its tries. */
export interface Glance {
  readonly id: string;
  readonly type: EventType;
  readonly receiver: string;
  readonly status: DeliveryStatus;
  readonly createdAt: number;
}

/** Rows read at once: a page without a filter ends within the first. */
const CHUNK = 256;

const COLUMNS = 'SELECT id, type, receiver, status, created_at FROM deliveries';

interface GlanceRow extends Record<string, SqlStorageValue> {
  id: string;
  type: string;
  receiver: string;
  status: string;
  created_at: number;
}

function glanceOf(row: GlanceRow): Glance {
  return {
    id: row.id,
    type: row.type as EventType,
    receiver: row.receiver,
    status: row.status as DeliveryStatus,
    createdAt: row.created_at,
  };
}

export class Scan {
  readonly #sql: SqlStorage;

  /** @param sql of a shard whose schema is there whenever it is asked. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Deliveries from the id `from` up to `end`, without it, newest first. */
  *newest(from: string, end: string): Generator<Glance> {
    for (let below = end; ; ) {
      const rows = this.#sql
        .exec<GlanceRow>(`${COLUMNS} WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?`, from, below, CHUNK)
        .toArray();
      yield* rows.map(glanceOf);
      const last = rows.at(-1);
      if (!last || rows.length < CHUNK) return;
      below = last.id;
    }
  }

  /** The next deliveries after the id `after`, oldest first. */
  oldest(after: string, limit: number): Glance[] {
    return this.#sql
      .exec<GlanceRow>(`${COLUMNS} WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
      .toArray()
      .map(glanceOf);
  }
}
