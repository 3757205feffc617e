/** A job's steps: one request upstream each, its reply handed to the ledger. No decision is made here. */

import type { CopyOutcome, ImageSource } from '../media/contract.ts';
import { modelOf } from '../models/index.ts';
import type { Upstream, UpstreamHandle, UpstreamVideo } from '../upstream/contract.ts';
import type { Claim } from './due.ts';
import { isEnded, isOver, type JobPolicy } from './job.ts';
import { type JobLedger, maySend } from './ledger.ts';
import { COPY_CLAIM_MS, COPY_RENEW_MS, TIMEOUT_MS } from './schedule.ts';
import type { JobEvent } from './state.ts';
import type { JobStore, StoredJob } from './store.ts';

export interface StepDeps {
  readonly store: JobStore;
  readonly ledger: JobLedger;
  readonly policy: JobPolicy;
  /** Throws when no upstream is configured; the work is then planned again. */
  readonly upstream: () => Upstream;
  readonly now: () => number;
  /** The same URL on every call for one job: an upstream that dedupes goes by it. */
  readonly callbackUrl: (stored: StoredJob) => Promise<string>;
  /** An image's address for the upstream: a signed link when the bytes are ours. */
  readonly imageUrl: (image: ImageSource) => Promise<string>;
  readonly copy: (jobId: string, source: UpstreamVideo, signal: AbortSignal) => Promise<CopyOutcome>;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

export class JobSteps {
  readonly #deps: StepDeps;

  constructor(deps: StepDeps) {
    this.#deps = deps;
  }

  /** Does the claimed step of a job, or ends the job when its time is up. */
  async run(claim: Claim): Promise<void> {
    const { store, ledger } = this.#deps;
    const stored = store.job(claim.key);
    if (!stored || stored === 'gone' || isEnded(stored.job.state)) {
      store.transaction(() => store.due.drop(claim.key));
      return;
    }
    if (isOver(stored.job, this.#deps.now(), this.#deps.policy)) {
      await this.#cancelQuietly(stored);
      ledger.apply(claim.key, { type: 'time' }, claim);
      return;
    }
    const event = await this.#step(claim, stored);
    if (!event) return;
    const applied = ledger.apply(claim.key, event, claim);
    this.#log(claim, event, applied?.changed ?? false);
    // A held claim whose outcome changed nothing would be done again at once: its row is planned a little later.
    if (applied && !applied.changed && store.due.holds(claim)) {
      store.due.plan(claim.key, claim.kind, this.#deps.now() + IDLE_STEP_MS);
    }
  }

  async #step(claim: Claim, stored: StoredJob): Promise<JobEvent | null> {
    const { job } = stored;
    const { upstream } = this.#deps;
    const signal = AbortSignal.timeout(TIMEOUT_MS[claim.kind]);
    switch (claim.kind) {
      case 'submit':
        return this.#submit(claim, stored, signal);
      case 'poll':
        return job.handle && { type: 'poll', reply: await upstream().poll(job.handle, signal) };
      case 'result':
        return job.handle && { type: 'result', reply: await upstream().result(job.handle, signal) };
      case 'cancel':
        return job.handle && { type: 'cancel', reply: await upstream().cancel(job.handle, signal) };
      case 'copy':
        return (
          job.source && { type: 'copy', outcome: await this.#copy(claim, stored.id, job.source, signal) }
        );
      default:
        return null;
    }
  }

  async #submit(claim: Claim, stored: StoredJob, signal: AbortSignal): Promise<JobEvent | null> {
    const { ledger, policy, callbackUrl, imageUrl } = this.#deps;
    if (!maySend(stored.job, policy)) {
      return {
        type: 'submit',
        reply: { kind: 'unknown', detail: 'the process ended while the submit was under way' },
      };
    }
    const { request } = stored;
    const model = modelOf(request.model);
    if (!model) throw new TypeError(`no model ${request.model} in the catalogue`);
    const { start, end } = request.images;
    const images = { start: await imageUrl(start), ...(end ? { end: await imageUrl(end) } : {}) };
    const submit = {
      endpoint: model.endpoint,
      input: model.upstreamInput(request.input, images),
      callbackUrl: await callbackUrl(stored),
    };
    // The intent is written last, so that nothing but the request itself stands between it and the reply, and only
    // under a claim that still holds: a cancel may have ended the job while the links were made.
    if (!ledger.apply(stored.id, { type: 'send' }, claim)?.changed) return null;
    return { type: 'submit', reply: await this.#deps.upstream().submit(submit, signal) };
  }

  /** Copies under a claim that is renewed while the copy lives. */
  async #copy(claim: Claim, jobId: string, source: UpstreamVideo, signal: AbortSignal): Promise<CopyOutcome> {
    const { store, now, copy } = this.#deps;
    const renewing = setInterval(() => store.due.renew(claim, now() + COPY_CLAIM_MS), COPY_RENEW_MS);
    try {
      // The race, since R2 knows no signal: a copy that hangs must let go of its claim, or its job would never end.
      return await Promise.race([copy(jobId, source, signal), tookTooLong(signal)]);
    } finally {
      clearInterval(renewing);
    }
  }

  /** A job that is given up is canceled upstream first; whether that works changes nothing for the customer. */
  async #cancelQuietly({ id, job }: StoredJob): Promise<void> {
    const handle: UpstreamHandle | null = job.state === 'submitted' ? job.handle : null;
    if (!handle) return;
    let cancel: string;
    try {
      cancel = (await this.#deps.upstream().cancel(handle, AbortSignal.timeout(TIMEOUT_MS.cancel))).kind;
    } catch (cause) {
      // No upstream is configured any more. The job ends all the same.
      cancel = String(cause);
    }
    this.#deps.log({ event: 'given_up', job_id: id, request_id: handle.requestId, cancel });
  }

  #log(claim: Claim, event: JobEvent, changed: boolean): void {
    const kind =
      'reply' in event ? event.reply.kind : event.type === 'copy' ? event.outcome.kind : event.type;
    const detail =
      'reply' in event && 'detail' in event.reply
        ? event.reply.detail
        : event.type === 'copy' && 'detail' in event.outcome
          ? event.outcome.detail
          : undefined;
    this.#deps.log({
      event: `job_${claim.kind}`,
      job_id: claim.key,
      outcome: kind,
      changed,
      ...(detail ? { detail } : {}),
    });
  }
}

function tookTooLong(signal: AbortSignal): Promise<CopyOutcome> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ kind: 'retry', detail: 'took too long' }), {
      once: true,
    });
  });
}

/** Pause before a step whose outcome was of no use is done again. */
const IDLE_STEP_MS = 5_000;
