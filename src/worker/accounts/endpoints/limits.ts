/** Bounds of what an account may have for its webhooks. */

/** Each costs a row in every shard's replica, and a delivery row for every event: more than anybody needs. */
export const MAX_ENDPOINTS = 20;

/** Secrets of one owner and scheme that sign at once: each costs 50 to 100 characters in the header of every delivery. */
export const MAX_LIVE_SECRETS = 10;

/** Longest time for which an old secret signs beside the new one, in ms. */
export const MAX_GRACE_MS = 7 * 86_400_000;

/** How long deleting an endpoint again is answered as the first time was, in ms. */
export const DELETED_MEMORY_MS = 86_400_000;

/**
 * Events about the account that wait for its home shard at once. Each may carry an address of 4,096 characters, and the
 * shard stores them with all else that it has a replica of as one value of 2 MiB at most: a replica that did not fit would
 * be pushed in vain for ever, and no key could be revoked there.
 */
export const MAX_WAITING_NOTICES = 100;
