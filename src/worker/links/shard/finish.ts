/**
 * The end of an upload and the beginning of its job. One transaction decides which upload is the link's picture and
 * plans the job's start, which is then tried at once; what a crash or an unreachable account leaves is done by the pump.
 */

import { within } from '../../calls.ts';
import type { Admission } from '../../jobs/admission.ts';
import type { JobRequest, SubmitOutcome } from '../../jobs/contract.ts';
import type { Door } from '../../jobs/door.ts';
import { type Claim, TIDY_KEY } from '../../jobs/due.ts';
import { ALARM_LEASE_MS, TIMEOUT_MS } from '../../jobs/schedule.ts';
import type { JobStore } from '../../jobs/store.ts';
import { viewOf } from '../../jobs/view.ts';
import type { Outbox } from '../../webhooks/shard/outbox.ts';
import { JOB_EVENT_TYPES } from '../../webhooks/types.ts';
import type {
  FinishUpload,
  FinishUploadOutcome,
  LinkJob,
  StartLink,
  StartLinkOutcome,
  StoredImage,
} from '../contract.ts';
import { takesFinish } from '../state.ts';
import type { Lookup } from './lookup.ts';
import { markUnpaid, planUploadEvent } from './start.ts';
import type { StoredLink } from './store.ts';

export interface FinishDeps {
  readonly store: JobStore;
  readonly outbox: Outbox;
  readonly lookup: Lookup;
  readonly door: Door;
  readonly admission: Admission;
  /** A new job id of this shard. */
  readonly mintJobId: () => string;
  /** How long a job may be started from a picture, in ms; the picture itself is kept for longer. */
  readonly startableMs: number;
  /** How long a picture is kept, in ms. */
  readonly pictureMs: number;
  readonly now: () => number;
  /** Something was planned. */
  readonly onWork: () => void;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/**
 * When the pump takes up a start that nobody has finished. The alarm of the job itself would ring as late, so a start
 * that goes well costs no alarm of its own.
 */
const START_AFTER_MS = ALARM_LEASE_MS;
/** The event tells of the job, too. It goes when the start has come to its end, and after this if there is none yet. */
const EVENT_AFTER_MS = 2 * START_AFTER_MS;

/** Of an upload that comes to its end: it is the link's picture, or not. */
interface Decided {
  readonly kind: 'won' | 'lost';
  readonly link: StoredLink;
}

export class Finish {
  readonly #deps: FinishDeps;

  constructor(deps: FinishDeps) {
    this.#deps = deps;
  }

