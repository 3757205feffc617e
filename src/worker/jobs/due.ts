/**
 * The due table: what is to be done, and when. Work is claimed in a transaction, done outside it, and its outcome is
 * written only if the row still has the version of the claim (compare-and-set), so a callback, a cancel and a poll
 * that cross never overwrite each other. A claim that died with its process becomes due again when it runs out.
 */

import { DUE_KINDS, type DueKind } from './schedule.ts';

/** A claimed piece of work. */
export interface Claim {
  readonly key: string;
  readonly kind: DueKind;
  readonly version: number;
  /** The host that the work goes to, where a customer named it; else empty. */
  readonly lane: string;
}

/**
 * Keys of the due table. A job, an upload link and their deliveries are told apart by their ids; duties of the shard have
 * fixed names.
 */
export const SETTLE_KEY = 'settle';
export const RETAIN_KEY = 'retain';
export const TIDY_KEY = 'tidy';
const REPORT_PREFIX = 'report:';

/** The key of the report that an endpoint is to be disabled. */
export function reportKey(endpointId: string): string {
  return REPORT_PREFIX + endpointId;
}

/** The endpoint of such a key. */
export function endpointOfReport(key: string): string {
  return key.slice(REPORT_PREFIX.length);
}

/** Which lanes work is claimed from. */
export interface LaneFilter {
  readonly except?: readonly string[];
  /** Absent: from all others. */
  readonly only?: readonly string[];
}

/**
 * A row begins at a random version, 2^39 of them and room to count: work that is planned anew under an old key, as a resent
 * delivery is, must not take a claim on what was there before for its own.
 */
export const FIRST_VERSION = 'abs(random() >> 24)';

const PLAN = `
  INSERT INTO due (key, kind, due_at, lane, version) VALUES (?, ?, ?, ?, ${FIRST_VERSION})
  ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, due_at = excluded.due_at, lane = excluded.lane,
    claimed_until = 0, version = version + 1`;

/**
 * By the time that it is due alone. A receiver that is down for days leaves hundreds of thousands of rows that are not due
 * yet: what is looked at in each minute must not read them.
 */
const BY_TIME = 'due INDEXED BY due_by_kind';
const IS_OVERDUE = 'kind IN (SELECT value FROM json_each(?)) AND due_at <= ?';
/** Rows that are looked at to find one that nobody is at: more than are ever claimed of one kind. */
const CLAIMED_AT_ONCE = 8;
const ALL_KINDS = JSON.stringify(DUE_KINDS);

export class DueTable {
  readonly #sql: SqlStorage;
  /** Told of every plan, so that no path can plan work and forget the alarm. */
  onPlan: (at: number) => void = () => undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Plans work, in place of what was planned under this key. Any claim on it loses. */
  plan(key: string, kind: DueKind, at: number, lane = ''): void {
    this.#sql.exec(PLAN, key, kind, at, lane);
    this.onPlan(at);
  }

