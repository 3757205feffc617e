/**
 * The order of an account's deliveries over all its shards, newest first, and how the shards' pages become one. Pure.
 *
 * A list is ordered by the time in the ids and then by their text: an order that every shard keeps by its primary key,
 * since all ids of one shard begin alike.
 */

import { placeOf } from './ids.ts';

/** A part of a list: of one shard, or of all. */
export interface Page<T> {
  /** Newest first. */
  readonly deliveries: readonly T[];
  /** The last delivery that was looked at, with more behind it; null when that was all. */
  readonly next: string | null;
}

/** What a page needs to know of a delivery. */
export interface Listed {
  readonly deliveryId: string;
  readonly attempts: readonly { readonly response: string | null }[];
}

/** Negative when `a` comes before `b` in a list. Both are ids of deliveries. */
export function byNewest(a: string, b: string): number {
  const [placeA, placeB] = [placeOf(a), placeOf(b)];
  return descending(placeA.time, placeB.time) || descending(a, b);
}

function descending(a: string, b: string): number {
  return a < b ? 1 : a > b ? -1 : 0;
}

/**
 * The upper end, not included, of the ids of a shard that come after `after` in a list. `after` may be of any shard.
 * @param prefix what all ids of the shard begin with.
 */
export function endBefore(prefix: string, after: string | undefined): string {
  if (after === undefined) return `${prefix}~`;
  const { time } = placeOf(after);
  const alike = prefix + time;
  if (after.startsWith(prefix)) return after;
  // Of the same millisecond, all of this shard come after it, or none.
  return prefix < after ? `${alike}~` : alike;
}

/** A page ends with the delivery that makes its answers' text this long, in characters: it is held in memory whole. */
export const PAGE_CHARS = 2 * 1_024 * 1_024;

/** How long the answers in a delivery's log are, in characters: all of it that can be large. */
export function charsOf({ attempts }: Pick<Listed, 'attempts'>): number {
  return attempts.reduce((sum, { response }) => sum + (response?.length ?? 0), 0);
}

/** The first of `items` that make a page: at most `limit`, and none behind the one that makes it too long. */
export function fitting<T>(items: Iterable<T>, limit: number, sizeOf: (item: T) => number): T[] {
  const page: T[] = [];
  let size = 0;
  for (const item of items) {
    if (page.length >= limit || size >= PAGE_CHARS) break;
    page.push(item);
    size += sizeOf(item);
  }
  return page;
}

/**
 * One page of the pages of several shards. What lies behind the place where a shard stopped early waits for the next
 * page, or what that shard has still to tell would be passed over.
 */
export function mergePages<T extends Listed>(pages: readonly Page<T>[], limit: number): Page<T> {
  const stops = pages.map(({ next }) => next).filter((next) => next !== null);
  const stop = stops.toSorted(byNewest)[0] ?? null;
  const all = pages
    .flatMap(({ deliveries }) => deliveries)
    .toSorted((a, b) => byNewest(a.deliveryId, b.deliveryId));
  const known = stop === null ? all : all.filter(({ deliveryId }) => byNewest(deliveryId, stop) <= 0);
  const deliveries = fitting(known, limit, charsOf);
  const last = deliveries.at(-1);
  return { deliveries, next: last && deliveries.length < known.length ? last.deliveryId : stop };
}
