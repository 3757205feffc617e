import { describe, expect, it } from 'vitest';
import type { JobFailure } from '../../src/worker/errors.ts';
import { isEnded, isOver, type Job, type JobState, newJob } from '../../src/worker/jobs/job.ts';
import { advance, type JobEvent, type Moment } from '../../src/worker/jobs/state.ts';
import type { UpstreamEvent, UpstreamHandle } from '../../src/worker/upstream/contract.ts';

const T = 1_000_000;
const policy = { dedupes: false, jobDeadlineMs: 3_600_000, submitDeadlineMs: 900_000 };
const at = (now: number, change: Partial<typeof policy> = {}): Moment => ({
  now,
  random: 0.5,
  policy: { ...policy, ...change },
});
const handle: UpstreamHandle = { requestId: 'r1', statusUrl: 's', responseUrl: 'r', cancelUrl: 'c' };
const other: UpstreamHandle = { ...handle, requestId: 'r2' };
const failure: JobFailure = { code: 'content_policy_violation', message: 'Change the prompt.' };
const busy: JobFailure = { code: 'upstream_busy', message: 'Try later.' };
const source = { url: 'https://v3b.fal.media/x.mp4' };
const video = { key: 'out/a/b.mp4', bytes: 9, duration: 6, width: 1920, height: 1080, fps: 25 };

const job = (state: JobState, change: Partial<Job> = {}): Job => ({
  ...newJob(T, 30_000),
  state,
  ...(state === 'submitted' || state === 'storing' ? { handle, submittedAt: T } : {}),
  ...(state === 'unknown' ? { unknownUntil: T + 900_000 } : {}),
  ...(state === 'storing' ? { source } : {}),
  ...change,
});
const callback = (outcome: UpstreamEvent['outcome'], requestId = 'r1'): JobEvent => ({
  type: 'callback',
  event: { requestId, outcome },
  handle: requestId === 'r1' ? handle : other,
});

/** What a row of a table says of the job after the event. */
interface Row {
  readonly what: string;
  readonly job: Job;
  readonly event: JobEvent;
  readonly moment?: Moment;
  /** State, step and its time from T, or null when the event changes nothing. */
  readonly gives: { state: JobState; step: string | null; after?: number; failure?: string } | null;
}

