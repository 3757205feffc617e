/**
 * A valid request becomes a job: images are resolved, the price is made, and the shard of the caller's region takes it
 * in. Image bytes go to R2 only after key and balance were looked at, and are deleted when the submit is refused.
 */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError, type FieldError } from '../errors.ts';
import { granted, reached } from '../http/outcome.ts';
import { fingerprint } from '../idempotency.ts';
import { homeShard, mintId, type ShardRef } from '../ids.ts';
import { ShardClient } from '../jobs/client.ts';
import type { JobImages, JobRequest, JobView, SubmitCommand } from '../jobs/contract.ts';
import type { ImageSource } from '../media/contract.ts';
import { dropInputs, type ResolvedImage, resolveImage, storeInput } from '../media/inputs.ts';
import type { ImageRole } from '../media/storage.ts';
import type { Model, ModelInput } from '../models/model.ts';
import { requestRegion } from './region-of-request.ts';

/** A request that its schema has passed. */
export interface SubmitRequest {
  readonly model: Model;
  /** The model's fields, images included. */
  readonly input: ModelInput;
  readonly responseMode: 'inline' | 'polling';
  readonly webhookUrl: string | undefined;
  readonly idempotencyKey: string | null;
  /** What is wrong already: reported together with what the images add. */
  readonly errors: readonly FieldError[];
}

/** A job that was taken in. */
export interface SubmittedJob {
  readonly client: ShardClient;
  readonly job: JobView;
  /** The Idempotency-Key was seen before, and this is the job it made. */
  readonly replayed: boolean;
}

interface ResolvedImages {
  readonly start: ResolvedImage;
  readonly end?: ResolvedImage;
}

/** Seconds after which a missing upstream is worth another try: an operator has to act. */
const NO_UPSTREAM_RETRY_S = 60;

/** Takes a job in. @throws {ApiError} for every refusal. */
export async function submitJob(c: Context<App>, request: SubmitRequest): Promise<SubmittedJob> {
  const config = c.get('config');
  const { account, keyHash } = c.get('caller');
  const { model, input, webhookUrl, idempotencyKey } = request;
  const { image_url, end_image_url, ...parameters } = input as ModelInput & {
    image_url: string;
    end_image_url?: string;
  };
  const images = await resolveImages(c, request.errors, image_url, end_image_url);
  if (config.FAL_KEY === undefined) {
    throw new ApiError({ tag: 'unavailable', part: 'upstream', retryAfter: NO_UPSTREAM_RETRY_S });
  }
  const price = model.price(input, config.PRICES[model.id] ?? model.defaultPrices);
  // A key is decided in one place in the world; without one, in the caller's region.
  const shard: ShardRef =
    idempotencyKey === null ? { account, region: requestRegion(c), n: 0 } : homeShard(account);
  const client = new ShardClient(c.env, shard);
  const jobId = await mintId(config.SIGNING_SECRETS, 'job', shard, Date.now());
  const bringsBytes = images.start.kind === 'bytes' || images.end?.kind === 'bytes';
  if (bringsBytes) {
    const look = granted(await reached(() => client.check({ keyHash, credits: price.credits })));
    if (look.kind === 'insufficient') throw insufficient(look);
  }

  const job: JobRequest = {
    model: model.id,
    input: parameters,
    images: await storeImages(c, jobId, images),
    usualMs: model.usualMs(input),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
  };
  const command: SubmitCommand = {
    jobId,
    keyHash,
    request: job,
    credits: price.credits,
    cost: price.microDollars,
    ...(idempotencyKey === null
      ? {}
      : { idempotency: { key: idempotencyKey, fingerprint: await fingerprintOf(request, images) } }),
  };
  // When no answer comes, the job may exist: its bytes stay, and the sweep takes them if it does not.
  const outcome = await reached(() => client.submit(command), jobId);
  const taken = outcome.kind === 'accepted' && !outcome.replayed;
  if (bringsBytes && !taken) await dropInputs(c.env.BUCKET, account, jobId);
  const accepted = granted(outcome);
  switch (accepted.kind) {
    case 'accepted':
      return { client, job: accepted.job, replayed: accepted.replayed };
    case 'insufficient':
      throw insufficient(accepted);
    case 'mismatch':
      throw new ApiError({ tag: 'idempotency_mismatch' });
    case 'gone':
      throw new ApiError({ tag: 'gone', what: 'idempotency_key' });
  }
}

function insufficient(outcome: { readonly required: number; readonly balance: number }): ApiError {
  return new ApiError({ tag: 'insufficient_credits', required: outcome.required, balance: outcome.balance });
}

/** Both images, or every error at once. */
async function resolveImages(
  c: Context<App>,
  errors: readonly FieldError[],
  start: string,
  end: string | undefined,
): Promise<ResolvedImages> {
  const context = {
    config: c.get('config'),
    bucket: c.env.BUCKET,
    account: c.get('caller').account,
    now: Date.now(),
  };
  const [first, last] = await Promise.all([
    resolveImage(start, { ...context, pointer: '/image_url' }),
    end === undefined ? null : resolveImage(end, { ...context, pointer: '/end_image_url' }),
  ]);
  if (first.ok && (last === null || last.ok) && errors.length === 0) {
    return { start: first.image, ...(last ? { end: last.image } : {}) };
  }
  const wrong = [first, last].flatMap((outcome) => (outcome && !outcome.ok ? [outcome.error] : []));
  throw new ApiError({ tag: 'invalid_request', errors: [...wrong, ...errors] });
}

async function storeImages(c: Context<App>, jobId: string, images: ResolvedImages): Promise<JobImages> {
  const store = (role: ImageRole, image: ResolvedImage): Promise<ImageSource> | ImageSource =>
    image.kind === 'bytes' ? storeInput(c.env.BUCKET, c.get('caller').account, jobId, role, image) : image;
  const [start, end] = await Promise.all([
    store('start', images.start),
    images.end ? store('end', images.end) : undefined,
  ]);
  return { start, ...(end ? { end } : {}) };
}

/** The request as it was parsed, with its defaults, without its key, its images by what they show. */
function fingerprintOf(request: SubmitRequest, images: ResolvedImages): Promise<string> {
  const { model, input, responseMode, webhookUrl } = request;
  return fingerprint({
    model: model.id,
    ...input,
    image_url: identityOf(images.start),
    end_image_url: images.end ? identityOf(images.end) : null,
    response_mode: responseMode,
    webhook_url: webhookUrl ?? null,
  });
}

function identityOf(image: ResolvedImage): string {
  return image.kind === 'url' ? image.url : `sha256:${image.sha256}`;
}
