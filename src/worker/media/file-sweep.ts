/** The part of the cron run that clears the bucket of inputs nobody needs any more. */

import type { Config, Env } from '../env.ts';
import { sweepInputs, sweptPrefixes } from './retention.ts';

/** One page every ten minutes: 144,000 objects a day, for two R2 calls a page. R2 lifecycle rules take what is beyond. */
const EVERY_MINUTES = 10;
const PAGE = 1_000;
const MINUTE_MS = 60_000;
/** Where the sweep left off. In the bucket itself, since no object of ours owns all accounts' files. */
const CURSOR_KEY = 'state/file-sweep-cursor';

/**
 * Looks at the next page of inputs, uploads and pieces and deletes those past their age. Failures are logged, and met
 * again next time.
 */
export async function sweepFiles(env: Env, config: Config, now: number): Promise<void> {
  if (Math.floor(now / MINUTE_MS) % EVERY_MINUTES !== 0) return;
  try {
    const stored = await env.BUCKET.get(CURSOR_KEY);
    const cursor = stored ? await stored.text() : undefined;
    const outcome = await sweepInputs(env.BUCKET, {
      prefixes: sweptPrefixes(config),
      cursor,
      now,
      limit: PAGE,
    });
    if (outcome.cursor !== undefined) await env.BUCKET.put(CURSOR_KEY, outcome.cursor);
    else if (stored) await env.BUCKET.delete(CURSOR_KEY);
    console.log({ event: 'file_sweep', seen: outcome.seen, deleted: outcome.deleted });
  } catch (cause) {
    console.error({ event: 'file_sweep_failed', cause: String(cause) });
  }
}
