/**
 * How often somebody may knock: Cloudflare's rate limiting bindings, counted where the request came in, without a call
 * to anywhere else. How often is for `wrangler.toml` to say (`[[ratelimits]]`); without a binding there is no limit.
 */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import type { LinkName } from './attempt.ts';

/** The longest period that Cloudflare offers, in seconds: the binding does not tell which was configured. */
const PERIOD_S = 60;

/** The names that `wrangler.toml` gives the bindings. */
const ATTEMPTS = 'LINK_ATTEMPTS';
const REQUESTS = 'LINK_REQUESTS';

/** Counts one try to send a picture to this link. @throws {ApiError} `rate_limited`. */
export function limitAttempts(c: Context<App>, { uploadId }: LinkName): Promise<void> {
  return limit(c, ATTEMPTS, uploadId);
}

/** Counts one request of this address to any link. The router does it, for every request. @throws {ApiError} `rate_limited`. */
export async function limitRequests(c: Context<App>): Promise<void> {
  const address = c.req.header('CF-Connecting-IP');
  // Cloudflare always says it: a Worker that runs elsewhere knows nobody's address.
  if (address !== undefined) await limit(c, REQUESTS, address);
}

async function limit(c: Context<App>, name: string, key: string): Promise<void> {
  const binding = c.env[name];
  if (c.get('config').LOCAL_MODE || !isRateLimit(binding)) return;
  const { success } = await binding.limit({ key });
  if (!success) throw new ApiError({ tag: 'rate_limited', retryAfter: PERIOD_S });
}

function isRateLimit(binding: unknown): binding is RateLimit {
  return typeof binding === 'object' && binding !== null && 'limit' in binding;
}
