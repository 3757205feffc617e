/**
 * JobShard: the jobs of one account in one region, and in its home region the account's upload links. A thin shell: it
 * turns calls into those of its parts (parts.ts). One database holds jobs, their holds, due work and events, so money
 * and state commit together.
 */

import { DurableObject } from 'cloudflare:workers';
import type { RecallRequest, Replica, ShardBalance, ShardForAccount } from '../accounts/contract.ts';
import { floatOf, giveBack, type ShardTotals, totalsOf } from '../accounts/float.ts';
import type { TickReport } from '../directory/contract.ts';
import type { Env } from '../env.ts';
import type {
  AdvanceTus,
  AdvanceTusOutcome,
  BeginTus,
  BeginTusOutcome,
  CreateLink,
  CreateLinkOutcome,
  FinishUpload,
  FinishUploadOutcome,
  LinkOutcome,
  LinkQuery,
  LinkShard,
  ListLinks,
  ListLinksOutcome,
  OpenLinkOutcome,
  RevokeLinkOutcome,
  StartLink,
  StartLinkOutcome,
  TusOutcome,
  TusQuery,
} from '../links/contract.ts';
import { modelOf } from '../models/index.ts';
import type {
  DeliveryOutcome,
  DeliveryQuery,
  DeliveryShard,
  EndpointStatsOutcome,
  EndpointStatsQuery,
  ListDeliveries,
  ListDeliveriesOutcome,
  RecoverEndpoint,
  RecoverOutcome,
  ResendOutcome,
  TestEndpoint,
  TestOutcome,
} from '../webhooks/contract.ts';
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
import { SETTLE_KEY } from './due.ts';
import { isEnded } from './job.ts';
import { partsOf, type ShardParts } from './parts.ts';
import { FLOAT_IDLE_MS } from './schedule.ts';
import { viewOf } from './view.ts';

/**
 * A tick waits at most this long for the work that it started, which goes on without it. Far below the ten seconds of
 * invariant 17: shards that are merely busy must not keep the sweep from those whose alarm is lost.
 */
const TICK_MS = 2_000;
const DAY_MS = 86_400_000;

