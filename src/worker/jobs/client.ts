/** The Worker's side of a shard: calls with fresh stubs, retried where a retry is the same call. */

import { CallTimeout, callTwice, isOverloaded, twice, within } from '../calls.ts';
import type { Env } from '../env.ts';
import type { ShardRef } from '../ids.ts';
import { shardStub } from '../objects.ts';
import type {
  CancelOutcome,
  CheckCommand,
  CheckOutcome,
  JobQuery,
  Refusal,
  StatusOutcome,
  SubmitCommand,
  SubmitOutcome,
} from './contract.ts';

/** As long as a submit may wait for a lease with recall rounds. */
const CHECK_MS = 60_000;
const READ_MS = 15_000;
/** Pause before a wait that broke is attached again. It doubles, so that a shard that keeps failing is not hammered. */
const REATTACH_MS = 200;
const MAX_REATTACH_MS = 5_000;

export class ShardClient {
  readonly #env: Env;
  readonly #shard: ShardRef;

  constructor(env: Env, shard: ShardRef) {
    this.#env = env;
    this.#shard = shard;
  }

  /**
   * Idempotent by job id, so a lost reply is asked for again. Without a time limit of its own: the shard bounds every
   * wait of a submit, and a connection that breaks rejects. A timer here is 4 % of what a submit costs (npm run bench).
   */
  submit(command: SubmitCommand): Promise<SubmitOutcome> {
    return twice(() => this.#stub().submit(command));
  }

  check(command: CheckCommand): Promise<CheckOutcome> {
    return callTwice(CHECK_MS, () => this.#stub().check(command));
  }

  authorize(keyHash: string): Promise<{ readonly kind: 'ok' } | Refusal> {
    return callTwice(READ_MS, () => this.#stub().authorize(keyHash));
  }

  status(query: JobQuery): Promise<StatusOutcome> {
    return callTwice(READ_MS, () => this.#stub().status(query));
  }

  async cancel(query: JobQuery): Promise<CancelOutcome> {
    let tries = 0;
    const outcome = await callTwice(READ_MS, () => {
      tries++;
      return this.#stub().cancel(query);
    });
    // The first try may have canceled the job, and only its answer was lost.
    const ours = tries > 1 && outcome.kind === 'ended' && outcome.job.status === 'canceled';
    return ours ? { kind: 'canceled', job: outcome.job } : outcome;
  }

  /**
   * The job once it has ended, or as it is after `ms` milliseconds. A wait that a restart of the shard broke is
   * attached again.
   */
  async wait(query: JobQuery, ms: number): Promise<StatusOutcome> {
    const until = Date.now() + ms;
    let pause = REATTACH_MS;
    for (let left = ms; left > 0; left = until - Date.now()) {
      try {
        return await within(left, () => this.#stub().wait(query));
      } catch (cause) {
        if (cause instanceof CallTimeout || isOverloaded(cause)) break;
        console.warn({ event: 'wait_broke', job_id: query.jobId, cause: String(cause) });
        const jittered = pause * (0.5 + Math.random());
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(jittered, Math.max(0, until - Date.now()))),
        );
        pause = Math.min(pause * 2, MAX_REATTACH_MS);
      }
    }
    return this.status(query);
  }

  #stub() {
    return shardStub(this.#env, this.#shard);
  }
}
