/**
 * JobShard: the jobs of one account in one region. A thin shell: it wires the parts, checks keys, and turns calls into
 * theirs. One database holds jobs, their holds, due work and events, so money and state commit together.
 */

import { DurableObject } from 'cloudflare:workers';
import type {
  AccountForShard,
  RecallRequest,
  Replica,
  ShardBalance,
  ShardForAccount,
} from '../accounts/contract.ts';
import { floatOf, giveBack, type ShardTotals, totalsOf } from '../accounts/float.ts';
import { callTwice } from '../calls.ts';
import type { TickReport } from '../directory/contract.ts';
import { configOf, type Env } from '../env.ts';
import { parseShardName } from '../ids.ts';
import { modelOf } from '../models/index.ts';
import { accountStub, directoryStub } from '../objects.ts';
import { Admission } from './admission.ts';
import { Alarm } from './alarm.ts';
import type {
  CallbackCommand,
  CancelOutcome,
  CheckCommand,
  CheckOutcome,
  JobQuery,
  Refusal,
  StatusOutcome,
  SubmitCommand,
  SubmitOutcome,
} from './contract.ts';
import { Deliveries } from './deliveries.ts';
import { type Claim, RETAIN_KEY, SETTLE_KEY } from './due.ts';
import { isEnded } from './job.ts';
import { JobLedger } from './ledger.ts';
import { Listing } from './listing.ts';
import { Outside } from './outside.ts';
import { Pump } from './pump.ts';
import { KeyReplica } from './replica.ts';
import { FLOAT_IDLE_MS } from './schedule.ts';
import { JobSteps } from './steps.ts';
import { JobStore } from './store.ts';
import { Upkeep } from './upkeep.ts';
import { viewOf } from './view.ts';
import { Waiters } from './waiters.ts';

/**
 * A tick waits at most this long for the work that it started, which goes on without it. Far below the ten seconds of
 * invariant 17: shards that are merely busy must not keep the sweep from those whose alarm is lost.
 */
const TICK_MS = 2_000;
/** Bound of a call that learns a key or marks the directory. */
const CALL_MS = 10_000;
/** Seconds after which a call that met an unreachable object is worth repeating. */
const RETRY_AFTER_S = 2;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

