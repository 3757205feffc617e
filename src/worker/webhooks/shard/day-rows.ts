/** What became of the tries to each endpoint, a row a day. Synchronous. */

import { type EndpointStats, STATS_DAYS } from '../contract.ts';

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
      `INSERT INTO endpoint_days (day, endpoint, delivered, failed, duration_ms, delivered_at)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (day, endpoint) DO UPDATE SET delivered = delivered + excluded.delivered,
         failed = failed + excluded.failed, duration_ms = duration_ms + excluded.duration_ms,
         delivered_at = coalesce(excluded.delivered_at, delivered_at)`,
      dayOf(at),
      endpointId,
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
        'SELECT day, delivered, failed, duration_ms FROM endpoint_days WHERE day > ? AND endpoint = ? ORDER BY day',
        dayOf(now) - count,
        endpointId,
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
    const [row] = this.#sql
      .exec<{ at: number }>(
        `SELECT delivered_at AS at FROM endpoint_days WHERE endpoint = ? AND delivered_at IS NOT NULL
         ORDER BY day DESC LIMIT 1`,
        endpointId,
      )
      .toArray();
    return row?.at ?? null;
  }

  /** Forgets days that are kept no longer. */
  forgetBefore(now: number): void {
    this.#sql.exec('DELETE FROM endpoint_days WHERE day <= ?', dayOf(now) - STATS_DAYS);
  }

  /** When the first day that there is will be forgotten, in ms; null when there is none. Reads one row. */
  nextForgetAt(): number | null {
    const { day } = this.#sql.exec<{ day: number | null }>('SELECT MIN(day) AS day FROM endpoint_days').one();
    return day === null ? null : (day + STATS_DAYS) * DAY_MS;
  }
}