  /** The first upload that is told here is the link's picture, for good. Idempotent by the picture's key. */
  async finish(command: FinishUpload): Promise<FinishUploadOutcome> {
    const { lookup, door, store, onWork } = this.#deps;
    const { uploadId, jobId } = command;
    const held = await lookup.held(uploadId);
    if (held.kind !== 'found') return held;
    return door.enterListed(async () => {
      const decided = store.transaction(() => this.#decide(command, held.keyRevoked));
      if (decided && decided.kind === 'won' && decided.link.start === 'starting') {
        await this.#start(decided.link, decided.link.spec.job, jobId);
      }
      if (decided?.kind === 'won') onWork();
      const found = lookup.find(uploadId);
      if (!decided || found.kind !== 'found') return found.kind === 'found' ? { kind: 'gone' } : found;
      return {
        kind: decided.kind,
        link: lookup.view({ ...found, keyRevoked: found.keyRevoked || held.keyRevoked }),
      };
    });
  }

  /** Starts the job of a link whose picture is there: the order of its owner. Idempotent by the link. */
  async startByOwner({ uploadId, keyHash, jobId }: StartLink): Promise<StartLinkOutcome> {
    const { lookup, door, store, now, startableMs } = this.#deps;
    const owned = await lookup.owned(uploadId, keyHash);
    if (owned.kind !== 'found') return owned;
    return door.enterListed(async (): Promise<StartLinkOutcome> => {
      const found = lookup.find(uploadId);
      if (found.kind !== 'found') return found;
      const { link } = found;
      const { status } = lookup.view(found);
      if (status !== 'uploaded' || link.uploadedAt === null) return { kind: 'not_uploaded', status };
      const job = link.spec.job;
      if (!job) return { kind: 'no_job' };
      const started = link.jobId === null ? null : store.job(link.jobId);
      if (started === 'gone') return { kind: 'job_gone' };
      if (started) {
        return { kind: 'accepted', job: viewOf(started), replayed: started.id !== jobId };
      }
      if (now() >= link.uploadedAt + startableMs) return { kind: 'picture_gone' };
      const outcome = await this.#start({ ...link, keyHash }, job, jobId);
      if (outcome.kind === 'mismatch') throw new Error('a start has no Idempotency-Key');
      // Forgotten while the account was asked: the link, or else the job of another call.
      if (outcome.kind === 'gone') return store.links.link(uploadId) ? { kind: 'job_gone' } : outcome;
      return outcome;
    });
  }

  /** Due work: the start of a job that its upload did not bring to an end. */
  async run(claim: Claim): Promise<void> {
    const { store, door, now, startableMs, mintJobId } = this.#deps;
    const link = store.links.link(claim.key);
    if (link?.uploadedAt == null || link.start !== 'starting') {
      store.transaction(() => store.due.drop(claim.key));
      return;
    }
    if (now() >= link.uploadedAt + startableMs) {
      // No account could be reached for as long as the picture may be used.
      store.transaction(() => markUnpaid(store, link.id, now()));
      return;
    }
    const refusal = await door.refuse(link.keyHash);
    // The pump repeats what throws, at growing distances.
    if (refusal?.kind === 'unavailable') throw new Error(`cannot start: no answer of ${refusal.part}`);
    if (refusal) {
      this.#withdraw(link.id);
      return;
    }
    const jobId = mintJobId();
    const outcome = await within(TIMEOUT_MS.start, () => this.#start(link, link.spec.job, jobId));
    if (outcome.kind === 'unavailable') throw new Error(`cannot start: no answer of ${outcome.part}`);
    store.transaction(() => {
      if (store.due.holds(claim)) store.due.drop(claim.key);
    });
  }

  #decide({ uploadId, image, attempt }: FinishUpload, keyRevoked: boolean): Decided | null {
    const { store, lookup, now: clock } = this.#deps;
    const now = clock();
    const found = lookup.find(uploadId);
    if (found.kind !== 'found') return null;
    const { link } = found;
    if (link.image?.key === image.key) return { kind: 'won', link };
    if (keyRevoked || found.keyRevoked || !takesFinish(link, now)) return { kind: 'lost', link };
    const tus = attempt === undefined ? null : store.links.tus(uploadId, attempt);
    // Ended while its last bytes were checked: whoever was told so must not find its picture here.
    if (attempt !== undefined && !tus) return { kind: 'lost', link };
    const { job } = link.spec;
    const uploaded: StoredLink = { ...link, uploadedAt: now, image, start: job ? 'starting' : 'none' };
    store.links.update(uploaded);
    if (tus) store.links.writeTus(uploadId, { ...tus, offset: tus.length, parts: [], done: true });
    if (job) store.due.plan(uploadId, 'start', now + START_AFTER_MS);
    planUploadEvent(this.#deps.outbox, uploaded, job ? now + EVENT_AFTER_MS : now);
    store.due.planSooner(TIDY_KEY, 'tidy', now + this.#deps.pictureMs);
    return { kind: 'won', link: uploaded };
  }

  async #start(link: StoredLink, job: LinkJob | undefined, jobId: string): Promise<SubmitOutcome> {
    const { store, admission, now, onWork, log } = this.#deps;
    if (!job || !link.image) throw new Error('a start without a job or a picture');
    const outcome = await admission.submit({
      jobId,
      keyHash: link.keyHash,
      request: requestOf(link, job, link.image),
      credits: job.credits,
      cost: job.cost,
      uploadId: link.id,
    });
    if (outcome.kind === 'insufficient') store.transaction(() => markUnpaid(store, link.id, now()));
    if (outcome.kind === 'unauthorized') this.#withdraw(link.id);
    const started = outcome.kind === 'accepted' ? { job_id: outcome.job.jobId } : {};
    log({ event: 'link_start', upload_id: link.id, outcome: outcome.kind, ...started });
    onWork();
    return outcome;
  }

  /** The key was revoked between the upload and the start: the link is revoked with it, and nothing starts. */
  #withdraw(uploadId: string): void {
    const { store, now } = this.#deps;
    store.transaction(() => {
      const link = store.links.link(uploadId);
      if (link?.start === 'starting')
        store.links.update({ ...link, start: 'waiting', revokedAt: link.revokedAt ?? now() });
      store.due.drop(uploadId);
    });
  }
}

/** The job that a picture starts. */
function requestOf(link: StoredLink, job: LinkJob, image: StoredImage): JobRequest {
  const { role, webhookUrl, webhookEvents, metadata } = link.spec;
  const jobEvents = webhookEvents && JOB_EVENT_TYPES.filter((type) => webhookEvents.includes(type));
  const picture = { kind: 'stored', key: image.key, type: image.type, sha256: image.sha256 } as const;
  const start = role === 'start' ? picture : job.other;
  const end = role === 'end' ? picture : job.other;
  if (!start) throw new Error('a job without a start image');
  return {
    model: job.model,
    input: job.input,
    images: { start, ...(end ? { end } : {}) },
    usualMs: job.usualMs,
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
    ...(jobEvents === undefined ? {} : { webhookEvents: jobEvents }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
