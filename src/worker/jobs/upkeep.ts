/** The shard's own duties: idle credits go back to the account, and what is kept no longer is forgotten. */

import type { AccountForShard } from '../accounts/contract.ts';
import { floatOf, giveBack, totalsOf } from '../accounts/float.ts';
import { callTwice, within } from '../calls.ts';
import { idBound, mintedAt, type ShardRef } from '../ids.ts';
import type { EventRetention } from '../webhooks/shard/retention.ts';
import type { Admission } from './admission.ts';
import { type Claim, RETAIN_KEY, SETTLE_KEY } from './due.ts';
import { FLOAT_IDLE_MS, RESERVE_IDLE_MS, RESERVE_JOBS, TIMEOUT_MS } from './schedule.ts';
import type { JobStore } from './store.ts';

export interface UpkeepDeps {
  readonly store: JobStore;
  readonly kv: SyncKvStorage;
  readonly shard: ShardRef;
  readonly shardName: string;
  readonly admission: Admission;
  readonly account: () => AccountForShard;
  /** Forgets events about the account, and statistics. */
  readonly events: EventRetention;
  /** Deletes a job's result and inputs from R2. Idempotent. */
  readonly deleteFiles: (jobId: string) => Promise<void>;
  readonly retentionMs: number;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** A return that was not acknowledged is reported again after this. */
const SETTLE_RETRY_MS = 30_000;
/** Jobs forgotten in one piece of work: each costs two R2 deletes and three rows. */
const RETAIN_BATCH = 20;
const RETAIN_RETRY_MS = 60_000;
/** Bound of the deletes of one job: R2 answers in well under a second. */
const DELETE_MS = 10_000;
const CURSOR_KEY = 'retained';

export class Upkeep {
  readonly #deps: UpkeepDeps;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
  }

  /**
   * Gives back what has been idle: all but a reserve after ten minutes, the reserve after a day. The reserve is what
   * lets an occasional submit from a far region cross no ocean (docs/design.md).
   */
  async settle(claim: Claim): Promise<void> {
    const { store, now, account, shardName, admission } = this.#deps;
    store.transaction(() => {
      const row = store.book();
      const idle = now() - row.lastUsedAt;
      if (idle < FLOAT_IDLE_MS) return;
      const reserve = idle < RESERVE_IDLE_MS ? RESERVE_JOBS * row.lastPrice : 0;
      const book = giveBack(row.book, Math.max(0, floatOf(row.book) - reserve));
      if (book !== row.book) store.writeBook({ ...row, book });
    });
    const answer = await callTwice(TIMEOUT_MS.settle, () =>
      account().settle({ shard: shardName, totals: totalsOf(store.book().book) }),
    );
    admission.book(answer, () => {
      if (!store.due.holds(claim)) return;
      const next = this.#nextSettle();
      if (next === null) store.due.drop(SETTLE_KEY);
      else store.due.plan(SETTLE_KEY, 'settle', next);
    });
  }

  #nextSettle(): number | null {
    const { store, now } = this.#deps;
    const row = store.book();
    if (row.book.returned > row.returnedSeen) return now() + SETTLE_RETRY_MS;
    if (floatOf(row.book) === 0) return null;
    const idle = now() - row.lastUsedAt;
    return Math.max(
      now() + SETTLE_RETRY_MS,
      row.lastUsedAt + (idle < FLOAT_IDLE_MS ? FLOAT_IDLE_MS : RESERVE_IDLE_MS),
    );
  }

  /**
   * Forgets what is kept no longer. Of jobs, oldest first, retention counts from their submit: first the job is 410, then
   * its files go, then its data; a crash between two of these is taken up again, since the cursor moves last.
   */
  async retain(claim: Claim): Promise<void> {
    const { store, kv, shard, events, now, retentionMs, deleteFiles, log } = this.#deps;
    events.forget();
    const cursor = kv.get<string>(CURSOR_KEY) ?? '';
    const over = store.jobsBetween(cursor, idBound('job', shard, now() - retentionMs + 1), RETAIN_BATCH);
    let [forgotten, count] = [cursor, 0];
    for (const { id, endedAt } of over) {
      // An open job is older than its retention only where the retention is shorter than a job may take.
      if (endedAt === null) break;
      store.markExpired(id, now());
      await within(DELETE_MS, () => deleteFiles(id));
      store.transaction(() => {
        store.slim(id);
        kv.put(CURSOR_KEY, id);
      });
      forgotten = id;
      count++;
    }
    if (count > 0) log({ event: 'retention', forgotten: count, last_job_id: forgotten });
    store.transaction(() => {
      if (!store.due.holds(claim)) return;
      store.due.plan(RETAIN_KEY, 'retain', this.#nextRetain(forgotten));
    });
  }

  /** Plans retention anew where the configuration has been shortened since the oldest job came. */
  planRetain(): void {
    const { store, kv } = this.#deps;
    store.due.planSooner(RETAIN_KEY, 'retain', this.#nextRetain(kv.get<string>(CURSOR_KEY) ?? ''));
  }

  #nextRetain(cursor: string): number {
    const { events, now } = this.#deps;
    return Math.max(now(), Math.min(this.#nextRetainOfJobs(cursor), events.nextAt()));
  }

  #nextRetainOfJobs(cursor: string): number {
    const { store, now, retentionMs } = this.#deps;
    const next = store.jobsBetween(cursor, 'job_~', 1)[0];
    if (!next) return now() + retentionMs;
    return Math.max(mintedAt(next.id) + retentionMs, next.endedAt === null ? now() + RETAIN_RETRY_MS : now());
  }
}