const rows: readonly Row[] = [
  {
    what: 'a queued job is sent',
    job: job('queued'),
    event: { type: 'send' },
    gives: { state: 'submitting', step: 'keep' },
  },
  { what: 'a job is not sent twice', job: job('submitted'), event: { type: 'send' }, gives: null },
  {
    what: 'accepted: polled after the usual time',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'accepted', handle } },
    gives: { state: 'submitted', step: 'poll', after: 37_500 },
  },
  {
    what: 'accepted after a cancel: the cancel goes up at once',
    job: job('submitting', { cancel: 'requested' }),
    event: { type: 'submit', reply: { kind: 'accepted', handle } },
    gives: { state: 'submitted', step: 'cancel', after: 0 },
  },
  {
    what: 'an answer that a callback overtook',
    job: job('storing'),
    event: { type: 'submit', reply: { kind: 'accepted', handle } },
    gives: null,
  },
  {
    what: 'refused',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'refused', failure } },
    gives: { state: 'failed', step: null, failure: failure.code },
  },
  {
    what: 'never connected: tried again',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'not_accepted', failure: busy } },
    gives: { state: 'queued', step: 'submit', after: 1_000 },
  },
  {
    what: 'upstream asks for a pause',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'not_accepted', failure: busy, retryAfterMs: 7_000 } },
    gives: { state: 'queued', step: 'submit', after: 7_000 },
  },
  {
    what: 'never connected for as long as a submit may take',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'not_accepted', failure: busy } },
    moment: at(T + 900_000),
    gives: { state: 'failed', step: null, failure: busy.code },
  },
  {
    what: 'never connected, and canceled meanwhile',
    job: job('submitting', { cancel: 'requested' }),
    event: { type: 'submit', reply: { kind: 'not_accepted', failure: busy } },
    gives: { state: 'canceled', step: null },
  },
  {
    what: 'unknown, to an upstream without idempotency: waits for the callback, is not sent again',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'unknown', detail: 'time-out' } },
    gives: { state: 'unknown', step: 'expire', after: 900_000 },
  },
  {
    what: 'unknown, to an upstream that dedupes: sent again',
    job: job('submitting'),
    event: { type: 'submit', reply: { kind: 'unknown', detail: 'time-out' } },
    moment: at(T, { dedupes: true }),
    gives: { state: 'submitting', step: 'submit', after: 1_000 },
  },
  {
    what: 'unknown for too long, to an upstream that dedupes',
    job: job('submitting', { unknownUntil: T + 5 }),
    event: { type: 'submit', reply: { kind: 'unknown', detail: 'time-out' } },
    moment: at(T + 5, { dedupes: true }),
    gives: { state: 'failed', step: null, failure: 'submit_outcome_unknown' },
  },
  {
    what: 'queued upstream',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'queued', position: 3 } },
    moment: at(T + 40_000),
    gives: { state: 'submitted', step: 'poll', after: 50_000 },
  },
  {
    what: 'rendering upstream',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'running' } },
    moment: at(T + 400_000),
    gives: { state: 'submitted', step: 'poll', after: 460_000 },
  },
  {
    what: 'completed upstream: the result is fetched',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'completed' } },
    gives: { state: 'submitted', step: 'result', after: 0 },
  },
  {
    what: 'failed upstream',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'failed', failure } },
    gives: { state: 'failed', step: null, failure: failure.code },
  },
  {
    what: 'canceled upstream as we asked',
    job: job('submitted', { cancel: 'sent' }),
    event: { type: 'poll', reply: { kind: 'failed', failure, canceled: true } },
    gives: { state: 'canceled', step: null },
  },
  {
    what: 'canceled upstream by nobody of ours',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'failed', failure, canceled: true } },
    gives: { state: 'failed', step: null, failure: failure.code },
  },
  {
    what: 'a status that nobody knows is waited on',
    job: job('submitted', { attempts: 2 }),
    event: { type: 'poll', reply: { kind: 'unclear', detail: 'PAUSED' } },
    gives: { state: 'submitted', step: 'poll', after: 4_000 },
  },
  {
    what: 'not found right after the submit',
    job: job('submitted'),
    event: { type: 'poll', reply: { kind: 'not_found' } },
    gives: { state: 'submitted', step: 'poll', after: 1_000 },
  },
  {
    what: 'not found for the first time after other troubles',
    job: job('submitted', { attempts: 5 }),
    event: { type: 'poll', reply: { kind: 'not_found' } },
    gives: { state: 'submitted', step: 'poll', after: 32_000 },
  },
  {
    what: 'not found again and again',
    job: job('submitted', { attempts: 5, notFound: 5 }),
    event: { type: 'poll', reply: { kind: 'not_found' } },
    gives: { state: 'failed', step: null, failure: 'upstream_error' },
  },
  {
    what: 'a poll that comes late',
    job: job('storing'),
    event: { type: 'poll', reply: { kind: 'failed', failure } },
    gives: null,
  },
  {
    what: 'a video',
    job: job('submitted'),
    event: { type: 'result', reply: { kind: 'video', video: source } },
    gives: { state: 'storing', step: 'copy', after: 0 },
  },
  {
    what: 'a result that is not ready after all',
    job: job('submitted'),
    event: { type: 'result', reply: { kind: 'not_ready' } },
    gives: { state: 'submitted', step: 'poll', after: 1_000 },
  },
  {
    what: 'a result that vanished',
    job: job('submitted'),
    event: { type: 'result', reply: { kind: 'gone' } },
    gives: { state: 'failed', step: null, failure: 'result_unavailable' },
  },
  {
    what: 'a result that cannot be read now',
    job: job('submitted'),
    event: { type: 'result', reply: { kind: 'unclear', detail: '502' } },
    gives: { state: 'submitted', step: 'result', after: 1_000 },
  },
  {
    what: 'a callback with the video',
    job: job('submitted'),
    event: callback({ kind: 'video', video: source }),
    gives: { state: 'storing', step: 'copy', after: 0 },
  },
  {
    what: 'a callback that overtakes the answer to its submit',
    job: job('submitting'),
    event: callback({ kind: 'video', video: source }),
    gives: { state: 'storing', step: 'copy', after: 0 },
  },
  {
    what: 'a callback for a submit of unknown outcome',
    job: job('unknown'),
    event: callback({ kind: 'ended' }),
    gives: { state: 'submitted', step: 'result', after: 0 },
  },
  {
    what: 'a callback of another request',
    job: job('submitted'),
    event: callback({ kind: 'failed', failure }, 'r2'),
    gives: null,
  },
  {
    what: 'a callback for a job that was never sent',
    job: job('queued'),
    event: callback({ kind: 'failed', failure }),
    gives: null,
  },
  {
    what: 'a second callback',
    job: job('storing'),
    event: callback({ kind: 'video', video: source }),
    gives: null,
  },
  {
    what: 'stored',
    job: job('storing'),
    event: { type: 'copy', outcome: { kind: 'stored', video } },
    gives: { state: 'completed', step: null },
  },
  {
    what: 'a copy that broke',
    job: job('storing', { attempts: 1 }),
    event: { type: 'copy', outcome: { kind: 'retry', detail: 'cut off' } },
    gives: { state: 'storing', step: 'copy', after: 2_000 },
  },
  {
    what: 'a file that is no video',
    job: job('storing'),
    event: { type: 'copy', outcome: { kind: 'failed', failure } },
    gives: { state: 'failed', step: null, failure: failure.code },
  },
  {
    what: 'canceled before it was sent',
    job: job('queued'),
    event: { type: 'cancel_requested' },
    gives: { state: 'canceled', step: null },
  },
  {
    what: 'canceled while it is being sent',
    job: job('submitting'),
    event: { type: 'cancel_requested' },
    gives: { state: 'submitting', step: 'keep' },
  },
  {
    what: 'canceled while upstream has it',
    job: job('submitted'),
    event: { type: 'cancel_requested' },
    gives: { state: 'submitted', step: 'cancel', after: 0 },
  },
  {
    what: 'canceled twice',
    job: job('submitted', { cancel: 'sent' }),
    event: { type: 'cancel_requested' },
    gives: null,
  },
  {
    what: 'canceled while the video is being stored: too late to stop',
    job: job('storing'),
    event: { type: 'cancel_requested' },
    gives: { state: 'storing', step: 'keep' },
  },
  {
    what: 'upstream takes the cancel: its outcome decides',
    job: job('submitted', { cancel: 'requested' }),
    event: { type: 'cancel', reply: { kind: 'requested' } },
    gives: { state: 'submitted', step: 'poll', after: 1_000 },
  },
  {
    what: 'upstream had completed before the cancel: charged',
    job: job('submitted', { cancel: 'requested' }),
    event: { type: 'cancel', reply: { kind: 'already_completed' } },
    gives: { state: 'submitted', step: 'result', after: 0 },
  },
  {
    what: 'a cancel without an answer',
    job: job('submitted', { cancel: 'requested' }),
    event: { type: 'cancel', reply: { kind: 'unclear', detail: 'time-out' } },
    gives: { state: 'submitted', step: 'cancel', after: 1_000 },
  },
  {
    what: 'a cancel that never gets an answer',
    job: job('submitted', { cancel: 'requested', attempts: 4 }),
    event: { type: 'cancel', reply: { kind: 'unclear', detail: 'time-out' } },
    gives: { state: 'submitted', step: 'poll', after: 0 },
  },
  {
    what: 'somebody looks, and the last look upstream was long ago',
    job: job('submitted', { polledAt: T - 2_000 }),
    event: { type: 'watched' },
    gives: { state: 'submitted', step: 'poll', after: 0 },
  },
  {
    what: 'somebody looks for the first time, soon after it was taken',
    job: job('submitted'),
    event: { type: 'watched' },
    moment: at(T + 500),
    gives: { state: 'submitted', step: 'poll', after: 500 },
  },
  {
    what: 'somebody looks for the first time, right after it was taken',
    job: job('submitted'),
    event: { type: 'watched' },
    moment: at(T + 499),
    gives: null,
  },
  {
    what: 'somebody looks again at once',
    job: job('submitted', { polledAt: T - 1_999 }),
    event: { type: 'watched' },
    gives: null,
  },
  {
    what: 'looking does not hurry an upstream that is in trouble',
    job: job('submitted', { polledAt: T - 60_000, attempts: 1 }),
    event: { type: 'watched' },
    gives: null,
  },
  {
    what: 'time passes',
    job: job('submitted'),
    event: { type: 'time' },
    moment: at(T + 3_599_999),
    gives: null,
  },
  {
    what: 'the deadline of a job upstream',
    job: job('submitted'),
    event: { type: 'time' },
    moment: at(T + 3_600_000),
    gives: { state: 'failed', step: null, failure: 'deadline_exceeded' },
  },
  {
    what: 'the deadline of a job that was to be canceled',
    job: job('submitted', { cancel: 'sent' }),
    event: { type: 'time' },
    moment: at(T + 3_600_000),
    gives: { state: 'canceled', step: null },
  },
  {
    what: 'the deadline of a copy',
    job: job('storing', { cancel: 'requested' }),
    event: { type: 'time' },
    moment: at(T + 3_600_000),
    gives: { state: 'failed', step: null, failure: 'result_unavailable' },
  },
  {
    what: 'a submit of unknown outcome of which nothing was heard',
    job: job('unknown'),
    event: { type: 'time' },
    moment: at(T + 900_000),
    gives: { state: 'failed', step: null, failure: 'submit_outcome_unknown' },
  },
];

