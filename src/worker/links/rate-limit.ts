/** How often a link, and whoever holds links, may be heard. `wrangler.toml` says how often that is. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { limit, limitAddress } from '../http/rate-limit.ts';
import type { LinkName } from './bytes/attempt.ts';

/** The names that `wrangler.toml` gives the bindings. */
const ATTEMPTS = 'LINK_ATTEMPTS';
const REQUESTS = 'LINK_REQUESTS';
const PIECES = 'LINK_PIECES';

/** Counts one try to send a picture to this link. @throws {ApiError} `rate_limited`. */
export function limitAttempts(c: Context<App>, { uploadId }: LinkName): Promise<void> {
  return limit(c, ATTEMPTS, uploadId);
}

/**
 * Counts one request of this address to any link. The router does it, for every request but those of
 * {@link limitPieces}. @throws {ApiError} `rate_limited`.
 */
export function limitRequests(c: Context<App>): Promise<void> {
  return limitAddress(c, REQUESTS);
}

/**
 * Counts one request of this address to any resumable upload that has begun: a picture may come in hundreds of them, and
 * tus clients take a 429 for the end. The router does it, for every such request. @throws {ApiError} `rate_limited`.
 */
export function limitPieces(c: Context<App>): Promise<void> {
  return limitAddress(c, PIECES);
}
