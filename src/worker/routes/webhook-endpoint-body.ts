/** The bodies that make and change a webhook endpoint; all that is wrong with one is told at once. */

import type { Context } from 'hono';
import * as z from 'zod';
import type { EndpointFields } from '../accounts/endpoints/contract.ts';
import type { App } from '../env.ts';
import { ApiError, type FieldError } from '../errors.ts';
import { notAnObject } from '../http/fields.ts';
import { fieldErrors, type Issue } from '../http/problem.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';
import { MAX_ADDRESS_LENGTH } from '../webhooks/address.ts';
import { checkNames } from '../webhooks/dns.ts';
import { eventList, eventListMeta, orderedEvents } from '../webhooks/event-list.ts';
import { customHeaders } from '../webhooks/headers.ts';
import { EVENT_TYPES } from '../webhooks/types.ts';
import { judgeAddress } from './link-fields.ts';
import { checkWebhook } from './webhook-address.ts';

/** Longest description, in characters: it is shown in lists. */
const MAX_DESCRIPTION_LENGTH = 200;
/** Most tries a second that a limit may say: beyond it a shard is the limit. */
const MAX_RATE = 1_000;
/** Seconds after which a resolver that could not be asked is worth another try. */
const RESOLVER_RETRY_S = 5;

const RATE = `must be a whole number of tries a second from 1 to ${MAX_RATE}, or null`;

const url = z.string({ error: 'must be a URL' }).meta({
  description:
    'An https URL on port 443 or 8443, of a public host: its name is looked up now, and again before each try.',
  example: 'https://example.com/webhooks/firstframe',
});

const FIELDS = {
  events: eventList(EVENT_TYPES)
    .nullable()
    .optional()
    .meta({
      description: 'What it hears of. null, or absent when it is made: every event, also those yet to come.',
      ...eventListMeta(EVENT_TYPES),
      example: ['job.completed', 'job.failed'],
    }),
  description: z
    .string({ error: `must be a text of up to ${MAX_DESCRIPTION_LENGTH} characters` })
    .max(MAX_DESCRIPTION_LENGTH, `may have at most ${MAX_DESCRIPTION_LENGTH} characters`)
    .optional()
    .meta({ description: 'For you: it is shown in lists.', example: 'production' }),
  headers: customHeaders.optional(),
  rate_limit: z
    .int(RATE)
    .min(1, RATE)
    .max(MAX_RATE, RATE)
    .nullable()
    .optional()
    .meta({ description: 'At most so many tries a second, in each region; null: no limit.', example: 50 }),
  enabled: z.boolean({ error: 'must be true or false' }).optional().meta({
    description: 'false: nothing is sent; events are held, and can be recovered. true, where it is absent.',
  }),
  api_key: SERVICE_FIELDS.api_key,
};

/** What makes an endpoint. */
export const NewEndpointRequest = z.strictObject({ url, ...FIELDS }, { error: notAnObject }).meta({
  id: 'NewWebhookEndpointRequest',
  example: {
    url: 'https://example.com/webhooks/firstframe',
    events: ['job.completed', 'job.failed'],
    description: 'production',
  },
});

/** What changes one: whatever is absent stays as it is. */
export const EndpointRequest = z
  .strictObject({ url: url.optional(), ...FIELDS }, { error: notAnObject })
  .meta({ id: 'WebhookEndpointRequest', example: { enabled: true } });

/**
 * The fields that the body sets.
 * @throws {ApiError} `invalid_request` for all that is wrong; `unavailable` when nothing else is, and the resolver
 * cannot be asked.
 */
export async function endpointFields(
  c: Context<App>,
  schema: typeof NewEndpointRequest | typeof EndpointRequest,
): Promise<Partial<EndpointFields>> {
  const body = c.get('body');
  const parsed = schema.safeParse(body);
  const address = await judgeUrl(c, body);
  const errors = [
    ...(parsed.success ? [] : fieldErrors(parsed.error.issues as readonly Issue[])),
    ...address.errors,
  ];
  if (!parsed.success || errors.length > 0) throw new ApiError({ tag: 'invalid_request', errors });
  if (address.unreachable) {
    throw new ApiError({ tag: 'unavailable', part: 'resolver', retryAfter: RESOLVER_RETRY_S });
  }
  const { events, description, headers, rate_limit, enabled } = parsed.data;
  return {
    ...(address.href === undefined ? {} : { url: address.href }),
    ...(events === undefined ? {} : { events: events && orderedEvents(EVENT_TYPES, events) }),
    ...(description === undefined ? {} : { description }),
    ...(headers === undefined ? {} : { headers }),
    ...(rate_limit === undefined ? {} : { rateLimit: rate_limit }),
    ...(enabled === undefined ? {} : { enabled }),
  };
}

/** What is to be said of the address, where there is one. */
interface JudgedUrl {
  /** In the form that was checked. */
  readonly href?: string;
  readonly errors: readonly FieldError[];
  /** The resolver could not be asked: nothing is known of the name. */
  readonly unreachable?: true;
}

/** First the URL alone, then what its name resolves to. */
async function judgeUrl(c: Context<App>, body: unknown): Promise<JudgedUrl> {
  const config = c.get('config');
  const judged = judgeAddress(body, 'url', MAX_ADDRESS_LENGTH, (text) => checkWebhook(config, text));
  if (judged.href === undefined) return judged;
  const names = await checkNames(new URL(judged.href), {
    resolver: config.DOH_URL,
    local: config.LOCAL_MODE,
  });
  switch (names.kind) {
    case 'ok':
      return judged;
    case 'refused':
      return { errors: [{ pointer: '/url', detail: names.reason }] };
    case 'unreachable':
      return { errors: [], unreachable: true };
  }
}