describe('advance', () => {
  it.each(rows)('$what', ({ job: before, event, moment = at(T), gives }) => {
    const next = advance(before, event, moment);
    if (gives === null) {
      expect(next).toBeNull();
      return;
    }
    const step = next?.step;
    expect({
      state: next?.job.state,
      step: typeof step === 'object' && step !== null ? step.kind : step,
      ...(typeof step === 'object' && step !== null ? { after: step.at - T } : {}),
      ...(next?.job.failure ? { failure: next.job.failure.code } : {}),
    }).toEqual(gives);
    if (isEnded(gives.state)) expect(next?.job.endedAt).toBe(moment.now);
  });

  it.each(['completed', 'failed', 'canceled'] as const)('lets nothing change a job that is %s', (state) => {
    for (const { event, moment = at(T) } of rows) expect(advance(job(state), event, moment)).toBeNull();
  });

  it('keeps what upstream said until it says something else', () => {
    const queued = advance(job('submitted'), { type: 'poll', reply: { kind: 'queued', position: 2 } }, at(T));
    expect(queued?.job).toMatchObject({ rendering: false, queuePosition: 2, polledAt: T });
    const running = advance(queued?.job as Job, { type: 'poll', reply: { kind: 'running' } }, at(T + 1));
    expect(running?.job).toMatchObject({ rendering: true, queuePosition: null, polledAt: T + 1 });
  });

  it('adopts the request of a callback that came before the answer to the submit', () => {
    const next = advance(job('unknown'), callback({ kind: 'ended' }, 'r2'), at(T + 5));
    expect(next?.job).toMatchObject({ handle: other, submittedAt: T + 5, unknownUntil: null });
  });
});

describe('isOver', () => {
  it.each([
    ['queued', 0, false],
    ['queued', 3_600_000, true],
    ['unknown', 899_999, false],
    ['unknown', 900_000, true],
    ['submitted', 900_000, false],
    ['completed', 9_999_999, false],
  ] as const)('%s after %i ms: %s', (state, after, over) => {
    expect(isOver(job(state), T + after, policy)).toBe(over);
  });
});
