/** Takes a delivery up again: the schedule begins anew, what was tried before stays in its log. */

import type { JobStore } from '../../jobs/store.ts';
import { readDeliveryId } from '../ids.ts';

/** When the first try is to be made, and in which lane. */
export interface Retake {
  /** In ms. */
  readonly at: number;
  /** The host of the receiver. */
  readonly lane: string;
  /** The present, in ms. */
  readonly now: number;
}

/**
 * Plans the delivery's first try anew. The order of one subject's events to one receiver holds: it waits behind an
 * earlier one that has had no try yet, and a later one that has had none waits behind it. In a transaction.
 */
export function retake(store: JobStore, id: string, { at, lane, now }: Retake): void {
  const { deliveries, due } = store;
  const name = readDeliveryId(id);
  if (!name) throw new TypeError('not a delivery id');
  deliveries.again(id);
  if (deliveries.hasEarlierUntried(name.aboutId, name.moment, name.receiver)) due.drop(id);
  else due.plan(id, 'deliver', at, lane);
  // Only the first in a row is ever planned, so there is no more than one behind this to hold back.
  const later = deliveries.nextUntried(id);
  if (later !== null && !due.isClaimed(later, now)) due.drop(later);
}
