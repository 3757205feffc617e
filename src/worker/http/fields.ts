/** The fields of a JSON body: no others than those that are known, and the rules between them. */

import * as z from 'zod';
import type { Rule } from '../models/model.ts';

/** Zod's own words name types of JavaScript; of the other issues each says for itself what is wrong. */
export const notAnObject: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' ? 'must be a JSON object' : undefined;

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

/** A member of a value that may be no object; undefined where there is none of its own. */
export function memberOf(value: unknown, name: string): unknown {
  const has = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return has ? Reflect.get(value, name) : undefined;
}
