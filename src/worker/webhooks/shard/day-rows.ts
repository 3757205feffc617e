/** What became of the tries to each endpoint, a row a day. Synchronous. */

import type { EndpointStats } from '../contract.ts';

/** A try that has ended. */
export interface DayEntry {
  readonly endpointId: string;
  /** When it had ended, in ms. */
  readonly at: number;
  readonly delivered: boolean;
  readonly durationMs: number;
}

interface DayRow extends Record<string, SqlStorageValue> {
  day: number;
  delivered: number;
  failed: number;
  duration_ms: number;
}

const DAY_MS = 86_400_000;
/** Days that are kept, the present one included: as many as the API tells of. */
export const DAYS_KEPT = 90;

/** Days since 1970 (UTC). */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

export class DayRows {
  readonly #sql: SqlStorage;
  readonly #ready: () => boolean;

  constructor(sql: SqlStorage, ready: () => boolean) {
    this.#sql = sql;
    this.#ready = ready;
  }

  /** Counts a try: one row written. */
  add({ endpointId, at, delivered, durationMs }: DayEntry): void {
    this.#sql.exec(
      `INSERT INTO endpoint_days (endpoint, day, delivered, failed, duration_ms, delivered_at)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (endpoint, day) DO UPDATE SET delivered = delivered + excluded.delivered,
         failed = failed + excluded.failed, duration_ms = duration_ms + excluded.duration_ms,
         delivered_at = coalesce(excluded.delivered_at, delivered_at)`,
      endpointId,
      dayOf(at),
      delivered ? 1 : 0,
      delivered ? 0 : 1,
      Math.round(durationMs),
      delivered ? at : null,
    );
  }

  /** The last `count` UTC days that had tries to the endpoint, the present one (of `now`, in ms) included; oldest first. */
  last(count: number, endpointId: string, now: number): EndpointStats['days'] {
    if (!this.#ready()) return [];
    return this.#sql
      .exec<DayRow>(
        'SELECT day, delivered, failed, duration_ms FROM endpoint_days WHERE endpoint = ? AND day > ? ORDER BY day',
        endpointId,
        dayOf(now) - count,
      )
      .toArray()
      .map(({ day, delivered, failed, duration_ms }) => ({
        day,
        delivered,
        failed,
        durationMs: duration_ms,
      }));
  }

  /** When the endpoint last took an event, in ms; null when it never did, or longer ago than days are kept. */
  deliveredAt(endpointId: string): number | null {
    if (!this.#ready()) return null;
    return this.#sql
      .exec<{ at: number | null }>(
        'SELECT MAX(delivered_at) AS at FROM endpoint_days WHERE endpoint = ?',
        endpointId,
      )
      .one().at;
  }

  /** Forgets days that are kept no longer. */
  forgetBefore(now: number): void {
    this.#sql.exec('DELETE FROM endpoint_days WHERE day <= ?', dayOf(now) - DAYS_KEPT);
  }

  /** When the first day that there is will be forgotten, in ms; null when there is none. */
  nextForgetAt(): number | null {
    const { day } = this.#sql.exec<{ day: number | null }>('SELECT MIN(day) AS day FROM endpoint_days').one();
    return day === null ? null : (day + DAYS_KEPT) * DAY_MS;
  }
}
