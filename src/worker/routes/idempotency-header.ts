/** The `Idempotency-Key` of a request. */

import type { Context } from 'hono';
import * as z from 'zod';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { parseIdempotencyKey } from '../idempotency.ts';

/** The headers of a POST that can be repeated, for its OpenAPI description. */
export const HEADERS = z.object({
  'idempotency-key': z.string().optional().meta({
    description:
      '1 to 255 printable ASCII characters, bare or quoted. The same key and request is answered as the first time. Jobs and upload links share their keys; those of uploads are separate.',
  }),
});

/** The key, bare or unquoted; null when there is none. @throws {ApiError} for one that is not valid. */
export function idempotencyKey(c: Context<App>): string | null {
  const parsed = parseIdempotencyKey(c.req.header('idempotency-key'));
  if (parsed === 'invalid') throw new ApiError({ tag: 'invalid_idempotency_key' });
  return parsed?.key ?? null;
}
