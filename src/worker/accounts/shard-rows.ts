/** The account's rows about its shards: the ledger with each, and who must still hear of a revocation. SQL only. */

import type { ShardTotals } from './float.ts';
import { type AccountBook, bookTotals, EMPTY_LINE, type ShardLine } from './lease.ts';

/** A shard that must still get the published replica. */
export interface DuePush {
  readonly shard: string;
  /** Pushes that failed in a row. */
  readonly failures: number;
}

type LineColumns = { leased: number; returned_seen: number; captured_seen: number; releases: number };

const LINE = 'leased, returned_seen, captured_seen, releases';

function lineOf(row: LineColumns): ShardLine {
  return {
    leased: row.leased,
    returnedSeen: row.returned_seen,
    capturedSeen: row.captured_seen,
    releases: row.releases,
  };
}

export class ShardRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Lists a shard, if it is not. It has no replica yet, so it can only learn the present one: nothing is due to it,
   * and what it will hold is encrypted under `rings`.
   */
  list(shard: string, rings: () => string): void {
    if (this.#sql.exec('SELECT 1 FROM shards WHERE name = ?', shard).toArray().length > 0) return;
    this.#sql.exec(
      `INSERT INTO shards (name, ${LINE}, secret_ring, push_due_at, push_failures)
       VALUES (?, 0, 0, 0, 0, ?, NULL, 0)`,
      shard,
      rings(),
    );
  }

  /** The names of all listed shards. */
  names(): string[] {
    return this.#sql
      .exec<{ name: string }>('SELECT name FROM shards ORDER BY name')
      .toArray()
      .map(({ name }) => name);
  }

  /** The line of one shard; an empty one when it is not listed. */
  line(shard: string): ShardLine {
    const [row] = this.#sql.exec<LineColumns>(`SELECT ${LINE} FROM shards WHERE name = ?`, shard).toArray();
    return row ? lineOf(row) : EMPTY_LINE;
  }

  /** The book over all shards. */
  book(granted: number): AccountBook {
    const rows = this.#sql.exec<LineColumns & { name: string }>(
      `SELECT name, ${LINE} FROM shards ORDER BY name`,
    );
    return { granted, shards: new Map(rows.toArray().map((row) => [row.name, lineOf(row)])) };
  }

  /** Books a message's totals. The shard must be listed. Writes nothing when it told nothing new. */
  bookTotals(shard: string, totals: ShardTotals): ShardLine {
    const line = this.line(shard);
    const booked = bookTotals(line, totals);
    const news =
      booked.returnedSeen !== line.returnedSeen ||
      booked.capturedSeen !== line.capturedSeen ||
      booked.releases !== line.releases;
    if (news) {
      this.#sql.exec(
        'UPDATE shards SET returned_seen = ?, captured_seen = ?, releases = ? WHERE name = ?',
        booked.returnedSeen,
        booked.capturedSeen,
        booked.releases,
        shard,
      );
    }
    return booked;
  }

  /** Leases credits to a listed shard. */
  addLease(shard: string, credits: number): void {
    this.#sql.exec('UPDATE shards SET leased = leased + ? WHERE name = ?', credits, shard);
  }

  /** Every listed shard must get the replica, from `now` on. */
  publish(now: number): void {
    this.#sql.exec('UPDATE shards SET push_due_at = ?, push_failures = 0', now);
  }

  /** One listed shard must get the replica, from `now` on. */
  publishTo(shard: string, now: number): void {
    this.#sql.exec('UPDATE shards SET push_due_at = ?, push_failures = 0 WHERE name = ?', now, shard);
  }

  /**
   * Claims the pushes that are due by `now`, or all that are outstanding: each is due again at `until` unless its
   * outcome is written before.
   */
  claimPushes(until: number, now = Number.MAX_SAFE_INTEGER): DuePush[] {
    return this.#sql
      .exec<{ name: string; push_failures: number }>(
        'UPDATE shards SET push_due_at = ? WHERE push_due_at <= ? RETURNING name, push_failures',
        until,
        now,
      )
      .toArray()
      .map((row) => ({ shard: row.name, failures: row.push_failures }));
  }

  /** The shards that must still get the replica. */
  unpushed(): string[] {
    return this.#sql
      .exec<{ name: string }>('SELECT name FROM shards WHERE push_due_at IS NOT NULL ORDER BY name')
      .toArray()
      .map((row) => row.name);
  }

  /** The shard has the published replica, encrypted under `rings`. */
  pushed(shard: string, rings: string): void {
    this.#sql.exec(
      'UPDATE shards SET push_due_at = NULL, push_failures = 0, secret_ring = ? WHERE name = ?',
      rings,
      shard,
    );
  }

  /** The push did not get through: again at `dueAt`. One that got through meanwhile stands. */
  pushFailed(shard: string, failures: number, dueAt: number): void {
    this.#sql.exec(
      'UPDATE shards SET push_failures = ?, push_due_at = ? WHERE name = ? AND push_due_at IS NOT NULL',
      failures,
      dueAt,
      shard,
    );
  }

  /** When the next push is due, in ms; null when none is. */
  nextPushAt(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT min(push_due_at) AS at FROM shards').one().at;
  }

  /** What each shard may hold ciphertexts under: ids of secrets of the ring, with commas between. */
  rings(): string[] {
    return this.#sql
      .exec<{ rings: string }>('SELECT secret_ring AS rings FROM shards')
      .toArray()
      .map(({ rings }) => rings);
  }
}
