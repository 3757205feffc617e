/** Refusals that objects answer with, as failures of the request. */

import { ApiError, type ServicePart } from '../errors.ts';
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

/** What a 503 says of the object that could not be reached. */
interface Unreached {
  /** Default `jobs`. */
  readonly part?: ServicePart;
  /** The job that the call was about: what was asked may have happened all the same. */
  readonly jobId?: string;
  /** What was asked may have happened all the same, and may be asked again. */
  readonly mayBeDone?: true;
}

/** The answer of an object. @throws {ApiError} 503 when it cannot be reached. */
export async function reached<T>(
  call: () => Promise<T>,
  { part = 'jobs', jobId, mayBeDone }: Unreached = {},
): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const job = jobId === undefined ? {} : { job_id: jobId };
    console.warn({ event: 'object_unreachable', part, ...job, cause: String(cause) });
    const known = { ...(jobId === undefined ? {} : { jobId }), ...(mayBeDone ? { mayBeDone } : {}) };
    throw new ApiError({ tag: 'unavailable', part, retryAfter: RETRY_AFTER_S, ...known }, { cause });
  }
}
