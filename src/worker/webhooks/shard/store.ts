/** The shard's rows of deliveries. Synchronous; the caller groups what belongs together in one transaction. */

import type { DeliveryReason, DeliveryStatus } from '../contract.ts';
import { deliveryPrefix, type Moment, type Receiver, readDeliveryId } from '../ids.ts';
import type { EventType } from '../types.ts';
import { type LoggedAttempt, readAttempts } from './records.ts';

/** An event on its way to one receiver. */
export interface StoredDelivery {
  /** What it is about, at which moment, and who receives it, is in the id: `readDeliveryId`. */
  readonly id: string;
  readonly type: EventType;
  readonly receiver: Receiver;
  /** Where the subject's own `webhook_url` points; null for an endpoint, whose address is the replica's. */
  readonly url: string | null;
  readonly status: DeliveryStatus;
  readonly reason: DeliveryReason | null;
  readonly createdAt: number;
  /** Tries of the running schedule. */
  readonly tries: number;
  /** Whether the next try was asked for by a resend or a recovery. */
  readonly manual: boolean;
  readonly attempts: readonly LoggedAttempt[];
}

/** A row of the table. */
export interface DeliveryRow extends Record<string, SqlStorageValue> {
  id: string;
  type: string;
  receiver: string;
  url: string | null;
  status: string;
  reason: string | null;
  created_at: number;
  tries: number;
  manual: number;
  attempts: string;
}

/** A delivery from its row. */
export function deliveryOf(row: DeliveryRow): StoredDelivery {
  return {
    id: row.id,
    type: row.type as EventType,
    receiver: row.receiver,
    url: row.url,
    status: row.status as DeliveryStatus,
    reason: row.reason as DeliveryReason | null,
    createdAt: row.created_at,
    tries: row.tries,
    manual: row.manual === 1,
    attempts: readAttempts(row.attempts),
  };
}

export class DeliveryStore {
  readonly #sql: SqlStorage;
  readonly #ready: () => boolean;

  constructor(sql: SqlStorage, ready: () => boolean) {
    this.#sql = sql;
    this.#ready = ready;
  }

  get(id: string): StoredDelivery | null {
    if (!this.#ready()) return null;
    const [row] = this.#sql.exec<DeliveryRow>('SELECT * FROM deliveries WHERE id = ?', id).toArray();
    return row ? deliveryOf(row) : null;
  }

  /** False, and nothing written, when it is there already. */
  insert(delivery: StoredDelivery): boolean {
    const inserted = this.#sql.exec(
      `INSERT INTO deliveries (id, type, receiver, url, status, reason, created_at, tries, manual, attempts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      delivery.id,
      delivery.type,
      delivery.receiver,
      delivery.url,
      delivery.status,
      delivery.reason,
      delivery.createdAt,
      delivery.tries,
      delivery.manual ? 1 : 0,
      JSON.stringify(delivery.attempts),
    );
    return inserted.rowsWritten > 0;
  }

  /** Writes what changes in the life of a delivery. */
  update({ id, status, reason, tries, manual, attempts }: StoredDelivery): void {
    this.#sql.exec(
      'UPDATE deliveries SET status = ?, reason = ?, tries = ?, manual = ?, attempts = ? WHERE id = ?',
      status,
      reason,
      tries,
      manual ? 1 : 0,
      JSON.stringify(attempts),
      id,
    );
  }

  /** Begins the schedule anew, as asked for. What was tried stays in the log. */
  again(id: string): void {
    this.#sql.exec(
      `UPDATE deliveries SET status = 'pending', reason = NULL, tries = 0, manual = 1 WHERE id = ?`,
      id,
    );
  }

  /** Whether an earlier event of the same subject still waits for its first try to the same receiver. */
  hasEarlierUntried(aboutId: string, moment: Moment, receiver: Receiver): boolean {
    const prefix = deliveryPrefix(aboutId);
    return (
      this.#sql
        .exec(
          `SELECT 1 FROM deliveries WHERE id >= ? AND id < ? AND receiver = ? AND status = 'pending' AND tries = 0 LIMIT 1`,
          prefix,
          prefix + moment,
          receiver,
        )
        .toArray().length > 0
    );
  }

  /** The next event of the same subject to the same receiver that still waits for its first try, or null. */
  nextUntried(id: string): string | null {
    const name = readDeliveryId(id);
    if (!name) throw new TypeError('not a delivery id');
    const [row] = this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM deliveries WHERE id > ? AND id < ? AND receiver = ? AND status = 'pending' AND tries = 0
         ORDER BY id LIMIT 1`,
        id,
        `${deliveryPrefix(name.aboutId)}~`,
        name.receiver,
      )
      .toArray();
    return row?.id ?? null;
  }

  /** The deliveries about one thing that are still to be tried. */
  pendingAbout(aboutId: string): string[] {
    const prefix = deliveryPrefix(aboutId);
    return this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM deliveries WHERE id >= ? AND id < ? AND status = 'pending' ORDER BY id`,
        prefix,
        `${prefix}~`,
      )
      .toArray()
      .map((row) => row.id);
  }

  /** Forgets all deliveries about one thing. */
  dropAbout(aboutId: string): void {
    const prefix = deliveryPrefix(aboutId);
    this.#sql.exec('DELETE FROM deliveries WHERE id >= ? AND id < ?', prefix, `${prefix}~`);
  }
}
