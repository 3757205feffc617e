/** Writes what has become of a job: the one place where jobs, money, due work and events change together. */

import { capture, release } from '../accounts/float.ts';
import type { Outbox } from '../webhooks/shard/outbox.ts';
import { jobAnnouncement } from './announcement.ts';
import type { Claim } from './due.ts';
import { SETTLE_KEY } from './due.ts';
import { deadlineOf, type EndState, isEnded, type Job, type JobPolicy } from './job.ts';
import { FLOAT_IDLE_MS } from './schedule.ts';
import { advance, type JobEvent, type Next } from './state.ts';
import type { JobStore, StoredJob } from './store.ts';

export interface LedgerDeps {
  readonly store: JobStore;
  readonly outbox: Outbox;
  readonly policy: JobPolicy;
  readonly now: () => number;
  readonly random: () => number;
  /** A job has ended, and that is durable before anybody hears of it. */
  readonly onEnd: (stored: StoredJob) => void;
  /** Something was planned. */
  readonly onWork: () => void;
}

/** What came of an event: the job as it is now, and whether the event changed it. */
export interface Applied {
  readonly stored: StoredJob;
  readonly changed: boolean;
}

export class JobLedger {
  readonly #deps: LedgerDeps;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /**
   * Applies an event in one transaction. With a claim, only if the claim still holds: whoever planned the row since has
   * overtaken this outcome. Null when there is no such job (any more).
   */
  apply(jobId: string, event: JobEvent, claim?: Claim): Applied | null {
    const { store, policy, now, random } = this.#deps;
    const applied = store.transaction((): Applied | null => {
      const stored = store.job(jobId);
      if (!stored || stored === 'gone') {
        if (claim) store.due.drop(jobId);
        return null;
      }
      if (claim && !store.due.holds(claim)) return { stored, changed: false };
      const next = advance(stored.job, event, { now: now(), random: random(), policy });
      if (!next) {
        if (isEnded(stored.job.state)) store.due.drop(jobId);
        return { stored, changed: false };
      }
      return { stored: this.#write(stored, next), changed: true };
    });
    if (!applied?.changed) return applied;
    if (isEnded(applied.stored.job.state)) this.#deps.onEnd(applied.stored);
    this.#deps.onWork();
    return applied;
  }

  #write(before: StoredJob, next: Next): StoredJob {
    const { store, outbox, policy } = this.#deps;
    const stored = { ...before, job: next.job };
    store.updateJob(stored.id, next.job);
    // From the first moment that the upstream is known to have it, by whichever way that was heard.
    if (!before.job.handle && next.job.handle) {
      outbox.announce(jobAnnouncement(stored, 's', 'job.started', next.job.submittedAt ?? this.#deps.now()));
    }
    if (isEnded(next.job.state)) this.#finalise(stored);
    else if (next.step !== 'keep' && next.step !== null) {
      store.due.plan(stored.id, next.step.kind, Math.min(next.step.at, deadlineOf(next.job, policy)));
    }
    return stored;
  }

  /** Called once a job, since a job that has ended takes no event: charge or release, and the event that says so. */
  #finalise(stored: StoredJob): void {
    const { store, outbox, now } = this.#deps;
    const row = store.book();
    const resolve = stored.job.state === 'completed' ? capture : release;
    store.writeBook({ ...row, book: resolve(row.book, stored.credits) });
    store.due.drop(stored.id);
    if (stored.job.state !== 'completed') store.due.planSooner(SETTLE_KEY, 'settle', now() + FLOAT_IDLE_MS);
    const { state, endedAt } = stored.job;
    outbox.announce(jobAnnouncement(stored, 'z', `job.${state as EndState}`, endedAt ?? now()));
  }
}

/** A job that was never sent may be sent; so may one whose sending was cut short, if the upstream dedupes. */
export function maySend(job: Job, policy: JobPolicy): boolean {
  return job.state === 'queued' || (job.state === 'submitting' && policy.dedupes);
}
