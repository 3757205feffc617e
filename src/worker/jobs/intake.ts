/** What a submit writes: the job, its hold and its first due work, or nothing. Synchronous; in the caller's transaction. */

import { floatOf, hold } from '../accounts/float.ts';
import { markStarted } from '../links/shard/start.ts';
import type { Outbox } from '../webhooks/shard/outbox.ts';
import { jobAnnouncement } from './announcement.ts';
import type { BookRow } from './book.ts';
import type { CheckOutcome, SubmitCommand, SubmitOutcome } from './contract.ts';
import { RETAIN_KEY } from './due.ts';
import { newJob } from './job.ts';
import type { JobStore, StoredJob } from './store.ts';
import { viewOf } from './view.ts';

/** A look at the balance waits and is admitted like a submit, but holds nothing. */
export type Entrant =
  | { readonly kind: 'submit'; readonly command: SubmitCommand }
  | { readonly kind: 'check'; readonly credits: number };

/** What becomes of a request. */
export type Outcome = SubmitOutcome | CheckOutcome;

const HOUR_MS = 3_600_000;

export interface IntakeDeps {
  readonly store: JobStore;
  readonly outbox: Outbox;
  readonly now: () => number;
  /** How long after its submit a job's data is kept, in ms. */
  readonly retentionMs: number;
}

export class Intake {
  readonly #deps: IntakeDeps;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
  }

  /** The outcome, or null when the float does not cover the request. In a transaction. */
  tryAdmit(request: Entrant): Outcome | null {
    const { store } = this.#deps;
    if (request.kind === 'check')
      return floatOf(store.book().book) >= request.credits ? { kind: 'ok' } : null;
    const { command } = request;
    const first = this.#firstOfUpload(command) ?? this.#firstOfKey(command);
    if (first) return first;
    const row = store.book();
    const book = hold(row.book, command.credits);
    const stored = book && this.#insert(command, { ...row, book });
    return stored ? { kind: 'accepted', job: viewOf(stored), replayed: false } : this.#sameSubmit(command);
  }

  /** What was made before by this submit or under its key: it needs no credit. */
  earlier(command: SubmitCommand): SubmitOutcome | null {
    return this.#firstOfUpload(command) ?? this.#firstOfKey(command) ?? this.#sameSubmit(command);
  }

  /** What the upload of this submit has started before: it starts one job, whoever asks how often. */
  #firstOfUpload({ uploadId, jobId }: SubmitCommand): SubmitOutcome | null {
    if (uploadId === undefined) return null;
    const { store } = this.#deps;
    const link = store.links.link(uploadId);
    if (!link) return { kind: 'gone' };
    // Withdrawn with its key while this submit waited.
    if (link.revokedAt !== null) return { kind: 'unauthorized' };
    if (link.jobId === null) return null;
    const first = store.job(link.jobId);
    return first && first !== 'gone'
      ? { kind: 'accepted', job: viewOf(first), replayed: first.id !== jobId }
      : { kind: 'gone' };
  }

  /** What the Idempotency-Key of this submit made before. */
  #firstOfKey({ idempotency, jobId }: SubmitCommand): SubmitOutcome | null {
    const { store } = this.#deps;
    const known = idempotency && store.idempotent(idempotency.key);
    if (!known) return null;
    if (known.fingerprint !== idempotency.fingerprint) return { kind: 'mismatch' };
    const first = store.job(known.madeId);
    return first && first !== 'gone'
      ? // The very job of this submit, when its answer was lost, is no replay.
        { kind: 'accepted', job: viewOf(first), replayed: first.id !== jobId }
      : { kind: 'gone' };
  }

  /** This very submit, made again because its answer was lost. */
  #sameSubmit({ jobId }: SubmitCommand): SubmitOutcome | null {
    const same = this.#deps.store.job(jobId);
    if (same === 'gone') return { kind: 'gone' };
    return same && { kind: 'accepted', job: viewOf(same), replayed: false };
  }

  /** Writes the job with its hold and its first due work; null, and nothing written, when the job is there already. */
  #insert(command: SubmitCommand, row: BookRow): StoredJob | null {
    const { store, outbox, now: clock, retentionMs } = this.#deps;
    const now = clock();
    const stored: StoredJob = {
      id: command.jobId,
      credits: command.credits,
      cost: command.cost,
      request: command.request,
      job: newJob(now, command.request.usualMs),
    };
    const sameHour = now - row.hourStart < HOUR_MS;
    const used: BookRow = {
      ...row,
      lastUsedAt: now,
      lastPrice: command.credits,
      hourStart: sameHour ? row.hourStart : now,
      hourUsed: (sameHour ? row.hourUsed : 0) + command.credits,
    };
    if (!store.takeIn(stored, used, 'submit', now)) return null;
    outbox.announce(jobAnnouncement(stored, 'c', 'job.created', now));
    if (row.lastUsedAt === 0) store.due.planSooner(RETAIN_KEY, 'retain', now + retentionMs);
    const { idempotency, uploadId } = command;
    if (uploadId !== undefined) markStarted(store, uploadId, stored.id, now);
    if (idempotency) store.insertIdempotent(idempotency.key, idempotency.fingerprint, stored.id);
    return stored;
  }
}