export class JobShard extends DurableObject<Env> implements ShardForAccount {
  readonly #store: JobStore;
  readonly #alarm: Alarm;
  readonly #replica: KeyReplica;
  readonly #listing: Listing;
  readonly #admission: Admission;
  readonly #ledger: JobLedger;
  readonly #outside: Outside;
  readonly #upkeep: Upkeep;
  readonly #pump: Pump;
  readonly #waiters = new Waiters();
  /** Submits on their way to a commit: work as good as open. */
  #entering = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const name = ctx.id.name ?? '';
    const shard = parseShardName(name);
    if (!shard) throw new TypeError(`a JobShard must be named account/region/n, not "${name}"`);
    const config = configOf(env);
    const store = new JobStore(ctx.storage);
    this.#store = store;
    this.#alarm = new Alarm(ctx.storage, store.due);
    store.due.onPlan = (at) => this.#alarm.cover(at, Date.now());
    store.onRollback = () => this.#alarm.forget();
    // Work that was under way when this object last ended is nobody's now.
    if (store.ready && store.due.releaseClaims() > 0) this.#alarm.recover(Date.now());
    const account = (): AccountForShard => accountStub(env, shard.account);
    this.#replica = new KeyReplica(ctx.storage.kv, name, account, store.ready);
    this.#listing = new Listing(ctx.storage.kv, name, () => directoryStub(env, shard.region), store.ready);
    const now = () => Date.now();
    const random = () => Math.random();
    const log = (entry: Readonly<Record<string, unknown>>) => console.log({ shard: name, ...entry });
    const policy = {
      dedupes: config.FAL_DEDUPES,
      jobDeadlineMs: config.JOB_DEADLINE_S * SECOND_MS,
      submitDeadlineMs: config.SUBMIT_DEADLINE_S * SECOND_MS,
    };
    const retentionMs = config.RESULT_RETENTION_DAYS * DAY_MS;
    this.#outside = new Outside({ env, config, shard, webhookSecret: () => this.#replica.webhookSecret });
    this.#admission = new Admission({
      store,
      shard: name,
      account,
      now,
      retentionMs,
      onWork: () => this.#pump.kick(['submit']),
      log,
    });
    this.#ledger = new JobLedger({
      store,
      policy,
      now,
      random,
      onEnd: ({ id, job, credits }) => {
        this.#waiters.release(id);
        log({
          event: 'job_ended',
          job_id: id,
          state: job.state,
          credits,
          ...(job.failure ? { code: job.failure.code } : {}),
        });
        // What a failed job released may be what somebody waits for.
        this.#admission.grant(0, () => undefined);
      },
      onWork: () => this.#pump.kick(),
    });
    const outside = this.#outside;
    const steps = new JobSteps({
      store,
      ledger: this.#ledger,
      policy,
      upstream: () => outside.upstream,
      now,
      callbackUrl: (stored) => outside.callbackUrl(stored),
      imageUrl: (image) => outside.imageUrl(image, now()),
      copy: (jobId, source, signal) => outside.copy(jobId, source, signal),
      log,
    });
    const deliveries = new Deliveries({
      store,
      send: (delivery, stored) => outside.send(delivery, stored),
      now,
      random,
      log,
    });
    this.#upkeep = new Upkeep({
      store,
      kv: ctx.storage.kv,
      shard,
      shardName: name,
      admission: this.#admission,
      account,
      deleteFiles: (jobId) => outside.deleteFiles(jobId),
      retentionMs,
      now,
      log,
    });
    const work = (claim: Claim): Promise<void> => {
      if (claim.kind === 'deliver') return deliveries.run(claim);
      if (claim.kind === 'settle') return this.#upkeep.settle(claim);
      if (claim.kind === 'retain') return this.#upkeep.retain(claim);
      return steps.run(claim);
    };
    this.#pump = new Pump({ due: store.due, work, now, random, log });
  }

  /** Takes a job in: durable, with its hold, before the answer. Idempotent by job id and by Idempotency-Key. */
  async submit(command: SubmitCommand): Promise<SubmitOutcome> {
    return this.#enter(command.keyHash, () => this.#admission.submit(command));
  }

  /** A look at key and balance, before the edge stores input bytes. Holds nothing. */
  async check(command: CheckCommand): Promise<CheckOutcome> {
    return this.#enter(command.keyHash, () => this.#admission.check(command.credits));
  }

  /** Whether the key is valid, for what needs no job: uploads. */
  async authorize(keyHash: string): Promise<{ readonly kind: 'ok' } | Refusal> {
    return (await this.#refuse(keyHash)) ?? { kind: 'ok' };
  }

  /** The job as its owner may see it. */
  async status(query: JobQuery): Promise<StatusOutcome> {
    if (!this.#store.ready) return { kind: 'not_found' };
    const refusal = await this.#refuse(query.keyHash);
    if (refusal) return refusal;
    const stored = this.#store.job(query.jobId);
    if (stored === 'gone') return { kind: 'gone' };
    if (!stored) return { kind: 'not_found' };
    // Only a poll that is far off: planning anew would throw away the answer of a poll or a result under way.
    if (stored.job.state === 'submitted' && this.#store.due.isAhead(stored.id, 'poll', Date.now())) {
      this.#ledger.apply(stored.id, { type: 'watched' });
    }
    return { kind: 'found', job: viewOf(stored) };
  }

  /** The job once it has ended. The caller bounds the wait. */
  async wait(query: JobQuery): Promise<StatusOutcome> {
    const first = await this.status(query);
    if (first.kind !== 'found' || first.job.status !== 'in_progress') return first;
    // Looked at once more, since the job may have ended while that answer was on its way here.
    const stored = this.#store.job(query.jobId);
    if (stored && stored !== 'gone' && !isEnded(stored.job.state)) await this.#waiters.end(query.jobId);
    return this.status(query);
  }

  /** Cancels now where nothing has left yet; else asks upstream, whose outcome decides (invariant 6). */
  async cancel(query: JobQuery): Promise<CancelOutcome> {
    if (!this.#store.ready) return { kind: 'not_found' };
    const refusal = await this.#refuse(query.keyHash);
    if (refusal) return refusal;
    const before = this.#store.job(query.jobId);
    if (before === 'gone') return { kind: 'gone' };
    if (!before) return { kind: 'not_found' };
    if (isEnded(before.job.state)) return { kind: 'ended', job: viewOf(before) };
    const after = this.#ledger.apply(query.jobId, { type: 'cancel_requested' })?.stored ?? before;
    return { kind: after.job.state === 'canceled' ? 'canceled' : 'requested', job: viewOf(after) };
  }

  /** A verified callback of the upstream. Twice, late, or for a job that has ended, it changes nothing. */
  async callback(command: CallbackCommand): Promise<{ applied: boolean }> {
    const stored = this.#store.job(command.jobId);
    if (!stored || stored === 'gone') return { applied: false };
    const model = modelOf(stored.request.model);
    if (!model) return { applied: false };
    const { event } = command;
    const handle = this.#outside.upstream.handle(model.endpoint, event.requestId);
    const applied = this.#ledger.apply(command.jobId, { type: 'callback', event, handle })?.changed ?? false;
    console.log({
      event: 'callback',
      job_id: command.jobId,
      request_id: event.requestId,
      outcome: event.outcome.kind,
      applied,
    });
    return { applied };
  }

  /** The same step as the alarm, from cron: guaranteed, whatever became of the alarm (invariant 17). */
  async tick(): Promise<TickReport> {
    if (!this.#store.ready) return { worked: 0, due: 0 };
    const before = this.#pump.done;
    this.#upkeep.planRetain();
    if (this.#isOpen(Date.now())) this.#listing.touch(Date.now());
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TICK_MS);
    });
    await Promise.race([this.#pump.idle(), over]);
    clearTimeout(timer);
    const now = Date.now();
    this.#pump.kick();
    await this.#alarm.repair(now);
    if (!this.#isOpen(now)) await this.#listing.leaveIfQuiet(now, this.#store.due.at(RETAIN_KEY));
    return { worked: this.#pump.done - before, due: this.#store.due.countDue(now) };
  }

  /** Arms first, then works, then arms for what is due next. The work goes on after the answer: an alarm that waited
   * for a slow receiver would hold back the next one. */
  override async alarm(): Promise<void> {
    if (!this.#store.ready) return;
    const now = Date.now();
    this.#alarm.lease(now);
    this.#pump.kick();
    this.ctx.waitUntil(this.#pump.idle());
    await this.#alarm.rest(now);
  }

  /** Gives all unheld float back to the account, after the submits that wait here have had theirs. Calls nobody. */
  async recall({ leased }: RecallRequest): Promise<ShardTotals> {
    return this.#admission.grant(leased, () => {
      const row = this.#store.book();
      const book = giveBack(row.book, floatOf(row.book));
      if (book !== row.book) {
        this.#store.writeBook({ ...row, book });
        // Until the account acknowledges it, what was returned is open work: its answer to this call may be lost.
        this.#store.due.planSooner(SETTLE_KEY, 'settle', Date.now() + FLOAT_IDLE_MS);
      }
      return totalsOf(book);
    });
  }

  /** What this shard holds for the account's balance. Calls nobody. */
  async balance({ leased }: RecallRequest): Promise<ShardBalance> {
    return this.#admission.grant(leased, () => {
      const { book } = this.#store.book();
      return { float: floatOf(book), held: book.held, totals: totalsOf(book) };
    });
  }

  /** Takes over the account's keys and webhook secret; an older version changes nothing. */
  async applyReplica(replica: Replica): Promise<{ version: number }> {
    this.#store.open();
    this.#replica.apply(replica);
    return { version: this.#replica.version };
  }

  /** Key, then listing, then admission: no work is opened by a shard that the sweep would not find. */
  async #enter<T>(keyHash: string, admit: () => Promise<T>): Promise<T | Refusal> {
    this.#entering++;
    try {
      return (await this.#refuse(keyHash)) ?? (await this.#list()) ?? (await admit());
    } finally {
      this.#entering--;
    }
  }

  /** Puts the shard on its directory's list, unless it is there. */
  async #list(): Promise<Refusal | null> {
    if (this.#listing.listed) {
      this.#listing.touch(Date.now());
      return null;
    }
    try {
      this.#store.open();
      await callTwice(CALL_MS, () => this.#listing.ensure(Date.now()));
      return null;
    } catch (cause) {
      console.log({ event: 'mark_failed', cause: String(cause) });
      return { kind: 'unavailable', part: 'directory', retryAfter: RETRY_AFTER_S };
    }
  }

  async #refuse(keyHash: string): Promise<Refusal | null> {
    const known = this.#replica.knows(keyHash);
    if (known !== undefined) return known ? null : { kind: 'unauthorized' };
    try {
      this.#store.open();
      return (await callTwice(CALL_MS, () => this.#replica.isValid(keyHash)))
        ? null
        : { kind: 'unauthorized' };
    } catch (cause) {
      console.log({ event: 'learn_failed', cause: String(cause) });
      return { kind: 'unavailable', part: 'credits', retryAfter: RETRY_AFTER_S };
    }
  }

  #isOpen(now: number): boolean {
    return this.#entering > 0 || this.#store.due.isOpen(now + DAY_MS);
  }
}
