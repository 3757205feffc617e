/** When a webhook is tried, and what an answer means. Pure. */

/**
 * Waits before the second and each later try, in milliseconds: about an hour in all, which is as long as fal goes on.
 * The first are short, because locally the usual cause is a receiver that is being restarted.
 */
export const RETRY_DELAYS_MS: readonly number[] = [
  1_000, 2_000, 5_000, 15_000, 60_000, 300_000, 900_000, 2_400_000,
];

/** How long a receiver may take, in milliseconds: fal gives 15 s on the first try and 120 s later. */
export function deliveryTimeoutMs(attempts: number): number {
  return attempts === 0 ? 15_000 : 120_000;
}

/** What came of a try: the receiver's status, or no answer at all. */
export type DeliveryResult = { readonly status: number } | 'no_answer';

export type Verdict = 'delivered' | 'retry' | 'give_up';

/** 2xx is delivered. A redirect is never followed and never tried again, as with fal. All else may heal. */
export function verdictOn(result: DeliveryResult): Verdict {
  if (result === 'no_answer') return 'retry';
  if (result.status >= 200 && result.status < 300) return 'delivered';
  return result.status >= 300 && result.status < 400 ? 'give_up' : 'retry';
}

/** When the next try is due after `attempts` tries; undefined when that was the last. */
export function nextTryAt(attempts: number, now: number): number | undefined {
  const delay = RETRY_DELAYS_MS[attempts - 1];
  return delay === undefined ? undefined : now + delay;
}
