/** What the bodies that ask for a video have in common: strict fields with a model's rules, and addresses to judge. */

import * as z from 'zod';
import type { Config } from '../env.ts';
import type { FieldError } from '../errors.ts';
import type { Rule } from '../models/model.ts';
import { type AddressCheck, checkUrl } from '../webhooks/address.ts';
import { notAnObject } from './schemas.ts';

/** An object of these fields and no others, with the rules between them. */
export function strictFields(shape: z.ZodRawShape, rules: readonly Rule[]): z.ZodType {
  let schema: z.ZodType = z.strictObject(shape, { error: notAnObject });
  for (const rule of rules) {
    schema = schema.refine((input) => rule.holds(input as Record<string, unknown>), {
      path: [rule.field],
      error: rule.message,
      // Judged with whatever else is wrong, as long as what the rule needs is right.
      when: ({ value, issues }) =>
        typeof value === 'object' &&
        value !== null &&
        !issues.some(({ code, path: [field] = [] }) =>
          field === undefined ? code !== 'unrecognized_keys' : rule.needs.includes(String(field)),
        ),
    });
  }
  return schema;
}

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

/** A member of a value that may be no object; undefined where there is none of its own. */
export function memberOf(value: unknown, name: string): unknown {
  const has = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return has ? Reflect.get(value, name) : undefined;
}
