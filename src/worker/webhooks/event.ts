/**
 * The events that we send, one schema each: `{type, timestamp, data}` as Standard Webhooks recommends. The OpenAPI
 * document lists the schemas under `webhooks`.
 */

import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { CreditsLowEvent, EndpointDisabledEvent } from './events/account.ts';
import {
  JobCanceledEvent,
  JobCompletedEvent,
  JobCreatedEvent,
  JobEvent,
  JobFailedEvent,
  JobStartedEvent,
} from './events/job.ts';
import { UploadCompletedEvent } from './events/upload.ts';
import type { EventType } from './types.ts';

export type { CreditsLowEvent, EndpointDisabledEvent } from './events/account.ts';
export type { JobEvent } from './events/job.ts';
export type { UploadCompletedEvent } from './events/upload.ts';

/** Largest event, in bytes (Standard Webhooks: below 20 kB). Files are links, so only metadata can make one grow. */
export const MAX_EVENT_BYTES = 20_000;

/** The schemas by type, in the order of the docs. Each has a description, and an example that is valid by it. */
export const EVENT_SCHEMAS = {
  'job.created': JobCreatedEvent,
  'job.started': JobStartedEvent,
  'job.completed': JobCompletedEvent,
  'job.failed': JobFailedEvent,
  'job.canceled': JobCanceledEvent,
  'upload.completed': UploadCompletedEvent,
  'credits.low': CreditsLowEvent,
  'endpoint.disabled': EndpointDisabledEvent,
} as const satisfies Record<EventType, z.ZodType<{ type: EventType }>>;

/** Every event. */
const WebhookEvent = z.discriminatedUnion('type', [
  ...JobEvent.options,
  UploadCompletedEvent,
  CreditsLowEvent,
  EndpointDisabledEvent,
]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** The example of an event, as the docs show it and as a test event is sent. */
export function exampleOf(type: EventType): WebhookEvent {
  return WebhookEvent.parse(EVENT_SCHEMAS[type].meta()?.example);
}

/**
 * An event as the text that is signed and sent. Members that the schema does not name are left out, so nothing internal
 * can leave by an event.
 * @throws {z.ZodError} when the event is not as its schema says, {RangeError} when it is larger than
 * {@link MAX_EVENT_BYTES}: both are mistakes of ours, none of the receiver's.
 */
export function eventText(event: WebhookEvent): string {
  const text = JSON.stringify(WebhookEvent.parse(event));
  const bytes = utf8(text).length;
  if (bytes > MAX_EVENT_BYTES) throw new RangeError(`an event of ${bytes} bytes is over ${MAX_EVENT_BYTES}`);
  return text;
}
