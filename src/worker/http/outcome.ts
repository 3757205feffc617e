/** Refusals that objects answer with, as failures of the request. */

import { ApiError } from '../errors.ts';
import type { Refusal } from '../jobs/contract.ts';

/** The outcome without its refusals. @throws {ApiError} for a refusal. */
export function granted<T extends { readonly kind: string }>(outcome: T | Refusal): Exclude<T, Refusal> {
  if (outcome.kind === 'unauthorized') throw new ApiError({ tag: 'unauthorized' });
  if (outcome.kind === 'unavailable') {
    const { part, retryAfter } = outcome as Extract<Refusal, { kind: 'unavailable' }>;
    throw new ApiError({ tag: 'unavailable', part, retryAfter });
  }
  return outcome as Exclude<T, Refusal>;
}

/** Seconds after which a call that an object did not answer is worth repeating. */
const RETRY_AFTER_S = 2;

/**
 * The answer of an object, or a 503 when it cannot be reached. The job's id goes with it: what was asked may have
 * happened all the same.
 */
export async function reached<T>(call: () => Promise<T>, jobId?: string): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    console.warn({ event: 'object_unreachable', ...(jobId ? { job_id: jobId } : {}), cause: String(cause) });
    throw new ApiError(
      { tag: 'unavailable', part: 'jobs', retryAfter: RETRY_AFTER_S, ...(jobId ? { jobId } : {}) },
      { cause },
    );
  }
}
