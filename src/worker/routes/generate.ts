/** `POST /api/{model}`: one route for each model of the catalogue. */

import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import * as z from 'zod';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticateJson } from '../http/auth.ts';
import { memberOf, strictFields } from '../http/fields.ts';
import { fieldErrors, type Issue } from '../http/problem.ts';
import { MODELS } from '../models/index.ts';
import type { Model } from '../models/model.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';
import { orderedEvents } from '../webhooks/event-list.ts';
import { JOB_EVENT_TYPES } from '../webhooks/types.ts';
import { HEADERS, idempotencyKey } from './idempotency-header.ts';
import { answerSubmit } from './job-answers.ts';
import { resolveImages } from './job-images.ts';
import { refuseRevokedKey } from './revoked-key.ts';
import {
  InlineResult,
  JobStatus,
  json,
  KEY_IN_BODY,
  POLL_HEADERS,
  problems,
  REPLAY_HEADERS,
  SECURITY,
  Submitted,
} from './schemas.ts';
import { submitJob } from './submit-job.ts';
import { webhookErrors } from './webhook-address.ts';

/** The request of a model: its fields and ours, strict, with the model's rules. */
function requestSchema(model: Model) {
  return strictFields({ ...model.shape, ...SERVICE_FIELDS }, model.rules).meta({ id: `${model.id}-request` });
}

/** A valid request of any model. */
type Request = Readonly<Record<string, unknown>> & z.infer<z.ZodObject<typeof SERVICE_FIELDS>>;

const headers = HEADERS.extend({
  prefer: z
    .string()
    .optional()
    .meta({ description: '`wait=N` shortens the inline wait to N seconds (RFC 7240).' }),
});

function modelRoute(model: Model, schema: z.ZodType) {
  return createRoute({
    method: 'post',
    path: `/api/${model.id}`,
    summary: model.title,
    description: model.summary,
    tags: ['Videos'],
    security: [...SECURITY, KEY_IN_BODY],
    middleware: [authenticateJson] as const,
    request: {
      headers,
      body: { required: true, content: { 'application/json': { schema } } },
    },
    responses: {
      200: json(z.union([InlineResult, JobStatus]), 'The video (inline mode).', REPLAY_HEADERS),
      202: json(
        Submitted,
        'Accepted (polling mode, or the inline wait is over).',
        REPLAY_HEADERS.extend({
          ...POLL_HEADERS.shape,
          Location: z.string().meta({ description: 'Where to ask for the job.' }),
        }),
      ),
      ...problems(400, 401, 402, 409, 410, 413, 415, 422),
    },
  });
}

export const generateRoutes = createRouter();

for (const model of MODELS) {
  const schema = requestSchema(model);
  const route = modelRoute(model, schema);
  const { middleware: _code, ...documented } = route;
  generateRoutes.openAPIRegistry.registerPath(documented);
  // Not through the route's validator: the body is read and parsed already, and a refusal looks at more than the schema.
  generateRoutes.post(route.path, authenticateJson, async (c) => {
    const parsed = schema.safeParse(c.get('body'));
    if (!parsed.success) return refuse(c, parsed.error.issues as readonly Issue[]);
    const request = parsed.data as Request;
    const { api_key: _key, response_mode, webhook_url, webhook_events, ...input } = request;
    const submitted = await submitJob(c, {
      model,
      input,
      responseMode: response_mode,
      webhookUrl: webhook_url,
      webhookEvents: webhook_events && orderedEvents(JOB_EVENT_TYPES, webhook_events),
      idempotencyKey: idempotencyKey(c),
      errors: webhookErrors(c.get('config'), request),
    });
    return answerSubmit(c, submitted, response_mode);
  });
}

/**
 * Refuses a body for every wrong field at once: what the schema found, and what it cannot judge of the fields that it
 * found right. @throws {ApiError} always.
 */
async function refuse(c: Context<App>, issues: readonly Issue[]): Promise<never> {
  await refuseRevokedKey(c);
  const errors = fieldErrors(issues);
  const wrong = new Set(errors.map(({ pointer }) => pointer));
  const body = c.get('body');
  const images = { start: textOf(body, 'image_url', wrong), end: textOf(body, 'end_image_url', wrong) };
  const resolved = await resolveImages(c, images);
  throw new ApiError({
    tag: 'invalid_request',
    errors: [...errors, ...resolved.errors, ...webhookErrors(c.get('config'), body)],
  });
}

/** A field of a body that is still to be judged: a text, and not wrong already. */
function textOf(body: unknown, name: string, wrong: ReadonlySet<string>): string | undefined {
  const value = wrong.has(`/${name}`) ? undefined : memberOf(body, name);
  return typeof value === 'string' ? value.trim() : undefined;
}
