/** Deliveries and statistics as JSON, as schemas. What they describe is made in wire.ts and stats.ts. Pure. */

import * as z from 'zod';
import { jobId } from '../job-answer.ts';
import { ATTEMPT_ERRORS } from './attempt-error.ts';
import { DELIVERY_STATUSES } from './contract.ts';
import { EVENT_TYPES } from './types.ts';

const time = z.iso.datetime();

/** As `DeliveryReason` in contract.ts. */
export const DELIVERY_REASONS = ['exhausted', 'gone', 'aborted', 'event', 'endpoint_deleted'] as const;

const Attempt = z
  .object({
    at: time,
    status_code: z.int().nullable().meta({ description: 'null: no answer came.' }),
    duration_ms: z.number(),
    response: z
      .string()
      .nullable()
      .meta({ description: 'The first 16 KiB of the answer’s body as text; null: no answer came.' }),
    error: z.enum(ATTEMPT_ERRORS).nullable().meta({
      description:
        'Why it did not deliver, as far as it is known; null when it did, and where the status says it.',
    }),
    manual: z.literal(true).optional().meta({ description: 'Asked for by a resend or a recovery.' }),
  })
  .meta({ id: 'WebhookAttempt' });

/** One event to one receiver. */
export const WebhookDelivery = z
  .object({
    id: z.string().meta({ example: 'dlv_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz7h2k9x4rq5w8' }),
    event: z.enum(EVENT_TYPES),
    event_id: z.string().meta({ description: 'What the receiver gets as `webhook-id`, on every try.' }),
    endpoint_id: z
      .string()
      .nullable()
      .meta({ description: 'null: the webhook_url of the job or the upload link.' }),
    url: z.string().nullable().meta({ description: 'Where it goes; null when the endpoint was deleted.' }),
    job_id: jobId.optional(),
    upload_id: z.string().optional(),
    status: z.enum(DELIVERY_STATUSES).meta({
      description:
        '`pending`: to be tried (again). `held`: its endpoint is disabled; a resend or a recovery sends it.',
    }),
    reason: z
      .enum(DELIVERY_REASONS)
      .optional()
      .meta({ description: 'Of a failed one: why no more is tried.' }),
    created_at: time,
    attempts: z.array(Attempt).meta({ description: 'The oldest first; of very many the latest.' }),
    next_attempt_at: time.nullable(),
  })
  .meta({
    id: 'WebhookDelivery',
    example: {
      id: 'dlv_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz7h2k9x4rq5w8',
      event: 'job.completed',
      event_id: 'evt_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fgz',
      endpoint_id: 'ep_7h2k9x4rq5w8',
      url: 'https://example.com/webhooks/firstframe',
      job_id: 'job_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
      status: 'pending',
      created_at: '2026-10-01T12:00:41.000Z',
      attempts: [
        {
          at: '2026-10-01T12:00:41.020Z',
          status_code: 503,
          duration_ms: 84,
          response: 'try later',
          error: null,
        },
      ],
      next_attempt_at: '2026-10-01T12:00:46.300Z',
    },
  });

/** A page of deliveries. */
export const WebhookDeliveries = z
  .object({
    data: z.array(WebhookDelivery),
    next_cursor: z.string().nullable().meta({ description: 'null on the last page.' }),
  })
  .meta({ id: 'WebhookDeliveries' });

/** How an endpoint has done. */
export const WebhookEndpointStats = z
  .object({
    endpoint_id: z.string(),
    delivered: z.int(),
    failed: z.int().meta({ description: 'Tries that did not deliver.' }),
    last_delivered_at: time.nullable(),
    failing_since: time.nullable().meta({ description: 'Since when every try has failed.' }),
    days: z
      .array(
        z.object({
          date: z.iso.date().meta({ description: 'UTC.' }),
          delivered: z.int(),
          failed: z.int(),
          average_duration_ms: z.number().nullable().meta({ description: 'Of all tries; null without any.' }),
        }),
      )
      .meta({ description: 'Every day that was asked for, the latest first.' }),
  })
  .meta({ id: 'WebhookEndpointStats' });
