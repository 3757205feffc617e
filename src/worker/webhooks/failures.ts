/** Failures of webhook endpoints and deliveries: their part of the union in errors.ts, and of its map to HTTP. Pure. */

import type { Problem } from '../errors.ts';

export type WebhookFailure =
  /** The account has as many endpoints as it may have. */
  | { readonly tag: 'too_many_endpoints'; readonly limit: number }
  /** So many secrets of one owner still sign. `freeAt`: when the first of them does no more, in ms. */
  | { readonly tag: 'too_many_secrets'; readonly limit: number; readonly freeAt: number }
  /** What was asked needs an endpoint that takes events. */
  | { readonly tag: 'endpoint_disabled' }
  /** Of a delivery: where it went is no more. */
  | { readonly tag: 'endpoint_deleted' }
  /** Of a delivery: what its event was about has been forgotten, so the event cannot be made again. */
  | { readonly tag: 'event_expired' };

const TAGS: ReadonlySet<string> = new Set<WebhookFailure['tag']>([
  'too_many_endpoints',
  'too_many_secrets',
  'endpoint_disabled',
  'endpoint_deleted',
  'event_expired',
]);

/** Whether a failure is one of webhooks. */
export function isWebhookFailure(failure: { readonly tag: string }): failure is WebhookFailure {
  return TAGS.has(failure.tag);
}

/** A failure of webhooks as HTTP. */
export function webhookProblemOf(failure: WebhookFailure): Problem {
  switch (failure.tag) {
    case 'too_many_endpoints':
      return {
        status: 409,
        code: 'too_many_endpoints',
        title: 'Too many webhook endpoints',
        detail: `An account may have ${failure.limit} webhook endpoints. Delete one, or change one.`,
        extensions: { limit: failure.limit },
      };
    case 'too_many_secrets': {
      const freeAt = new Date(failure.freeAt).toISOString();
      return {
        status: 409,
        code: 'too_many_secrets',
        title: 'Too many secrets that still sign',
        detail: `At most ${failure.limit} secrets may sign at once. The first of them ends at ${freeAt}: rotate again then.`,
        extensions: { limit: failure.limit, free_at: freeAt },
      };
    }
    case 'endpoint_disabled':
      return {
        status: 409,
        code: 'endpoint_disabled',
        title: 'The endpoint is disabled',
        detail: 'This webhook endpoint is disabled, so nothing is sent to it. Enable it first.',
      };
    case 'endpoint_deleted':
      return {
        status: 409,
        code: 'endpoint_deleted',
        title: 'The endpoint was deleted',
        detail: 'The webhook endpoint of this delivery was deleted, so there is nowhere to send it.',
      };
    case 'event_expired':
      return {
        status: 410,
        code: 'event_expired',
        title: 'The event has expired',
        detail:
          'What this event is about was forgotten after its retention, so the event can be sent no more.',
      };
  }
}
