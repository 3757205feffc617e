/** The `Idempotency-Key` of a request. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { parseIdempotencyKey } from '../idempotency.ts';

/** The key, bare or unquoted; null when there is none. @throws {ApiError} for one that is not valid. */
export function idempotencyKey(c: Context<App>): string | null {
  const parsed = parseIdempotencyKey(c.req.header('idempotency-key'));
  if (parsed === 'invalid') throw new ApiError({ tag: 'invalid_idempotency_key' });
  return parsed?.key ?? null;
}
