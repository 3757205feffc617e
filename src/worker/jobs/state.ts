/**
 * What becomes of a job when something happens to it. Pure: the shard reads a job, asks {@link advance}, and writes the
 * answer in one transaction. Every event may come twice, late, or after the job has ended.
 *
 *   queued ─send─► submitting ─accepted─► submitted ─video─► storing ─stored─► completed
 *                      │ unknown ▲              │               │
 *                      └───► unknown ──callback─┴───────────────┴──────────► failed | canceled
 */

import type { JobFailure } from '../errors.ts';
import type { CopyOutcome, StoredVideo } from '../media/contract.ts';
import type {
  CancelReply,
  PollReply,
  ResultReply,
  SubmitReply,
  UpstreamEvent,
  UpstreamHandle,
  UpstreamVideo,
} from '../upstream/contract.ts';
import { type EndState, isEnded, isOver, type Job, type JobPolicy } from './job.ts';
import { backoff, firstPoll, nextPoll } from './schedule.ts';

/** Work that a job needs next. `expire` only waits for the time to pass. */
export type StepKind = 'submit' | 'poll' | 'result' | 'cancel' | 'copy' | 'expire';
export interface Step {
  readonly kind: StepKind;
  readonly at: number;
}

/** What can happen to a job. */
export type JobEvent =
  | { readonly type: 'send' }
  | { readonly type: 'submit'; readonly reply: SubmitReply }
  | { readonly type: 'poll'; readonly reply: PollReply }
  | { readonly type: 'result'; readonly reply: ResultReply }
  | { readonly type: 'callback'; readonly event: UpstreamEvent; readonly handle: UpstreamHandle }
  | { readonly type: 'copy'; readonly outcome: CopyOutcome }
  | { readonly type: 'cancel_requested' }
  | { readonly type: 'cancel'; readonly reply: CancelReply }
  /** Somebody looks at the job: a poll that is far off is worth making now. */
  | { readonly type: 'watched' }
  | { readonly type: 'time' };

/** Circumstances of an event. `random` is in [0, 1). */
export interface Moment {
  readonly now: number;
  readonly random: number;
  readonly policy: JobPolicy;
}

/** The job after the event, and its next step: `keep` leaves the planned one, null only when the job has ended. */
export interface Next {
  readonly job: Job;
  readonly step: Step | 'keep' | null;
}

/** Consecutive 404s of a status call before the upstream is believed: it may be behind its own submit. */
const MAX_NOT_FOUND = 6;
/** Tries of a cancel before we look how the job is doing. */
const MAX_CANCEL_TRIES = 5;
/** How soon after a cancel was taken upstream's state is looked at, in ms. */
const AFTER_CANCEL_MS = 1_000;
/** A watched job is polled at most this often, in ms. */
const WATCHED_POLL_MS = 2_000;
/** A watched job that was never polled, this soon after upstream took it: whoever looks wants to see that it moves. */
const FIRST_LOOK_MS = 500;

const DEADLINE: JobFailure = {
  code: 'deadline_exceeded',
  message: 'The video was not ready in the time allowed. Try again, or choose a shorter or smaller video.',
};
const UNKNOWN_SUBMIT: JobFailure = {
  code: 'submit_outcome_unknown',
  message: 'The video service did not confirm the job. Try again.',
};
const RESULT_GONE: JobFailure = {
  code: 'result_unavailable',
  message: 'The finished video could not be fetched from the video service. Try again.',
};
const LOST_UPSTREAM: JobFailure = {
  code: 'upstream_error',
  message: 'The video service lost the job. Try again.',
};

/** The job after `event`, or null when the event changes nothing. */
export function advance(job: Job, event: JobEvent, moment: Moment): Next | null {
  if (isEnded(job.state)) return null;
  switch (event.type) {
    case 'send':
      return send(job);
    case 'submit':
      return job.state === 'submitting' ? onSubmit(job, event.reply, moment) : null;
    case 'poll':
      return job.state === 'submitted' ? onPoll(job, event.reply, moment) : null;
    case 'result':
      return job.state === 'submitted' ? onResult(job, event.reply, moment) : null;
    case 'callback':
      return onCallback(job, event.event, event.handle, moment);
    case 'copy':
      return job.state === 'storing' ? onCopy(job, event.outcome, moment) : null;
    case 'cancel_requested':
      return onCancelRequested(job, moment);
    case 'cancel':
      return job.state === 'submitted' ? onCancel(job, event.reply, moment) : null;
    case 'watched':
      return onWatched(job, moment);
    case 'time':
      return onTime(job, moment);
  }
}

