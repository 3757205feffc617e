/** The Worker's side of a shard: calls with fresh stubs, retried where a retry is the same call. */

import { CallTimeout, callTwice, within } from '../calls.ts';
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

/** Longer than a submit that waits for a lease with recall rounds; a caller's own patience is shorter. */
const SUBMIT_MS = 60_000;
const READ_MS = 15_000;
/** Pause before a wait that broke is attached again, so that a shard that keeps failing is not hammered. */
const REATTACH_MS = 200;

export class ShardClient {
  readonly #env: Env;
  readonly #shard: ShardRef;

  constructor(env: Env, shard: ShardRef) {
    this.#env = env;
    this.#shard = shard;
  }

  /** Idempotent by job id, so a lost reply is asked for again. */
  submit(command: SubmitCommand): Promise<SubmitOutcome> {
    return callTwice(SUBMIT_MS, () => this.#stub().submit(command));
  }

  check(command: CheckCommand): Promise<CheckOutcome> {
    return callTwice(SUBMIT_MS, () => this.#stub().check(command));
  }

  authorize(keyHash: string): Promise<{ readonly kind: 'ok' } | Refusal> {
    return callTwice(READ_MS, () => this.#stub().authorize(keyHash));
  }

  status(query: JobQuery): Promise<StatusOutcome> {
    return callTwice(READ_MS, () => this.#stub().status(query));
  }

  cancel(query: JobQuery): Promise<CancelOutcome> {
    return callTwice(READ_MS, () => this.#stub().cancel(query));
  }

  /**
   * The job once it has ended, or as it is after `ms` milliseconds. A wait that a restart of the shard broke is
   * attached again.
   */
  async wait(query: JobQuery, ms: number): Promise<StatusOutcome> {
    const until = Date.now() + ms;
    for (let left = ms; left > 0; left = until - Date.now()) {
      try {
        return await within(left, () => this.#stub().wait(query));
      } catch (cause) {
        if (cause instanceof CallTimeout) break;
        console.warn({ event: 'wait_broke', job_id: query.jobId, cause: String(cause) });
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(REATTACH_MS, Math.max(0, until - Date.now()))),
        );
      }
    }
    return this.status(query);
  }

  #stub() {
    return shardStub(this.#env, this.#shard);
  }
}
