/** What a shard reaches outside itself for its jobs: the upstream and R2. */

import type { Config, Env } from '../env.ts';
import type { ShardRef } from '../ids.ts';
import type { CopyOutcome, ImageSource } from '../media/contract.ts';
import { dropInputs, imageUrlForUpstream } from '../media/inputs.ts';
import { storeResult } from '../media/results.ts';
import { deleteResult } from '../media/retention.ts';
import { resultKey } from '../media/storage.ts';
import { callbackUrl } from '../upstream/callback.ts';
import type { Upstream, UpstreamVideo } from '../upstream/contract.ts';
import { falUpstream } from '../upstream/fal.ts';
import { checkUrl } from '../webhooks/address.ts';
import { COPY_OPEN_MS } from './schedule.ts';
import type { StoredJob } from './store.ts';

export interface OutsideDeps {
  readonly env: Env;
  readonly config: Config;
  readonly shard: ShardRef;
}

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** A callback may come after the job's deadline; it is then answered, and ignored. */
const CALLBACK_GRACE_MS = DAY_MS;

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

  /** Also of a job without a result: it may have failed between the file's arrival and its own end. */
  async deleteFiles(jobId: string): Promise<void> {
    const { env, shard } = this.#deps;
    await deleteResult(env.BUCKET, resultKey(shard.account, jobId));
    await dropInputs(env.BUCKET, shard.account, jobId);
  }
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
