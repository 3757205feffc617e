/** A list of event types in a body: of an endpoint, or beside a `webhook_url`. Pure. */

import * as z from 'zod';

/** A list that names some of `types`, as a field of a body. What it means is for {@link orderedEvents}. */
export function eventList<const Types extends readonly [string, ...string[]]>(types: Types) {
  // In two steps, so that a list of a million wrong types is one error.
  return z
    .array(z.unknown(), { error: 'must be a list of event types' })
    .refine((events) => events.length > 0, { error: 'must name at least one event type', abort: true })
    .refine((events) => events.length <= types.length, {
      error: `may name at most ${types.length} event types`,
      abort: true,
    })
    .pipe(z.array(z.enum(types, { error: `must be one of ${types.join(', ')}` })));
}

/** The JSON Schema of such a list: zod's own knows the first step only. */
export function eventListMeta(types: readonly string[]) {
  return { items: { type: 'string' as const, enum: [...types] }, minItems: 1, maxItems: types.length };
}

/** The types that a list names, each once, in the order of the docs. */
export function orderedEvents<Type extends string>(types: readonly Type[], given: readonly Type[]): Type[] {
  return types.filter((type) => given.includes(type));
}

/**
 * What tells one list from another under an Idempotency-Key: undefined for the usual events, named or not.
 * @param ordered as {@link orderedEvents} makes it.
 */
export function unusualEvents<Type extends string>(
  usual: readonly Type[],
  ordered: readonly Type[] | undefined,
): readonly Type[] | undefined {
  return ordered?.join() === usual.join() ? undefined : ordered;
}
