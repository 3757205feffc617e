/** Whether there is an upstream to send jobs to. */

import type { Config } from '../env.ts';
import { ApiError } from '../errors.ts';

/** Seconds after which a missing upstream is worth another try: an operator has to act. */
const RETRY_AFTER_S = 60;

/** To be asked before a job is taken in, or promised. @throws {ApiError} 503 in a deployment without FAL_KEY. */
export function requireUpstream(config: Config): void {
  if (config.FAL_KEY === undefined) {
    throw new ApiError({ tag: 'unavailable', part: 'upstream', retryAfter: RETRY_AFTER_S });
  }
}
