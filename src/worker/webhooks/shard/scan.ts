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

/** And at once of each receiver, of which there are a few dozen. */
const SMALL_CHUNK = 64;

const COLUMNS = 'SELECT id, type, receiver, status, created_at FROM deliveries';
/** The index has these alone. It is named, so that a query that cannot use it fails instead of reading all there is. */
const BY_INDEX = `INDEXED BY deliveries_undelivered WHERE status IN ('failed', 'held')`;
const UNDELIVERED = `${COLUMNS} ${BY_INDEX}`;
const UNDELIVERED_TO = `SELECT receiver FROM deliveries ${BY_INDEX}`;

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

  /**
   * As {@link newest}, only those that failed or are held, of one receiver or of all; reads no others.
   * @param receiver absent: of all.
   */
  newestUndelivered(from: string, end: string, receiver?: string): Generator<Glance> {
    const receivers = receiver === undefined ? this.#receivers() : [receiver];
    return merged(receivers.map((one) => this.#newestUndeliveredTo(one, from, end)));
  }

  /** The next deliveries to a receiver after the id `after` that failed or are held, oldest first; reads no others. */
  oldestUndelivered(receiver: string, after: string, limit: number): Glance[] {
    return this.#sql
      .exec<GlanceRow>(
        `${UNDELIVERED} AND receiver = ? AND id > ? ORDER BY id LIMIT ?`,
        receiver,
        after,
        limit,
      )
      .toArray()
      .map(glanceOf);
  }

  *#newestUndeliveredTo(receiver: string, from: string, end: string): Generator<Glance> {
    for (let below = end; ; ) {
      const rows = this.#sql
        .exec<GlanceRow>(
          `${UNDELIVERED} AND receiver = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?`,
          receiver,
          from,
          below,
          SMALL_CHUNK,
        )
        .toArray();
      yield* rows.map(glanceOf);
      const last = rows.at(-1);
      if (!last || rows.length < SMALL_CHUNK) return;
      below = last.id;
    }
  }

  /** The receivers that something did not arrive at: a look into the index for each. */
  #receivers(): string[] {
    const receivers: string[] = [];
    for (let last = ''; ; ) {
      const [row] = this.#sql
        .exec<{ receiver: string }>(`${UNDELIVERED_TO} AND receiver > ? ORDER BY receiver LIMIT 1`, last)
        .toArray();
      if (!row) return receivers;
      last = row.receiver;
      receivers.push(last);
    }
  }
}

/** Several walks as one, newest first. */
function* merged(walks: readonly Generator<Glance>[]): Generator<Glance> {
  const heads = walks.map((walk) => ({ walk, glance: nextOf(walk) }));
  for (;;) {
    let newest = heads[0];
    for (const head of heads) if ((head.glance?.id ?? '') > (newest?.glance?.id ?? '')) newest = head;
    if (!newest?.glance) return;
    yield newest.glance;
    newest.glance = nextOf(newest.walk);
  }
}

function nextOf(walk: Generator<Glance>): Glance | null {
  const { done, value } = walk.next();
  return done ? null : value;
}
