/** The body of `POST /api/upload-links` becomes what the link takes and does; all that is wrong with it is told at once. */

import type { Context } from 'hono';
import type { App, Config } from '../env.ts';
import { ApiError } from '../errors.ts';
import { fingerprint } from '../idempotency.ts';
import type { LinkJob, LinkSpec } from '../links/contract.ts';
import { type LinkRequestBody, parseBody } from '../links/request.ts';
import { IMAGE_TYPES, type ImageSource } from '../media/contract.ts';
import { modelOf } from '../models/index.ts';
import { orderedEvents, unusualEvents } from '../webhooks/event-list.ts';
import { DEFAULT_LINK_EVENTS, LINK_EVENT_TYPES } from '../webhooks/types.ts';
import { identityOf } from './job-images.ts';
import { judgeFields } from './link-fields.ts';
import { refuseRevokedKey } from './revoked-key.ts';
import { requireUpstream } from './upstream.ts';

/** A valid request for a link. */
export interface LinkOrder {
  readonly spec: LinkSpec;
  /** What tells it from another under one Idempotency-Key. */
  readonly fingerprint: string;
}

/** What the body asks for at `now` (ms). @throws {ApiError} for every refusal. */
export async function linkOrder(c: Context<App>, now: number): Promise<LinkOrder> {
  const config = c.get('config');
  const parsed = parseBody(c.get('body'));
  const told = parsed.ok ? [] : parsed.errors;
  const { expiresAt, redirectUrl, webhookUrl, image, errors } = await judgeFields(c, told, now);
  if (!parsed.ok || errors.length > 0 || expiresAt === null) {
    await refuseRevokedKey(c);
    throw new ApiError({ tag: 'invalid_request', errors: [...told, ...errors] });
  }
  const { expires_in, max_bytes, types, sha256, role, webhook_events, metadata, job: wanted } = parsed.body;
  const webhookEvents = webhook_events && orderedEvents(LINK_EVENT_TYPES, webhook_events);
  if (wanted) requireUpstream(config);
  const job = wanted && jobOf(config, wanted, image);
  const limits = {
    maxBytes: max_bytes ?? Math.min(config.UPLOAD_LINK_MAX_BYTES, config.MAX_UPLOAD_BYTES),
    types: IMAGE_TYPES.filter((type) => types.includes(type)),
    ...(sha256 === undefined ? {} : { sha256 }),
    role,
    ...(redirectUrl === undefined ? {} : { redirectUrl }),
    ...(webhookUrl === undefined ? {} : { webhookUrl }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return {
    spec: {
      ...limits,
      ...(webhookEvents === undefined ? {} : { webhookEvents }),
      expiresAt,
      ...(job === undefined ? {} : { job }),
    },
    // Neither the moment nor the price: the request is the same when it comes again later.
    fingerprint: await fingerprint({
      upload_link: limits,
      webhook_events: unusualEvents(DEFAULT_LINK_EVENTS, webhookEvents),
      expires_in,
      job: job && { model: job.model, input: job.input, other: job.other && identityOf(job.other) },
    }),
  };
}

/** The job with its price as it is now: what it costs is fixed when the link is made. */
function jobOf(
  config: Config,
  { model: id, image_url: _start, end_image_url: _end, ...input }: NonNullable<LinkRequestBody['job']>,
  other: ImageSource | undefined,
): LinkJob {
  const model = modelOf(id);
  if (!model) throw new TypeError('no model, though the schema has passed it');
  const price = model.price(input, config.PRICES[id] ?? model.defaultPrices);
  return {
    model: id,
    input,
    ...(other === undefined ? {} : { other }),
    usualMs: model.usualMs(input),
    credits: price.credits,
    cost: price.microDollars,
  };
}
