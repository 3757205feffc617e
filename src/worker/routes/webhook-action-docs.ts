/** What may be done with a webhook endpoint, as the OpenAPI document has it. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { MAX_GRACE_MS, MAX_LIVE_SECRETS } from '../accounts/endpoints/limits.ts';
import { authenticate, authenticateJson, authenticateOptionalJson } from '../http/auth.ts';
import { notAnObject } from '../http/fields.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';
import { STATS_DAYS } from '../webhooks/contract.ts';
import { WebhookDelivery, WebhookEndpointStats } from '../webhooks/delivery-answer.ts';
import { pendingShards } from '../webhooks/endpoint-answer.ts';
import { EVENT_TYPES } from '../webhooks/types.ts';
import { json, KEY_IN_BODY, problems, SECURITY } from './schemas.ts';
import { ENDPOINT_TAGS, ENDPOINTS_PATH, endpointParams } from './webhook-endpoint-docs.ts';

const time = z.iso.datetime();

const MAX_GRACE_S = MAX_GRACE_MS / 1_000;
/** A day: whoever deploys receivers once a day misses nothing. */
const DEFAULT_GRACE_S = 86_400;
const GRACE = `must be a whole number of seconds from 0 to ${MAX_GRACE_S.toLocaleString('en-US')}`;

/** The body of a rotation. */
export const RotateRequest = z
  .strictObject(
    {
      grace_s: z.int(GRACE).min(0, GRACE).max(MAX_GRACE_S, GRACE).default(DEFAULT_GRACE_S).meta({
        description:
          'Seconds for which the present secret goes on signing beside the new one, up to 7 days. 0: it signs no more.',
      }),
      api_key: SERVICE_FIELDS.api_key,
    },
    { error: notAnObject },
  )
  .meta({ id: 'RotateRequest', example: { grace_s: DEFAULT_GRACE_S } });

/** What every rotation tells, beside what is new. */
export const rotation = {
  old_secrets_expire_at: time.meta({
    description: 'Until then the secret that was replaced signs too; those before it may end sooner.',
  }),
  ...pendingShards,
};

/** A POST with a JSON body that may be left out. */
export const optionalBody = (schema: z.ZodType) => ({
  required: false,
  content: { 'application/json': { schema } },
});

const common = { tags: ENDPOINT_TAGS, security: [...SECURITY, KEY_IN_BODY] };

/** `POST /api/webhook-endpoints/{id}/rotate` */
export const rotateEndpoint = createRoute({
  method: 'post',
  path: `${ENDPOINTS_PATH}/{id}/rotate`,
  summary: 'Replace the secret of a webhook endpoint',
  description: `Deliveries carry a signature of each secret that has not ended, so receivers may change at any time meanwhile. At most ${MAX_LIVE_SECRETS} at once.`,
  ...common,
  middleware: [authenticateOptionalJson] as const,
  request: { params: endpointParams, body: optionalBody(RotateRequest) },
  responses: {
    200: json(
      z.object({ secret: z.string().meta({ example: 'whsec_…' }), ...rotation }),
      'The new secret, shown this once.',
    ),
    ...problems(400, 401, 404, 409, 413, 415),
  },
});

/** The body of a test. */
export const TestRequest = z
  .strictObject(
    {
      event: z
        .enum(EVENT_TYPES, { error: `must be one of ${EVENT_TYPES.join(', ')}` })
        .default('job.completed')
        .meta({ description: 'The type of the example, whether or not the endpoint subscribes to it.' }),
      api_key: SERVICE_FIELDS.api_key,
    },
    { error: notAnObject },
  )
  .meta({ id: 'TestRequest', example: { event: 'job.completed' } });

/** `POST /api/webhook-endpoints/{id}/test` */
export const testEndpoint = createRoute({
  method: 'post',
  path: `${ENDPOINTS_PATH}/{id}/test`,
  summary: 'Send an example event to a webhook endpoint',
  description: 'Signed as all events are, and tried once. Its delivery tells what came of it.',
  ...common,
  middleware: [authenticateOptionalJson] as const,
  request: { params: endpointParams, body: optionalBody(TestRequest) },
  responses: {
    202: json(
      WebhookDelivery,
      'On its way.',
      z.object({ Location: z.string().meta({ description: 'Where to ask for the delivery.' }) }),
    ),
    ...problems(400, 401, 404, 409, 413, 415),
  },
});

const SINCE = 'must be a time as ISO 8601 has it, such as 2026-10-01T12:00:00Z';

/** The body of a recovery. */
export const RecoverRequest = z
  .strictObject(
    {
      since: z.iso.datetime({ offset: true, error: SINCE }).meta({
        description: 'At most 14 days ago.',
        example: '2026-10-01T12:00:00Z',
      }),
      api_key: SERVICE_FIELDS.api_key,
    },
    { error: notAnObject },
  )
  .meta({ id: 'RecoverRequest', example: { since: '2026-10-01T12:00:00Z' } });

/** `POST /api/webhook-endpoints/{id}/recover` */
export const recoverEndpoint = createRoute({
  method: 'post',
  path: `${ENDPOINTS_PATH}/{id}/recover`,
  summary: 'Send again what did not reach a webhook endpoint',
  description:
    'Every event since then whose delivery failed or was held, in the background and in batches, each with its whole schedule before it. May be asked for again.',
  ...common,
  middleware: [authenticateJson] as const,
  request: {
    params: endpointParams,
    body: { required: true, content: { 'application/json': { schema: RecoverRequest } } },
  },
  responses: {
    202: json(z.object({ endpoint_id: z.string(), since: time, until: time }), 'Begun.'),
    ...problems(400, 401, 404, 409, 413, 415),
  },
});

const DAYS = `must be 1 to ${STATS_DAYS}`;

/** `GET /api/webhook-endpoints/{id}/stats` */
export const endpointStats = createRoute({
  method: 'get',
  path: `${ENDPOINTS_PATH}/{id}/stats`,
  summary: 'How a webhook endpoint has done',
  tags: ENDPOINT_TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: {
    params: endpointParams,
    query: z.object({
      days: z
        .string({ error: 'must not be given twice' })
        .regex(/^\d{1,2}$/, DAYS)
        .transform(Number)
        .refine((days) => days >= 1 && days <= STATS_DAYS, { error: DAYS })
        .default(7)
        .meta({
          description: 'Whole UTC days, today included.',
          type: 'integer',
          minimum: 1,
          maximum: STATS_DAYS,
        }),
    }),
  },
  responses: { 200: json(WebhookEndpointStats, 'Over all regions.'), ...problems(400, 401, 404) },
});
