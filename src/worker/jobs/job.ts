/** A job: the part of it that changes, and what can be told from it alone. Pure. */

import type { JobFailure } from '../errors.ts';
import type { StoredVideo } from '../media/contract.ts';
import type { UpstreamHandle, UpstreamVideo } from '../upstream/contract.ts';

/** `submitting`: the intent is durable, the request may have left. `unknown`: it left and no answer came. */
export type OpenState = 'queued' | 'submitting' | 'unknown' | 'submitted' | 'storing';
export type EndState = 'completed' | 'failed' | 'canceled';
export type JobState = OpenState | EndState;

/** The part of a job that changes. */
export interface Job {
  readonly state: JobState;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly usualMs: number;
  /** Known once the upstream has accepted. */
  readonly handle: UpstreamHandle | null;
  readonly submittedAt: number | null;
  /** What the upstream last said. */
  readonly rendering: boolean;
  readonly queuePosition: number | null;
  readonly polledAt: number | null;
  readonly cancel: 'none' | 'requested' | 'sent';
  /** Tries of the present step that did not get it done. */
  readonly attempts: number;
  /** Polls in a row that the upstream answered with "no such request". */
  readonly notFound: number;
  /** When `unknown` gives up. */
  readonly unknownUntil: number | null;
  /** What upstream made, still to be copied. */
  readonly source: UpstreamVideo | null;
  readonly video: StoredVideo | null;
  readonly failure: JobFailure | null;
}

/** What the deployment has decided. Milliseconds. */
export interface JobPolicy {
  readonly dedupes: boolean;
  readonly jobDeadlineMs: number;
  readonly submitDeadlineMs: number;
}

/** A job at the moment of its submit. Stored rows leave out what is as it is here: see records.ts. */
export function newJob(now: number, usualMs: number): Job {
  return {
    state: 'queued',
    createdAt: now,
    endedAt: null,
    usualMs,
    handle: null,
    submittedAt: null,
    rendering: false,
    queuePosition: null,
    polledAt: null,
    cancel: 'none',
    attempts: 0,
    notFound: 0,
    unknownUntil: null,
    source: null,
    video: null,
    failure: null,
  };
}

/** Whether a state is final. A final state never changes. */
export function isEnded(state: JobState): state is EndState {
  return state === 'completed' || state === 'failed' || state === 'canceled';
}

/** When the job as a whole must have ended. */
export function deadlineOf(job: Job, policy: JobPolicy): number {
  return job.createdAt + policy.jobDeadlineMs;
}

/** Whether the job's time is up: as a whole, or for an upstream that never said whether it took the job. */
export function isOver(job: Job, now: number, policy: JobPolicy): boolean {
  const unheard = job.state === 'unknown' && job.unknownUntil !== null && now >= job.unknownUntil;
  return !isEnded(job.state) && (unheard || now >= deadlineOf(job, policy));
}
