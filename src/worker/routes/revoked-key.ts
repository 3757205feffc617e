/** The door's order where only a shard knows the key: a key that is no longer valid is told before a wrong request is. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { ShardClient } from '../jobs/client.ts';
import { requestRegion } from './region-of-request.ts';

/**
 * To be asked before a request is refused as invalid, which no object has seen: who has no valid key learns nothing of
 * its request. Costs one hop, on this path alone. Where the key cannot be judged now, the refusal stands.
 * @throws {ApiError} 401 for a key that was revoked, or that nobody was given.
 */
export async function refuseRevokedKey(c: Context<App>): Promise<void> {
  const { account, keyHash } = c.get('caller');
  const shard = new ShardClient(c.env, { account, region: requestRegion(c), n: 0 });
  let known: 'ok' | 'unauthorized' | 'unavailable';
  try {
    known = (await shard.authorize(keyHash)).kind;
  } catch (cause) {
    console.warn({ event: 'object_unreachable', part: 'jobs', cause: String(cause) });
    return;
  }
  if (known === 'unauthorized') throw new ApiError({ tag: 'unauthorized' });
}
