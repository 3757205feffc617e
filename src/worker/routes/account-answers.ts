/** Balances and settings as answers. */

import type { AccountSummary, SummaryOutcome } from '../accounts/contract.ts';
import type { AccountSettings } from '../accounts/endpoints/contract.ts';
import { ApiError } from '../errors.ts';

/** Seconds after which a balance that could not be read is worth asking for again. */
const RETRY_AFTER_S = 2;

/** The summary of an account. @throws {ApiError} when there is none, or when a shard cannot be reached. */
export function summaryOf(outcome: SummaryOutcome): AccountSummary {
  if (outcome.ok) return outcome.summary;
  throw new ApiError(
    outcome.kind === 'unknown_account'
      ? { tag: 'not_found' }
      : { tag: 'unavailable', part: 'credits', retryAfter: RETRY_AFTER_S },
  );
}

/** The settings as their owner is told. */
export function settingsBody({ creditsLowThreshold }: AccountSettings) {
  return { credits_low_threshold: creditsLowThreshold };
}
