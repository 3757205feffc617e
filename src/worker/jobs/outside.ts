/** What a shard reaches outside itself: the upstream, R2, receivers of webhooks. Links and secrets are made here. */

import type { Config, Env } from '../env.ts';
import type { ShardRef } from '../ids.ts';
import { uploadEvent } from '../links/shard/event.ts';
import type { CopyOutcome, ImageSource } from '../media/contract.ts';
import { dropInputs, imageUrlForUpstream } from '../media/inputs.ts';
import { fileUrl } from '../media/links.ts';
import { storeResult } from '../media/results.ts';
import { deleteResult } from '../media/retention.ts';
import { resultKey } from '../media/storage.ts';
import { decrypt } from '../secrets.ts';
import { callbackUrl } from '../upstream/callback.ts';
import type { Upstream, UpstreamVideo } from '../upstream/contract.ts';
import { falUpstream } from '../upstream/fal.ts';
import { checkUrl } from '../webhooks/address.ts';
import type { AttemptError } from '../webhooks/attempt-error.ts';
import { type Attempt, deliver } from '../webhooks/deliver.ts';
import { eventText, type JobEvent } from '../webhooks/event.ts';
import type { JobView } from './contract.ts';
import { aboutOf, type Subject } from './deliveries.ts';
import { COPY_OPEN_MS } from './schedule.ts';
import type { Delivery, StoredJob } from './store.ts';
import { viewOf } from './view.ts';
import { statusBody } from './wire.ts';

export interface OutsideDeps {
  readonly env: Env;
  readonly config: Config;
  readonly shard: ShardRef;
  /** The account's webhook secret as ciphertext. */
  readonly webhookSecret: () => string | null;
}

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** A callback may come after the job's deadline; it is then answered, and ignored. */
const CALLBACK_GRACE_MS = DAY_MS;
/** Links in events live this long, or as long as the result if that is shorter. */
const EVENT_LINK_MS = 14 * DAY_MS;

/** The signed link to a finished job's video, or null while there is none. */
export async function videoUrl(
  config: Config,
  account: string,
  job: JobView,
  expiresAt: number,
  name = `${job.jobId}.mp4`,
): Promise<string | null> {
  if (!job.video) return null;
  return fileUrl(config, {
    key: job.video.key,
    name,
    type: 'video/mp4',
    account,
    expiresAt,
  });
}

export class Outside {
  readonly #deps: OutsideDeps;
  #upstream: Upstream | null = null;

  constructor(deps: OutsideDeps) {
    this.#deps = deps;
  }

  get upstream(): Upstream {
    const { config } = this.#deps;
    const { FAL_QUEUE_URL, FAL_KEY, FAL_DEDUPES, JOB_DEADLINE_S } = config;
    if (FAL_KEY === undefined) throw new Error('FAL_KEY is not set: jobs wait until it is');
    const upstream =
      this.#upstream ??
      falUpstream({
        queueUrl: FAL_QUEUE_URL,
        key: FAL_KEY,
        dedupes: FAL_DEDUPES,
        // What we have given up, the upstream must not start.
        startTimeoutS: JOB_DEADLINE_S,
      });
    this.#upstream = upstream;
    return upstream;
  }

  callbackUrl(stored: StoredJob): Promise<string> {
    const { config, shard } = this.#deps;
    const expiresAt = stored.job.createdAt + config.JOB_DEADLINE_S * SECOND_MS + CALLBACK_GRACE_MS;
    return callbackUrl(config, { account: shard.account, job: stored.id, expiresAt });
  }

  imageUrl(image: ImageSource, now: number): Promise<string> {
    return imageUrlForUpstream(this.#deps.config, image, now);
  }

  copy(jobId: string, source: UpstreamVideo, signal: AbortSignal): Promise<CopyOutcome> {
    const { config, env, shard } = this.#deps;
    return storeResult({
      bucket: env.BUCKET,
      key: resultKey(shard.account, jobId),
      url: source.url,
      expected: source,
      signal,
      fetcher: fetchPromptly,
      allow: (url) => checkUrl(url, { local: config.LOCAL_MODE, purpose: 'image' }).ok,
    });
  }

  /**
   * One try of a delivery. What cannot be signed or made now counts as a try too, or it would be tried without end:
   * `signature` until an operator has put the dropped secret back, `event` for good.
   */
  async send(delivery: Delivery, subject: Subject): Promise<Attempt> {
    const { config, shard, webhookSecret } = this.#deps;
    const sealed = webhookSecret();
    const secret = sealed && (await decrypt(config.SIGNING_SECRETS, 'webhook-secret', sealed, shard.account));
    if (!secret) return unsent('signature');
    let body: string;
    try {
      body =
        subject.kind === 'job'
          ? await this.#jobEvent(delivery, subject.stored)
          : await uploadEvent(config, shard.account, subject.link);
    } catch (cause) {
      const { id } = delivery;
      console.error({
        event: 'event_not_made',
        ...aboutOf(delivery),
        delivery_id: id,
        cause: String(cause),
      });
      return unsent('event');
    }
    return deliver({
      url: delivery.url,
      id: delivery.id,
      secrets: [secret],
      body,
      local: config.LOCAL_MODE,
      ownHosts: [new URL(config.PUBLIC_URL).host],
    });
  }

  /**
   * The event, made from the job: the same on every try, its link as long-lived as it may be.
   * @throws {z.ZodError | RangeError} when no event can be made of the job.
   */
  async #jobEvent(delivery: Delivery, stored: StoredJob): Promise<string> {
    const { config, shard } = this.#deps;
    const view = viewOf(stored);
    const endedAt = view.endedAt ?? delivery.createdAt;
    const lifetime = Math.min(config.RESULT_RETENTION_DAYS * DAY_MS, EVENT_LINK_MS);
    const url = await videoUrl(config, shard.account, view, endedAt + lifetime);
    // `eventText` checks the whole against the event's schema, which the compiler cannot follow from a state to a shape.
    const event = {
      type: delivery.type,
      timestamp: new Date(endedAt).toISOString(),
      data: statusBody(view, url),
    };
    return eventText(event as JobEvent);
  }

  /** Also of a job without a result: it may have failed between the file's arrival and its own end. */
  async deleteFiles(jobId: string): Promise<void> {
    const { env, shard } = this.#deps;
    await deleteResult(env.BUCKET, resultKey(shard.account, jobId));
    await dropInputs(env.BUCKET, shard.account, jobId);
  }
}

/** A try that ended before anything was sent. */
function unsent(error: AttemptError): Attempt {
  return { ok: false, statusCode: null, error, durationMs: 0, response: null, gone: false };
}

/** `fetch` that gives up when no answer has begun in time. The body may take as long as the request's own signal lets it. */
async function fetchPromptly(request: Request): Promise<Response> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(new DOMException('no answer', 'TimeoutError')), COPY_OPEN_MS);
  try {
    return await fetch(new Request(request, { signal: AbortSignal.any([request.signal, patience.signal]) }));
  } finally {
    clearTimeout(timer);
  }
}
