/** The routes of deliveries, as the OpenAPI document has them. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { authenticate, authenticateAnyBody } from '../http/auth.ts';
import { DELIVERY_STATUSES } from '../webhooks/contract.ts';
import { WebhookDeliveries, WebhookDelivery } from '../webhooks/delivery-answer.ts';
import { EVENT_TYPES } from '../webhooks/types.ts';
import { json, KEY_BODY, KEY_IN_BODY, problems, SECURITY } from './schemas.ts';

/** Where deliveries are. */
export const DELIVERIES_PATH = '/api/webhook-deliveries';
const TAGS = ['Webhook deliveries'];
const params = z.object({
  id: z.string().meta({ example: 'dlv_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz7h2k9x4rq5w8' }),
});

const MAX_PAGE = 100;
const USUAL_PAGE = 20;
const PAGE_RANGE = `must be 1 to ${MAX_PAGE}`;
const ONCE = 'must not be given twice';

/** One of these texts. Twice in a query it is a list, and then zod would say only that it is none of them. */
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, {
    error: ({ input }) => (Array.isArray(input) ? ONCE : `must be one of ${values.join(', ')}`),
  });

/** `GET /api/webhook-deliveries` */
export const deliveriesRoute = createRoute({
  method: 'get',
  path: DELIVERIES_PATH,
  summary: 'The deliveries of the account, newest first',
  description:
    'Every event to every receiver with the log of its tries: to endpoints, and to the `webhook_url` of jobs and upload links. A page may have fewer than `limit` deliveries, and even none, although more follow: go on while there is a `next_cursor`.',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: {
    query: z.object({
      job_id: z.string({ error: ONCE }).optional().meta({ description: 'Only those about this job.' }),
      endpoint_id: z.string({ error: ONCE }).optional().meta({
        description: 'Only those to this endpoint, which may have been deleted.',
      }),
      status: oneOf(DELIVERY_STATUSES).optional(),
      event: oneOf(EVENT_TYPES).optional(),
      limit: z
        .string({ error: ONCE })
        .regex(/^\d{1,3}$/, PAGE_RANGE)
        .transform(Number)
        .refine((limit) => limit >= 1 && limit <= MAX_PAGE, { error: PAGE_RANGE })
        .default(USUAL_PAGE)
        .meta({ description: 'Deliveries in one answer.', type: 'integer', minimum: 1, maximum: MAX_PAGE }),
      cursor: z
        .string({ error: ONCE })
        .optional()
        .meta({ description: 'next_cursor of the page before, with the same filters.' }),
    }),
  },
  responses: { 200: json(WebhookDeliveries, 'A page of deliveries.'), ...problems(400, 401) },
});

/** `GET /api/webhook-deliveries/{id}` */
export const deliveryRoute = createRoute({
  method: 'get',
  path: `${DELIVERIES_PATH}/{id}`,
  summary: 'A delivery with the log of its tries',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: { params },
  responses: { 200: json(WebhookDelivery, 'The delivery.'), ...problems(400, 401, 404) },
});

/** `POST /api/webhook-deliveries/{id}/resend` */
export const resendRoute = createRoute({
  method: 'post',
  path: `${DELIVERIES_PATH}/{id}/resend`,
  summary: 'Send an event to its receiver once more',
  description:
    'Now, whatever came of it before, and with the whole schedule before it. Under the same `webhook-id`: who has handled it already can tell.',
  tags: TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateAnyBody] as const,
  request: { params, body: KEY_BODY },
  responses: { 202: json(WebhookDelivery, 'On its way.'), ...problems(400, 401, 404, 409, 410, 413) },
});
