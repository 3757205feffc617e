/** When a revocation that did not reach a shard is pushed again. Pure. */

/**
 * A push under way is due again after this long, in ms, so that it goes on after a crash. Longer than the pushes to
 * all nine regions can take, five at once: two times two tries of 5 s.
 */
export const PUSH_LEASE_MS = 30_000;
/** The first repetition, in ms; each further one waits twice as long. */
const FIRST_RETRY_MS = 2_000;
/** The longest wait between repetitions, in ms: a shard out of reach hears of a revocation this long after its return. */
const MAX_RETRY_MS = 60_000;

/** How long to wait before the next push after `failures` in a row, in ms. */
export function pushDelay(failures: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30));
}
