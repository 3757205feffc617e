/** What a change makes of an endpoint. Pure. */

import type { EndpointFields } from './contract.ts';
import type { StoredEndpoint } from './endpoint-rows.ts';

/** The fields of a change, the headers encrypted. What is absent stays as it is. */
export interface EndpointChange extends Partial<Omit<EndpointFields, 'headers'>> {
  readonly headers?: { readonly names: readonly string[]; readonly sealed: string | null };
}

/**
 * The endpoint after a change at `now` (ms); the same object when it changes nothing.
 *
 * One that is disabled keeps the reason until it is enabled. The epoch grows when it is enabled, and when it gets
 * another address: what a shard has seen of the old one says nothing about the new.
 */
export function changed(before: StoredEndpoint, change: EndpointChange, now: number): StoredEndpoint {
  const { enabled = before.disabled === null, headers } = change;
  const url = change.url ?? before.url;
  const reborn = (enabled && before.disabled !== null) || url !== before.url;
  const after: StoredEndpoint = {
    ...before,
    url,
    description: change.description ?? before.description,
    events: change.events === undefined ? before.events : change.events,
    rateLimit: change.rateLimit === undefined ? before.rateLimit : change.rateLimit,
    ...(headers ? { headerNames: headers.names, headers: headers.sealed } : {}),
    epoch: before.epoch + (reborn ? 1 : 0),
    disabled: enabled ? null : (before.disabled ?? { at: now, reason: 'manual' }),
  };
  const same = after.description === before.description && !concernsShards(before, after);
  return same ? before : { ...after, updatedAt: now };
}

/** Whether shards must hear of a change: of all that they have a replica of. */
export function concernsShards(before: StoredEndpoint, after: StoredEndpoint): boolean {
  return (
    after.url !== before.url ||
    after.headers !== before.headers ||
    after.rateLimit !== before.rateLimit ||
    after.epoch !== before.epoch ||
    (after.disabled === null) !== (before.disabled === null) ||
    JSON.stringify(after.events) !== JSON.stringify(before.events)
  );
}
