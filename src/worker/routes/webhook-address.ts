/** The addresses that a body names for its events: what no schema can judge of them. */

import type { Config } from '../env.ts';
import type { FieldError } from '../errors.ts';
import { memberOf } from '../http/fields.ts';
import { type AddressCheck, checkUrl } from '../webhooks/address.ts';

/**
 * What no schema can judge of a body's `webhook_url`: where we may send, which the configuration says, and whether there
 * is one where events were chosen for it.
 */
export function webhookErrors(config: Config, body: unknown): FieldError[] {
  const url = memberOf(body, 'webhook_url');
  if (url === undefined) return eventsWithoutUrl(body);
  if (typeof url !== 'string') return [];
  const check = checkWebhook(config, url);
  return check.ok ? [] : [{ pointer: '/webhook_url', detail: check.reason }];
}

/** Events that were chosen for no address would go nowhere, and nobody would notice. */
export function eventsWithoutUrl(body: unknown): FieldError[] {
  const chosen = memberOf(body, 'webhook_events') !== undefined;
  const isAlone = chosen && memberOf(body, 'webhook_url') === undefined;
  return isAlone ? [{ pointer: '/webhook_events', detail: 'needs a webhook_url to go to' }] : [];
}

/** Whether we may send events to an address. */
export function checkWebhook(config: Config, url: string): AddressCheck {
  const ownHosts = [new URL(config.PUBLIC_URL).host];
  return checkUrl(url, { local: config.LOCAL_MODE, purpose: 'webhook', ownHosts });
}
