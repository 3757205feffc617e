/**
 * When the event `credits.low` is sent. Pure. Once when no more than the threshold is available, and again only after
 * credits that came in, or another threshold, have brought what is available above it.
 */

import type { LowState } from './low-row.ts';

/**
 * Whether so few credits may be available that the exact balance is worth reading. `home` gives those that the account
 * has not leased to any shard, never more than are available; it is asked only when there is an event to send.
 */
export function mayBeLow({ threshold, armed }: LowState, home: () => number): boolean {
  return threshold !== null && armed && home() <= threshold;
}

/** What follows from what is available, in credits. */
export function decideLow({ threshold, armed }: LowState, available: number): 'notify' | 'arm' | 'leave' {
  if (threshold === null) return 'leave';
  if (available <= threshold) return armed ? 'notify' : 'leave';
  return armed ? 'leave' : 'arm';
}
