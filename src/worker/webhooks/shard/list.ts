/** A page of the shard's deliveries, newest first. */

import type { DeliveryFilter } from '../contract.ts';
import { deliveryPrefix, receiverOf } from '../ids.ts';
import { endBefore } from '../pages.ts';
import type { Glance, Scan } from './scan.ts';

/** Deliveries that one page looks at: a filter that lets few pass must not hold the shard up. Each is a row read. */
export const MAX_LOOKS = 5_000;

/** What a page is made of. */
export interface PageOf {
  readonly filter: DeliveryFilter;
  /** Deliveries that come after this one in the list, of whichever shard. */
  readonly after: string | undefined;
  readonly limit: number;
  /** What all ids of the shard begin with. */
  readonly prefix: string;
}

/** The ids of a page. */
export interface PageIds {
  readonly ids: readonly string[];
  /** The last one looked at, with more behind it; null when that was all. */
  readonly next: string | null;
}

/** The ids of the next page, newest first. @throws {TypeError} for a filter by what is no minted id. */
export function pageIds(scan: Scan, { filter, after, limit, prefix }: PageOf): PageIds {
  const matches = matcherOf(filter);
  const end = endBefore(prefix, after);
  // All deliveries of a job are one range of ids.
  const about = filter.jobId === undefined ? prefix : deliveryPrefix(filter.jobId);
  const ids: string[] = [];
  let [last, looks] = ['', 0];
  for (const glance of walkOf(scan, filter, about, end < `${about}~` ? end : `${about}~`)) {
    if (ids.length >= limit || looks >= MAX_LOOKS) return { ids, next: last };
    last = glance.id;
    looks++;
    if (matches(glance)) ids.push(glance.id);
  }
  return { ids, next: null };
}

/** Newest first, the deliveries among which the filter finds what it lets pass. */
function walkOf(scan: Scan, filter: DeliveryFilter, from: string, end: string): Iterable<Glance> {
  const { status, endpointId, jobId } = filter;
  // Among millions that arrived a few that did not would be pages away. A job has a few deliveries alone.
  if (jobId !== undefined || (status !== 'failed' && status !== 'held')) return scan.newest(from, end);
  return scan.newestUndelivered(from, end, endpointId === undefined ? undefined : receiverOf(endpointId));
}

function matcherOf({ endpointId, status, event }: DeliveryFilter): (glance: Glance) => boolean {
  const receiver = endpointId === undefined ? undefined : receiverOf(endpointId);
  return (glance) =>
    (receiver === undefined || glance.receiver === receiver) &&
    (status === undefined || glance.status === status) &&
    (event === undefined || glance.type === event);
}
