/** The routes that make, show, change and delete webhook endpoints, as the OpenAPI document has them. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { MAX_ENDPOINTS } from '../accounts/endpoints/limits.ts';
import { authenticate, authenticateJson } from '../http/auth.ts';
import {
  ChangedEndpoint,
  NewEndpoint,
  pendingShards,
  WebhookEndpoint,
  WebhookEndpoints,
} from '../webhooks/endpoint-answer.ts';
import { json, KEY_IN_BODY, problems, SECURITY } from './schemas.ts';
import { EndpointRequest, NewEndpointRequest } from './webhook-endpoint-body.ts';

/** Where endpoints are. */
export const ENDPOINTS_PATH = '/api/webhook-endpoints';
/** The parts of a route about endpoints that are the same in all. */
export const ENDPOINT_TAGS = ['Webhook endpoints'];
/** The parameters of a route about one endpoint. */
export const endpointParams = z.object({ id: z.string().meta({ example: 'ep_7h2k9x4rq5w8' }) });

const body = (schema: z.ZodType) => ({ required: true, content: { 'application/json': { schema } } });

/** `POST /api/webhook-endpoints` */
export const createEndpoint = createRoute({
  method: 'post',
  path: ENDPOINTS_PATH,
  summary: 'Make a webhook endpoint',
  description: `An address that hears of everything that happens in the account, or of the events that it names. At most ${MAX_ENDPOINTS}. Its name is looked up: the 503 \`resolver_unavailable\` says that this was not possible, and nothing was made.`,
  tags: ENDPOINT_TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateJson] as const,
  request: { body: body(NewEndpointRequest) },
  responses: {
    201: json(
      NewEndpoint,
      'Made, with the secret that verifies its events.',
      z.object({ Location: z.string().meta({ description: 'Where to ask for the endpoint.' }) }),
    ),
    ...problems(400, 401, 409, 413, 415),
  },
});

/** `GET /api/webhook-endpoints` */
export const listEndpoints = createRoute({
  method: 'get',
  path: ENDPOINTS_PATH,
  summary: 'All webhook endpoints of the account, in the order in which they were made',
  tags: ENDPOINT_TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: { 200: json(WebhookEndpoints, `At most ${MAX_ENDPOINTS}.`), ...problems(400, 401) },
});

/** `GET /api/webhook-endpoints/{id}` */
export const readEndpoint = createRoute({
  method: 'get',
  path: `${ENDPOINTS_PATH}/{id}`,
  summary: 'A webhook endpoint',
  tags: ENDPOINT_TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: { params: endpointParams },
  responses: { 200: json(WebhookEndpoint, 'Without its secret.'), ...problems(400, 401, 404) },
});

/** `PATCH /api/webhook-endpoints/{id}` */
export const updateEndpoint = createRoute({
  method: 'patch',
  path: `${ENDPOINTS_PATH}/{id}`,
  summary: 'Change a webhook endpoint',
  description:
    'What is absent stays as it is; `headers` are replaced as a whole. `"enabled": true` takes up an endpoint that was disabled, whatever the reason: new events are sent again, and `POST …/recover` sends those that were held.',
  tags: ENDPOINT_TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateJson] as const,
  request: { params: endpointParams, body: body(EndpointRequest) },
  responses: { 200: json(ChangedEndpoint, 'Changed.'), ...problems(400, 401, 404, 413, 415) },
});

/** `DELETE /api/webhook-endpoints/{id}` */
export const deleteEndpoint = createRoute({
  method: 'delete',
  path: `${ENDPOINTS_PATH}/{id}`,
  summary: 'Delete a webhook endpoint',
  description: 'What was still to be sent to it is not. Its deliveries stay in the list.',
  tags: ENDPOINT_TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: { params: endpointParams },
  responses: {
    202: json(
      z.object({ id: z.string(), deleted: z.literal(true), ...pendingShards }),
      'Deleted; some regions cannot be reached and are told as soon as they can be.',
    ),
    204: { description: 'Deleted everywhere.' },
    ...problems(400, 401, 404),
  },
});
