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
import type { JobRequest, JobView, SubmitCommand, SubmitOutcome } from '../jobs/contract.ts';
import type { Model, ModelInput } from '../models/model.ts';
import { unusualEvents } from '../webhooks/event-list.ts';
import { DEFAULT_JOB_EVENTS, type JobEventType } from '../webhooks/types.ts';
import {
  bringsBytes,
  dropImages,
  identityOf,
  type ResolvedImages,
  resolveImages,
  storeImages,
} from './job-images.ts';
import { requestRegion } from './region-of-request.ts';
import { refuseRevokedKey } from './revoked-key.ts';
import { requireUpstream } from './upstream.ts';

/** A request that its schema has passed. */
export interface SubmitRequest {
  readonly model: Model;
  /** The model's fields, images included. */
  readonly input: ModelInput;
  readonly responseMode: 'inline' | 'polling';
  readonly webhookUrl: string | undefined;
  /** Each once, in the order of the docs. */
  readonly webhookEvents: readonly JobEventType[] | undefined;
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

/** Takes a job in. @throws {ApiError} for every refusal. */
export async function submitJob(c: Context<App>, request: SubmitRequest): Promise<SubmittedJob> {
  const config = c.get('config');
  const { account, keyHash } = c.get('caller');
  const { model, input, webhookUrl, webhookEvents, idempotencyKey } = request;
  const { image_url, end_image_url, ...parameters } = input as ModelInput & {
    image_url: string;
    end_image_url?: string;
  };
  const { images, errors } = await resolveImages(c, { start: image_url, end: end_image_url });
  if (images === null || request.errors.length > 0) {
    await refuseRevokedKey(c);
    throw new ApiError({ tag: 'invalid_request', errors: [...errors, ...request.errors] });
  }
  requireUpstream(config);
  const price = model.price(input, config.PRICES[model.id] ?? model.defaultPrices);
  // A key is decided in one place in the world; without one, in the caller's region.
  const shard: ShardRef =
    idempotencyKey === null ? { account, region: requestRegion(c), n: 0 } : homeShard(account);
  const client = new ShardClient(c.env, shard);
  const jobId = mintId(config.SIGNING_SECRETS, 'job', shard, Date.now());
  if (bringsBytes(images)) {
    const look = granted(await reached(() => client.check({ keyHash, credits: price.credits })));
    // Under a key that was used before the answer is its job, however little is left: the submit itself decides.
    if (look.kind === 'insufficient' && idempotencyKey === null) throw insufficient(look);
  }

  const job: JobRequest = {
    model: model.id,
    input: parameters,
    images: await storeImages(c, jobId, images),
    usualMs: model.usualMs(input),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
    ...(webhookEvents === undefined ? {} : { webhookEvents }),
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
  const outcome = await reached(() => client.submit(command), { jobId });
  if (bringsBytes(images) && isAnotherAnswer(outcome, jobId)) await dropImages(c, jobId);
  // An earlier try of this very call may have been taken in, and only its answer was lost.
  if (outcome.kind === 'unavailable') {
    const { part, retryAfter } = outcome;
    throw new ApiError({ tag: 'unavailable', part, retryAfter, jobId });
  }
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

/** Whether the outcome means that there is no job under this id. An outage does not: an earlier try may have made it. */
function isAnotherAnswer(outcome: SubmitOutcome, jobId: string): boolean {
  if (outcome.kind === 'accepted') return outcome.job.jobId !== jobId;
  return outcome.kind === 'insufficient' || outcome.kind === 'mismatch' || outcome.kind === 'gone';
}

function insufficient(outcome: { readonly required: number; readonly balance: number }): ApiError {
  return new ApiError({ tag: 'insufficient_credits', required: outcome.required, balance: outcome.balance });
}

/** The request as it was parsed, with its defaults, without its key, its images by what they show. */
function fingerprintOf(request: SubmitRequest, images: ResolvedImages): Promise<string> {
  const { model, input, responseMode, webhookUrl, webhookEvents } = request;
  return fingerprint({
    model: model.id,
    ...input,
    image_url: identityOf(images.start),
    end_image_url: images.end ? identityOf(images.end) : null,
    response_mode: responseMode,
    webhook_url: webhookUrl ?? null,
    // Undefined is absent: requests that choose none have the fingerprint that they had before events could be chosen.
    webhook_events: unusualEvents(DEFAULT_JOB_EVENTS, webhookEvents),
  });
}
