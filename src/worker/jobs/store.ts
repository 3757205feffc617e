/**
 * The shard's rows: jobs, the book, idempotency keys; upload links and webhooks have parts of their own. Synchronous;
 * the caller groups what belongs together in one `transactionSync`. The schema is made on the first write, so a lookup
 * at a shard that was never used leaves nothing behind.
 */

import { LinkStore } from '../links/shard/store.ts';
import { migrate, upgrade } from '../migrate.ts';
import { deliveryPrefix } from '../webhooks/ids.ts';
import { DayRows } from '../webhooks/shard/day-rows.ts';
import { HealthRows } from '../webhooks/shard/health-rows.ts';
import { NoticeRows } from '../webhooks/shard/notice-rows.ts';
import { DeliveryStore } from '../webhooks/shard/store.ts';
import { type BookRow, BookTable, EMPTY_ROW } from './book.ts';
import type { JobRequest } from './contract.ts';
import { DueTable, FIRST_VERSION } from './due.ts';
import type { Job, JobState } from './job.ts';
import { JOB_MIGRATIONS } from './migrations.ts';
import { readProgress, readRequest, writeProgress } from './records.ts';
import type { DueKind } from './schedule.ts';

/** A job with what it was made of. After its retention only `credits`, `cost` and times are left. */
export interface StoredJob {
  readonly id: string;
  readonly credits: number;
  /** Micro-dollars. */
  readonly cost: number;
  readonly job: Job;
  readonly request: JobRequest;
}

interface JobRow extends Record<string, SqlStorageValue> {
  id: string;
  state: string;
  credits: number;
  cost: number;
  created_at: number;
  ended_at: number | null;
  expired_at: number | null;
  request: string | null;
  progress: string | null;
}

/** See migration 4. */
const TAKE_IN = `
  INSERT INTO submits (id, state, credits, cost, created_at, request, progress,
    held, last_used_at, last_price, hour_start, hour_used, kind, due_at, version)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${FIRST_VERSION})`;

export class JobStore {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #books: BookTable;
  readonly due: DueTable;
  readonly links: LinkStore;
  readonly deliveries: DeliveryStore;
  readonly notices: NoticeRows;
  readonly health: HealthRows;
  readonly days: DayRows;
  /** Told when a transaction was rolled back, for whoever else remembers what it wrote. */
  onRollback: () => void = () => undefined;
  #ready: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#books = new BookTable(storage.sql);
    this.due = new DueTable(storage.sql);
    this.links = new LinkStore(storage.sql, () => this.#ready);
    this.deliveries = new DeliveryStore(storage.sql, () => this.#ready);
    this.notices = new NoticeRows(storage.sql, () => this.#ready);
    this.health = new HealthRows(storage.sql, () => this.#ready);
    this.days = new DayRows(storage.sql, () => this.#ready);
    // A shard that exists is brought up to date; one that was only looked up stays empty.
    this.#ready = upgrade(storage, JOB_MIGRATIONS);
  }

  /** Whether anything was ever written here. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Makes the schema. Call before the first write. */
  open(): void {
    if (this.#ready) return;
    migrate(this.#storage, JOB_MIGRATIONS);
    this.#ready = true;
  }

  /** Runs `write` in one transaction: all of it or, when it throws, nothing. */
  transaction<T>(write: () => T): T {
    this.open();
    try {
      return this.#storage.transactionSync(write);
    } catch (cause) {
      this.#books.forget();
      this.health.forget();
      this.onRollback();
      throw cause;
    }
  }

  /** The job, `'gone'` after its retention, or null. */
  job(id: string): StoredJob | 'gone' | null {
    if (!this.#ready) return null;
    const row = this.#sql.exec<JobRow>('SELECT * FROM jobs WHERE id = ?', id).toArray()[0];
    if (!row) return null;
    if (row.request === null || row.progress === null || row.expired_at !== null) return 'gone';
    return {
      id: row.id,
      credits: row.credits,
      cost: row.cost,
      request: readRequest(row.request),
      job: {
        ...readProgress(row.progress),
        state: row.state as JobState,
        createdAt: row.created_at,
        endedAt: row.ended_at,
      },
    };
  }

  /**
   * Writes a new job, the book with its hold, and its first due work, at `dueAt` (ms). `row` must be {@link book} with only
   * that changed which a hold changes: no more of it is written. False, and nothing written, when there is a job with this id.
   */
  takeIn(stored: StoredJob, row: BookRow, kind: DueKind, dueAt: number): boolean {
    const { job } = stored;
    const inserted = this.#sql.exec(
      TAKE_IN,
      stored.id,
      job.state,
      stored.credits,
      stored.cost,
      job.createdAt,
      JSON.stringify(stored.request),
      writeProgress(job),
      row.book.held,
      row.lastUsedAt,
      row.lastPrice,
      row.hourStart,
      row.hourUsed,
      kind,
      dueAt,
    );
    if (inserted.rowsWritten === 0) return false;
    this.#books.keep(row);
    this.due.onPlan(dueAt);
    return true;
  }

  updateJob(id: string, job: Job): void {
    this.#sql.exec(
      'UPDATE jobs SET state = ?, ended_at = ?, progress = ? WHERE id = ?',
      job.state,
      job.endedAt,
      writeProgress(job),
      id,
    );
  }

  /** Jobs minted before `before` and after `after`, oldest first: those whose retention is over, or who are next. */
  jobsBetween(after: string, before: string, limit: number): { id: string; endedAt: number | null }[] {
    return this.#sql
      .exec<{ id: string; ended_at: number | null }>(
        'SELECT id, ended_at FROM jobs WHERE id > ? AND id < ? ORDER BY id LIMIT ?',
        after,
        before,
        limit,
      )
      .toArray()
      .map((row) => ({ id: row.id, endedAt: row.ended_at }));
  }

  /** From now on the job is 410; its data is dropped when its files are. */
  markExpired(id: string, now: number): void {
    this.#sql.exec('UPDATE jobs SET expired_at = ? WHERE id = ?', now, id);
  }

  /** Leaves the slim financial row. */
  slim(id: string): void {
    this.#sql.exec('UPDATE jobs SET request = NULL, progress = NULL WHERE id = ?', id);
    this.deliveries.dropAbout(id);
    this.due.dropAll(deliveryPrefix(id));
  }

  /** The book; an empty one before the first write. */
  book(): BookRow {
    return this.#ready ? this.#books.read() : EMPTY_ROW;
  }

  writeBook(row: BookRow): void {
    this.#books.write(row);
  }

  /** What was made under an Idempotency-Key: a job or an upload link. */
  idempotent(key: string): { fingerprint: string; madeId: string } | null {
    if (!this.#ready) return null;
    const row = this.#sql
      .exec<{ fingerprint: string; job_id: string }>(
        'SELECT fingerprint, job_id FROM idempotency WHERE key = ?',
        key,
      )
      .toArray()[0];
    return row ? { fingerprint: row.fingerprint, madeId: row.job_id } : null;
  }

  insertIdempotent(key: string, fingerprint: string, madeId: string): void {
    this.#sql.exec(
      'INSERT INTO idempotency (key, fingerprint, job_id) VALUES (?, ?, ?)',
      key,
      fingerprint,
      madeId,
    );
  }
}