export class JobShard extends DurableObject<Env> implements ShardForAccount, LinkShard, DeliveryShard {
  readonly #parts: ShardParts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#parts = partsOf(ctx, env);
  }

  /** Takes a job in: durable, with its hold, before the answer. Idempotent by job id and by Idempotency-Key. */
  async submit(command: SubmitCommand): Promise<SubmitOutcome> {
    return this.#parts.door.enter(command.keyHash, () => this.#parts.admission.submit(command));
  }

  /** A look at key and balance, before the edge stores input bytes. Holds nothing. */
  async check(command: CheckCommand): Promise<CheckOutcome> {
    return this.#parts.door.enter(command.keyHash, () => this.#parts.admission.check(command.credits));
  }

  /** Whether the key is valid, for what needs no job: uploads. */
  async authorize(keyHash: string): Promise<{ readonly kind: 'ok' } | Refusal> {
    return (await this.#parts.door.refuse(keyHash)) ?? { kind: 'ok' };
  }

  /** The job as its owner may see it. */
  async status(query: JobQuery): Promise<StatusOutcome> {
    if (!this.#parts.store.ready) return { kind: 'not_found' };
    const refusal = await this.#parts.door.refuse(query.keyHash);
    if (refusal) return refusal;
    const stored = this.#parts.store.job(query.jobId);
    if (stored === 'gone') return { kind: 'gone' };
    if (!stored) return { kind: 'not_found' };
    // Only a poll that is far off: planning anew would throw away the answer of a poll or a result under way.
    if (stored.job.state === 'submitted' && this.#parts.store.due.isAhead(stored.id, 'poll', Date.now())) {
      this.#parts.ledger.apply(stored.id, { type: 'watched' });
    }
    return { kind: 'found', job: viewOf(stored) };
  }

  /** The job once it has ended. The caller bounds the wait. */
  async wait(query: JobQuery): Promise<StatusOutcome> {
    const first = await this.status(query);
    if (first.kind !== 'found' || first.job.status !== 'in_progress') return first;
    // Looked at once more, since the job may have ended while that answer was on its way here.
    const stored = this.#parts.store.job(query.jobId);
    if (stored && stored !== 'gone' && !isEnded(stored.job.state)) await this.#parts.waiters.end(query.jobId);
    return this.status(query);
  }

  /** Cancels now where nothing has left yet; else asks upstream, whose outcome decides (invariant 6). */
  async cancel(query: JobQuery): Promise<CancelOutcome> {
    if (!this.#parts.store.ready) return { kind: 'not_found' };
    const refusal = await this.#parts.door.refuse(query.keyHash);
    if (refusal) return refusal;
    const before = this.#parts.store.job(query.jobId);
    if (before === 'gone') return { kind: 'gone' };
    if (!before) return { kind: 'not_found' };
    if (isEnded(before.job.state)) return { kind: 'ended', job: viewOf(before) };
    const after = this.#parts.ledger.apply(query.jobId, { type: 'cancel_requested' })?.stored ?? before;
    return { kind: after.job.state === 'canceled' ? 'canceled' : 'requested', job: viewOf(after) };
  }

  /** A verified callback of the upstream. Twice, late, or for a job that has ended, it changes nothing. */
  async callback(command: CallbackCommand): Promise<{ applied: boolean }> {
    const stored = this.#parts.store.job(command.jobId);
    if (!stored || stored === 'gone') return { applied: false };
    const model = modelOf(stored.request.model);
    if (!model) return { applied: false };
    const { event } = command;
    const handle = this.#parts.outside.upstream.handle(model.endpoint, event.requestId);
    const applied =
      this.#parts.ledger.apply(command.jobId, { type: 'callback', event, handle })?.changed ?? false;
    console.log({
      event: 'callback',
      job_id: command.jobId,
      request_id: event.requestId,
      outcome: event.outcome.kind,
      applied,
    });
    return { applied };
  }

  // The account's upload links: links/contract.ts says what each call means.

  async createLink(command: CreateLink): Promise<CreateLinkOutcome> {
    return this.#parts.links.desk.create(command);
  }

  async link(query: LinkQuery): Promise<LinkOutcome> {
    return this.#parts.links.desk.read(query);
  }

  async links(query: ListLinks): Promise<ListLinksOutcome> {
    return this.#parts.links.desk.list(query);
  }

  async revokeLink(query: LinkQuery): Promise<RevokeLinkOutcome> {
    return this.#parts.links.desk.revoke(query);
  }

  async openLink(uploadId: string): Promise<OpenLinkOutcome> {
    return this.#parts.links.desk.open(uploadId);
  }

  async finishUpload(command: FinishUpload): Promise<FinishUploadOutcome> {
    return this.#parts.links.finish.finish(command);
  }

  async startLink(command: StartLink): Promise<StartLinkOutcome> {
    return this.#parts.links.finish.startByOwner(command);
  }

  async beginTus(command: BeginTus): Promise<BeginTusOutcome> {
    return this.#parts.links.resumable.begin(command);
  }

  async tus(query: TusQuery): Promise<TusOutcome> {
    return this.#parts.links.resumable.read(query);
  }

  async advanceTus(command: AdvanceTus): Promise<AdvanceTusOutcome> {
    return this.#parts.links.resumable.advance(command);
  }

  async dropTus(query: TusQuery): Promise<TusOutcome> {
    return this.#parts.links.resumable.drop(query);
  }

  // The account's deliveries: webhooks/contract.ts says what each call means.

  async deliveries(query: ListDeliveries): Promise<ListDeliveriesOutcome> {
    return this.#parts.desk.desk.list(query);
  }

  async delivery(query: DeliveryQuery): Promise<DeliveryOutcome> {
    return this.#parts.desk.desk.read(query);
  }

  async resend(query: DeliveryQuery): Promise<ResendOutcome> {
    return this.#parts.desk.resend.resend(query);
  }

  async recover(command: RecoverEndpoint): Promise<RecoverOutcome> {
    return this.#parts.desk.recovery.begin(command);
  }

  async testEndpoint(command: TestEndpoint): Promise<TestOutcome> {
    return this.#parts.desk.tests.send(command);
  }

  async endpointStats(query: EndpointStatsQuery): Promise<EndpointStatsOutcome> {
    return this.#parts.desk.desk.stats(query);
  }

  /** The same step as the alarm, from cron: guaranteed, whatever became of the alarm (invariant 17). */
  async tick(): Promise<TickReport> {
    if (!this.#parts.store.ready) return { worked: 0, due: 0 };
    const before = this.#parts.pump.done;
    this.#parts.upkeep.planRetain();
    this.#parts.links.tidy.plan();
    if (this.#isOpen(Date.now())) this.#parts.listing.touch(Date.now());
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TICK_MS);
    });
    await Promise.race([this.#parts.pump.idle(), over]);
    clearTimeout(timer);
    const now = Date.now();
    this.#parts.pump.kick();
    await this.#parts.alarm.repair(now);
    if (!this.#isOpen(now)) await this.#parts.listing.leaveIfQuiet(now, this.#parts.store.due.farOffAt());
    return { worked: this.#parts.pump.done - before, due: this.#parts.store.due.countDue(now) };
  }

  /** Arms first, then works, then arms for what is due next. The work goes on after the answer: an alarm that waited
   * for a slow receiver would hold back the next one. */
  override async alarm(): Promise<void> {
    if (!this.#parts.store.ready) return;
    const now = Date.now();
    this.#parts.alarm.lease(now);
    this.#parts.pump.kick();
    this.ctx.waitUntil(this.#parts.pump.idle());
    await this.#parts.alarm.rest(now);
  }

  /** Gives all unheld float back to the account, after the submits that wait here have had theirs. Calls nobody. */
  async recall({ leased }: RecallRequest): Promise<ShardTotals> {
    return this.#parts.admission.grant(leased, () => {
      const row = this.#parts.store.book();
      const book = giveBack(row.book, floatOf(row.book));
      if (book !== row.book) {
        this.#parts.store.writeBook({ ...row, book });
        // Until the account acknowledges it, what was returned is open work: its answer to this call may be lost.
        this.#parts.store.due.planSooner(SETTLE_KEY, 'settle', Date.now() + FLOAT_IDLE_MS);
      }
      return totalsOf(book);
    });
  }

  /** What this shard holds for the account's balance. Calls nobody. */
  async balance({ leased }: RecallRequest): Promise<ShardBalance> {
    return this.#parts.admission.grant(leased, () => {
      const { book } = this.#parts.store.book();
      return { float: floatOf(book), held: book.held, totals: totalsOf(book) };
    });
  }

  /** Takes over the account's keys, endpoints and secrets, and the events that come with them. An older version changes nothing. */
  async applyReplica(replica: Replica): Promise<{ version: number }> {
    this.#parts.store.open();
    await this.#parts.notices.apply(replica);
    return { version: this.#parts.replica.version };
  }

  /** When this shard last delivered to an endpoint. Calls nobody. */
  async endpointHealth(endpointId: string): Promise<{ deliveredAt: number | null }> {
    return { deliveredAt: this.#parts.store.days.deliveredAt(endpointId) };
  }

  #isOpen(now: number): boolean {
    return this.#parts.door.busy || this.#parts.store.due.isOpen(now + DAY_MS);
  }
}
