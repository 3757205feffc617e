/** A webhook endpoint as JSON: its schema, and what its owner is told. Pure. */

import * as z from 'zod';
import type { EndpointView } from '../accounts/endpoints/contract.ts';
import { EVENT_TYPES } from './types.ts';

const time = z.iso.datetime();

const EXAMPLE = {
  id: 'ep_7h2k9x4rq5w8',
  url: 'https://example.com/webhooks/firstframe',
  events: ['job.completed', 'job.failed'],
  description: 'production',
  header_names: ['Authorization'],
  rate_limit: 50,
  enabled: true,
  created_at: '2026-10-01T12:00:00.000Z',
  updated_at: '2026-10-01T12:00:00.000Z',
  expiring_secrets: [],
};
const EXAMPLE_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

const DISABLED_REASONS = ['manual', 'gone', 'requested', 'failing'] as const;

/** An endpoint, as its owner is told. */
export const WebhookEndpoint = z
  .object({
    id: z.string().meta({ example: 'ep_7h2k9x4rq5w8' }),
    url: z.url(),
    events: z
      .array(z.enum(EVENT_TYPES))
      .nullable()
      .meta({ description: 'What it hears of; null: every event, also of types that are yet to come.' }),
    description: z.string(),
    header_names: z
      .array(z.string())
      .meta({ description: 'Of your own headers. Their values are shown to nobody.' }),
    rate_limit: z.int().nullable().meta({ description: 'Tries a second, in each region; null: no limit.' }),
    enabled: z.boolean(),
    disabled_at: time.optional(),
    disabled_reason: z.enum(DISABLED_REASONS).optional().meta({
      description:
        '`manual`: you did. `gone`: it answered 410. `requested`: it answered `webhook-delivery: disable`. `failing`: every try failed for five days.',
    }),
    created_at: time,
    updated_at: time,
    expiring_secrets: z
      .array(time)
      .meta({ description: 'When each old secret ends that still signs beside the present one.' }),
  })
  .meta({ id: 'WebhookEndpoint', example: EXAMPLE });

/** Told where some shards could not be, yet. */
export const pendingShards = {
  pending_shards: z.int().optional().meta({
    description:
      'Regions that could not be told of the change yet; they are told as soon as they can be. Absent when all know.',
  }),
};

/** The answer to a change. */
export const ChangedEndpoint = WebhookEndpoint.extend(pendingShards).meta({
  id: 'ChangedWebhookEndpoint',
  example: EXAMPLE,
});

/** The answer to its making: the one time that the secret comes along. */
export const NewEndpoint = ChangedEndpoint.extend({
  secret: z.string().meta({
    description: 'Verifies what is sent to this endpoint. Shown now, and by no later answer: keep it.',
    example: EXAMPLE_SECRET,
  }),
}).meta({ id: 'NewWebhookEndpoint', example: { ...EXAMPLE, secret: EXAMPLE_SECRET } });

/** Every endpoint of an account. */
export const WebhookEndpoints = z.object({ data: z.array(WebhookEndpoint) }).meta({ id: 'WebhookEndpoints' });

/** An endpoint as its owner is told. */
export function endpointBody(endpoint: EndpointView): z.infer<typeof WebhookEndpoint> {
  const { disabledAt, disabledReason } = endpoint;
  return {
    id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events && [...endpoint.events],
    description: endpoint.description,
    header_names: [...endpoint.headerNames],
    rate_limit: endpoint.rateLimit,
    enabled: endpoint.enabled,
    ...(disabledAt === null ? {} : { disabled_at: iso(disabledAt) }),
    ...(disabledReason === null ? {} : { disabled_reason: disabledReason }),
    created_at: iso(endpoint.createdAt),
    updated_at: iso(endpoint.updatedAt),
    expiring_secrets: endpoint.expiringSecrets.map(iso),
  };
}

/** How many shards have still to hear of a change, where some have. */
export function pendingBody(pending: readonly string[]): { pending_shards?: number } {
  return pending.length === 0 ? {} : { pending_shards: pending.length };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