function end(
  job: Job,
  state: EndState,
  now: number,
  failure: JobFailure | null,
  video: StoredVideo | null,
): Next {
  return {
    job: { ...job, state, endedAt: now, failure, video, source: null, queuePosition: null },
    step: null,
  };
}

function fail(job: Job, failure: JobFailure, { now }: Moment): Next {
  return end(job, 'failed', now, failure, null);
}

/** An end without a video that the customer asked for is a cancel, whatever the upstream calls it. */
function endWithout(job: Job, failure: JobFailure, canceled: boolean, moment: Moment): Next {
  return canceled && job.cancel !== 'none'
    ? end(job, 'canceled', moment.now, null, null)
    : fail(job, failure, moment);
}

function retry(job: Job, kind: StepKind, moment: Moment, retryAfterMs?: number): Next {
  const attempts = job.attempts + 1;
  const delay = backoff({
    attempts,
    random: moment.random,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
  return { job: { ...job, attempts }, step: { kind, at: moment.now + delay } };
}

/** Writes the intent. Only a job that was never sent, or whose upstream dedupes, comes here. */
function send(job: Job): Next | null {
  if (job.state !== 'queued' && job.state !== 'submitting') return null;
  return { job: { ...job, state: 'submitting' }, step: 'keep' };
}

function onSubmit(job: Job, reply: SubmitReply, moment: Moment): Next {
  const { now, policy } = moment;
  switch (reply.kind) {
    case 'accepted':
      return accepted(job, reply.handle, moment);
    case 'refused':
      return fail(job, reply.failure, moment);
    case 'not_accepted':
      if (job.cancel !== 'none') return end(job, 'canceled', now, null, null);
      if (now >= job.createdAt + policy.submitDeadlineMs) return fail(job, reply.failure, moment);
      return retry({ ...job, state: 'queued' }, 'submit', moment, reply.retryAfterMs);
    case 'unknown': {
      const unknownUntil = job.unknownUntil ?? now + policy.submitDeadlineMs;
      if (!policy.dedupes) {
        return {
          job: { ...job, state: 'unknown', unknownUntil },
          step: { kind: 'expire', at: unknownUntil },
        };
      }
      if (now >= unknownUntil) return endWithout(job, UNKNOWN_SUBMIT, true, moment);
      return retry({ ...job, unknownUntil }, 'submit', moment);
    }
  }
}

function accepted(job: Job, handle: UpstreamHandle, moment: Moment): Next {
  const next: Job = {
    ...job,
    state: 'submitted',
    handle,
    submittedAt: moment.now,
    attempts: 0,
    unknownUntil: null,
  };
  return {
    job: next,
    step:
      job.cancel === 'requested'
        ? { kind: 'cancel', at: moment.now }
        : { kind: 'poll', at: firstPoll(moment.now, job.usualMs) },
  };
}

function onPoll(job: Job, reply: PollReply, moment: Moment): Next {
  const { now } = moment;
  const notFound = reply.kind === 'not_found' ? job.notFound + 1 : 0;
  const polled: Job = { ...job, polledAt: now, notFound };
  switch (reply.kind) {
    case 'queued':
    case 'running': {
      const next: Job = {
        ...polled,
        attempts: 0,
        rendering: reply.kind === 'running',
        queuePosition: reply.kind === 'queued' ? (reply.position ?? null) : null,
      };
      // A cancel that upstream did not answer is sent again while it could still work.
      return {
        job: next,
        step: { kind: job.cancel === 'requested' ? 'cancel' : 'poll', at: nextPoll(next, now) },
      };
    }
    case 'completed':
      return {
        // The attempts stay: a result that is "still in progress" sends us back here, and must not spin.
        job: { ...polled, rendering: true, queuePosition: null },
        step: { kind: 'result', at: now },
      };
    case 'failed':
      return endWithout(polled, reply.failure, reply.canceled === true, moment);
    case 'not_found':
      return notFound >= MAX_NOT_FOUND
        ? endWithout(polled, LOST_UPSTREAM, true, moment)
        : retry(polled, 'poll', moment);
    case 'unclear':
      return retry(polled, 'poll', moment, reply.retryAfterMs);
  }
}

function onResult(job: Job, reply: ResultReply, moment: Moment): Next {
  switch (reply.kind) {
    case 'video':
      return store(job, reply.video, moment);
    case 'failed':
      return endWithout(job, reply.failure, reply.canceled === true, moment);
    case 'not_ready':
      return retry(job, 'poll', moment);
    case 'gone':
      return fail(job, RESULT_GONE, moment);
    case 'unclear':
      return retry(job, 'result', moment, reply.retryAfterMs);
  }
}

function store(job: Job, source: UpstreamVideo, { now }: Moment): Next {
  return {
    job: { ...job, state: 'storing', source, attempts: 0, rendering: true, queuePosition: null },
    step: { kind: 'copy', at: now },
  };
}

/** A callback may overtake the answer to its own submit: the request it names is then the one that was accepted. */
function onCallback(job: Job, event: UpstreamEvent, handle: UpstreamHandle, moment: Moment): Next | null {
  if (job.state === 'queued' || job.state === 'storing') return null;
  if (job.handle && job.handle.requestId !== event.requestId) return null;
  const known: Job = {
    ...job,
    state: 'submitted',
    handle: job.handle ?? handle,
    submittedAt: job.submittedAt ?? moment.now,
    unknownUntil: null,
    attempts: job.state === 'submitted' ? job.attempts : 0,
  };
  switch (event.outcome.kind) {
    case 'video':
      return store(known, event.outcome.video, moment);
    case 'failed':
      return endWithout(known, event.outcome.failure, event.outcome.canceled === true, moment);
    case 'ended':
      return { job: known, step: { kind: 'result', at: moment.now } };
  }
}

function onCopy(job: Job, outcome: CopyOutcome, moment: Moment): Next {
  switch (outcome.kind) {
    case 'stored':
      return end(job, 'completed', moment.now, null, outcome.video);
    case 'retry':
      return retry(job, 'copy', moment);
    case 'failed':
      return fail(job, outcome.failure, moment);
  }
}

function onCancelRequested(job: Job, { now }: Moment): Next | null {
  if (job.state === 'queued') return end(job, 'canceled', now, null, null);
  if (job.cancel !== 'none') return null;
  const next: Job = { ...job, cancel: 'requested' };
  return job.state === 'submitted'
    ? { job: { ...next, attempts: 0 }, step: { kind: 'cancel', at: now } }
    : { job: next, step: 'keep' };
}

function onCancel(job: Job, reply: CancelReply, moment: Moment): Next {
  const sent: Job = { ...job, cancel: 'sent', attempts: 0 };
  switch (reply.kind) {
    case 'requested':
    case 'not_found':
      return { job: sent, step: { kind: 'poll', at: moment.now + AFTER_CANCEL_MS } };
    case 'already_completed':
      return { job: sent, step: { kind: 'result', at: moment.now } };
    case 'unclear':
      return job.attempts + 1 >= MAX_CANCEL_TRIES
        ? { job: { ...job, attempts: 0 }, step: { kind: 'poll', at: moment.now } }
        : retry(job, 'cancel', moment, reply.retryAfterMs);
  }
}

function onWatched(job: Job, { now }: Moment): Next | null {
  if (job.state !== 'submitted' || job.cancel !== 'none' || job.attempts > 0) return null;
  const [last, pause] =
    job.polledAt === null ? [job.submittedAt ?? now, FIRST_LOOK_MS] : [job.polledAt, WATCHED_POLL_MS];
  return now - last >= pause ? { job: { ...job, polledAt: now }, step: { kind: 'poll', at: now } } : null;
}

/** Deadlines. The shard asks this of every job whose step has come due, before it does the step. */
function onTime(job: Job, moment: Moment): Next | null {
  if (!isOver(job, moment.now, moment.policy)) return null;
  if (job.state === 'storing') return fail(job, RESULT_GONE, moment);
  return endWithout(job, job.state === 'unknown' ? UNKNOWN_SUBMIT : DEADLINE, true, moment);
}
