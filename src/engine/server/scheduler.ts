import { setTimeout as delay } from 'node:timers/promises';
import type { StartRender } from '../contract.ts';
import type { Changes } from './changes.ts';
import type { VideoFiles } from './files.ts';
import { type Log, messageOf } from './log.ts';
import type { Outcome } from './outcome.ts';
import type { LogEntry, RequestStore, StoredRequest } from './requests.ts';
import { RUN_LIMITS, type Run, type RunEnd, type RunLimits, startRun, verdictOnRun } from './run.ts';

/** What the scheduler works with. */
export interface SchedulerParts {
  readonly requests: RequestStore;
  readonly files: VideoFiles;
  readonly changes: Changes;
  readonly log: Log;
  readonly startRender: StartRender;
  /** Renders at a time. */
  readonly concurrency: number;
  /** Called when a request has ended and its webhook may be due. */
  readonly onEnded: () => void;
  readonly limits?: RunLimits;
}

/** How long to wait before the database is tried again where it failed, in milliseconds: a full disk may be emptied. */
const STORE_RETRY_MS = 2_000;

/** The longest that one timer runs, in milliseconds: Node's limit is 2^31 - 1, an hour is plenty. */
const MAX_TIMER_MS = 3_600_000;

/** A request that is being run here. */
interface Active {
  readonly request: StoredRequest;
  run?: Run;
  cancelled: boolean;
  done: Promise<void>;
}

/** Runs queued requests, oldest first, so many at a time. The queue itself is in the database: this only works it off. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #active = new Map<string, Active>();
  readonly #closing = new AbortController();
  #woken: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Says that there may be something to run. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#woken ??= setImmediate(() => {
      this.#woken = undefined;
      this.#step();
    });
  }

  /** The log of a request: what its render has said so far, or what was kept of it. */
  logsOf(request: StoredRequest): readonly LogEntry[] {
    return this.#active.get(request.id)?.run?.logs ?? request.logs;
  }

  /** Cancels a request, given as it is now: at once while it waits; by killing its render while it runs. */
  cancel(request: StoredRequest): 'requested' | 'already_completed' {
    const { requests } = this.#parts;
    if (request.state === 'ended') return 'already_completed';
    if (request.state === 'queued') {
      this.#endWaiting(request, { kind: 'cancelled' });
      return 'requested';
    }
    requests.requestCancel(request.id);
    const active = this.#active.get(request.id);
    if (active) {
      active.cancelled = true;
      active.run?.stop();
    }
    return 'requested';
  }

  /** Starts nothing more and kills what runs; those requests go back to their places in the queue. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearImmediate(this.#woken);
    clearTimeout(this.#timer);
    for (const active of this.#active.values()) active.run?.stop();
    await Promise.all([...this.#active.values()].map((active) => active.done));
  }

  #step(): void {
    clearTimeout(this.#timer);
    try {
      this.#giveUpOverdue(Date.now());
      this.#fill();
      const next = this.#parts.requests.nextStartBy();
      if (next !== undefined) this.#wakeIn(next - Date.now());
    } catch (error) {
      this.#logFailure('queue_unreadable', error);
      this.#wakeIn(STORE_RETRY_MS);
    }
  }

  #wakeIn(ms: number): void {
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(ms, 0), MAX_TIMER_MS));
  }

  #giveUpOverdue(now: number): void {
    for (const request of this.#parts.requests.overdue(now)) {
      this.#endWaiting(request, { kind: 'not_started' });
      this.#parts.log({ level: 'warn', event: 'request_not_started_in_time', request_id: request.id });
    }
  }

  #endWaiting(request: StoredRequest, outcome: Outcome): void {
    this.#parts.requests.end(request, outcome, [], Date.now());
    this.#parts.changes.notify();
    this.#parts.onEnded();
  }

  /** Claiming and noting the claim is one step, so that a cancel finds a request either waiting or noted. */
  #fill(): void {
    while (this.#active.size < this.#parts.concurrency) {
      const request = this.#parts.requests.claimNext(Date.now());
      if (!request) return;
      const active: Active = { request, cancelled: false, done: Promise.resolve() };
      this.#active.set(request.id, active);
      active.done = this.#work(active);
      this.#parts.changes.notify();
    }
  }

  async #work(active: Active): Promise<void> {
    const { request } = active;
    try {
      const end = await this.#render(active);
      await this.#settle(active, end);
    } catch (error) {
      this.#logFailure('request_unsettled', error, request.id);
    } finally {
      this.#active.delete(request.id);
      this.#parts.changes.notify();
      this.wake();
    }
  }

  async #render(active: Active): Promise<RunEnd> {
    const { requests, files, changes, log, startRender, limits } = this.#parts;
    const { request } = active;
    log({ level: 'info', event: 'render_started', request_id: request.id, attempt: request.attempt });
    try {
      active.run = startRun(
        startRender,
        requests.input(request.id),
        files.prepare(request),
        () => changes.notify(),
        limits ?? RUN_LIMITS,
      );
      const end = await active.run.ended;
      if (end.kind !== 'done') return end;
      return { kind: 'done', file: { ...end.file, bytes: await files.seal(request) } };
    } catch (error) {
      return { kind: 'crashed', message: messageOf(error) };
    }
  }

  async #settle(active: Active, end: RunEnd): Promise<void> {
    const { requests, files, log, onEnded } = this.#parts;
    const { request } = active;
    const outcome = this.#verdict(active, end);
    if (outcome === 'give_back') {
      requests.giveBack(request);
      log({ level: 'info', event: 'render_interrupted', request_id: request.id });
    } else {
      const logs = active.run?.logs ?? [];
      await this.#insist(() => requests.end(request, outcome, logs, Date.now()));
      log({
        level: outcome.kind === 'crashed' ? 'error' : 'info',
        event: 'render_ended',
        request_id: request.id,
        outcome: outcome.kind,
        status: outcome.kind === 'failed' ? outcome.status : undefined,
        message: end.kind === 'crashed' ? end.message : undefined,
      });
      onEnded();
    }
    if (outcome === 'give_back' || outcome.kind !== 'done') await files.remove(request);
  }

  #verdict({ cancelled, request }: Active, end: RunEnd): Outcome | 'give_back' {
    try {
      return verdictOnRun(end, { cancelled, closing: this.#closing.signal.aborted });
    } catch (error) {
      this.#logFailure('render_outcome_invalid', error, request.id);
      return { kind: 'crashed' };
    }
  }

  /** Does something with the database, again and again where that fails, until the engine closes. */
  async #insist<Result>(work: () => Result): Promise<Result> {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        this.#logFailure('database_failed', error);
        await delay(STORE_RETRY_MS, undefined, { signal: this.#closing.signal });
      }
    }
  }

  #logFailure(event: string, error: unknown, request_id?: string): void {
    this.#parts.log({
      level: 'error',
      event,
      message: messageOf(error),
      ...(request_id ? { request_id } : {}),
    });
  }
}