  /** Plans work unless something is planned under this key already; an earlier time wins. */
  planSooner(key: string, kind: DueKind, at: number): void {
    this.#sql.exec(
      `INSERT INTO due (key, kind, due_at, version) VALUES (?, ?, ?, ${FIRST_VERSION})
       ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < due_at`,
      key,
      kind,
      at,
    );
    this.onPlan(at);
  }

  /** Claims the work of one kind that is due longest, if there is any in lanes that it may be in. */
  claim(kind: DueKind, now: number, until: number, { except = [], only }: LaneFilter = {}): Claim | null {
    const row = this.#sql
      .exec<{ key: string; version: number; lane: string }>(
        `UPDATE due SET claimed_until = ?, version = version + 1 WHERE key = (
           SELECT key FROM due
           WHERE kind = ? AND due_at <= ? AND claimed_until <= ?
             AND lane NOT IN (SELECT value FROM json_each(?))
             AND (? IS NULL OR lane IN (SELECT value FROM json_each(?)))
           ORDER BY due_at LIMIT 1)
         RETURNING key, version, lane`,
        until,
        kind,
        now,
        now,
        JSON.stringify(except),
        only ? 1 : null,
        JSON.stringify(only ?? []),
      )
      .toArray()[0];
    return row ? { key: row.key, kind, version: row.version, lane: row.lane } : null;
  }

  /**
   * Lets go of every claim. For the start of an object at `now` (ms): whoever made them died with the one before.
   * @returns how many there were.
   */
  releaseClaims(now: number): number {
    return this.#sql.exec(
      `UPDATE ${BY_TIME} SET claimed_until = 0 WHERE ${IS_OVERDUE} AND claimed_until > 0`,
      ALL_KINDS,
      now,
    ).rowsWritten;
  }

  /** Whether a claim still holds: nobody planned or claimed the row since. */
  holds(claim: Claim): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM due WHERE key = ? AND version = ?', claim.key, claim.version).toArray()
        .length > 0
    );
  }

  /** Whether work of this kind is planned under the key for later, and nobody is at it. */
  isAhead(key: string, kind: DueKind, now: number): boolean {
    return (
      this.#sql
        .exec(
          'SELECT 1 FROM due WHERE key = ? AND kind = ? AND due_at > ? AND claimed_until <= ?',
          key,
          kind,
          now,
          now,
        )
        .toArray().length > 0
    );
  }

  /** Whether somebody is at the work under this key. */
  isClaimed(key: string, now: number): boolean {
    return (
      this.#sql.exec('SELECT 1 FROM due WHERE key = ? AND claimed_until > ?', key, now).toArray().length > 0
    );
  }

  /** Makes a claim that still holds last longer. */
  renew(claim: Claim, until: number): boolean {
    return (
      this.#sql
        .exec(
          'UPDATE due SET claimed_until = ? WHERE key = ? AND version = ? RETURNING key',
          until,
          claim.key,
          claim.version,
        )
        .toArray().length > 0
    );
  }

  /** Takes planned work off the table. */
  drop(key: string): void {
    this.#sql.exec('DELETE FROM due WHERE key = ?', key);
  }

  /** Takes all planned work off the table whose key begins with `prefix`. */
  dropAll(prefix: string): void {
    this.#sql.exec('DELETE FROM due WHERE key >= ? AND key < ?', prefix, `${prefix}~`);
  }

  /** When the work under this key is due, or null. */
  at(key: string): number | null {
    return (
      this.#sql.exec<{ at: number }>('SELECT due_at AS at FROM due WHERE key = ?', key).toArray()[0]?.at ??
      null
    );
  }

  /** When the first of the shard's far-off duties is due, or null. */
  farOffAt(): number | null {
    return this.#sql
      .exec<{ at: number | null }>(
        'SELECT MIN(due_at) AS at FROM due WHERE key IN (?, ?)',
        RETAIN_KEY,
        TIDY_KEY,
      )
      .one().at;
  }

  /** When the next work can be claimed, or null when nothing is planned. */
  nextAt(): number | null {
    const next = Math.min(...DUE_KINDS.map((kind) => this.#nextOf(kind)));
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** When the first work that is not due yet at `now` will be, or null when there is none. Reads a row a kind. */
  nextAfter(now: number): number | null {
    return this.#sql
      .exec<{ at: number | null }>(
        `SELECT MIN((SELECT MIN(due_at) FROM ${BY_TIME} WHERE kind = kinds.value AND due_at > ?)) AS at
         FROM json_each(?) AS kinds`,
        now,
        ALL_KINDS,
      )
      .one().at;
  }

  /** How many pieces of work could be claimed at `now`. */
  countDue(now: number): number {
    return this.#sql
      .exec<{ n: number }>(
        `SELECT COUNT(*) AS n FROM ${BY_TIME} WHERE ${IS_OVERDUE} AND claimed_until <= ?`,
        ALL_KINDS,
        now,
        now,
      )
      .one().n;
  }

  /** Whether anything but a far-off duty is planned, or one of those before `horizon`. */
  isOpen(horizon: number): boolean {
    return (
      this.#sql
        .exec(`SELECT 1 FROM due WHERE kind NOT IN ('retain', 'tidy') OR due_at <= ? LIMIT 1`, horizon)
        .toArray().length > 0
    );
  }

  /** When the next work of a kind can be claimed; infinite when there is none. */
  #nextOf(kind: DueKind): number {
    // By their time, as far as the first that nobody is at: those that are claimed are a handful, and stand before it.
    for (let limit = CLAIMED_AT_ONCE; ; limit *= 4) {
      const rows = this.#sql
        .exec<{ at: number; until: number }>(
          'SELECT due_at AS at, claimed_until AS until FROM due WHERE kind = ? ORDER BY due_at LIMIT ?',
          kind,
          limit,
        )
        .toArray();
      if (rows.length < limit || rows.some(({ at, until }) => until <= at)) {
        return Math.min(...rows.map(({ at, until }) => Math.max(at, until)));
      }
    }
  }
}
