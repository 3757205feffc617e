/** Deleting what a try has written. What cannot be deleted now is swept by its age. */

import { deletePage, MAX_PAGE } from '../../media/delete-page.ts';

/** Deletes objects by their keys. A failure is logged. */
export async function eraseKeys(bucket: R2Bucket, keys: readonly string[]): Promise<void> {
  try {
    for (let at = 0; at < keys.length; at += MAX_PAGE) await bucket.delete(keys.slice(at, at + MAX_PAGE));
  } catch (cause) {
    console.warn({ event: 'erase_failed', objects: keys.length, cause: String(cause) });
  }
}

/** Deletes everything below a prefix. A failure is logged. */
export async function erasePrefix(bucket: R2Bucket, prefix: string): Promise<void> {
  try {
    // From the start each time: what was listed before is gone.
    for (let erased = false; !erased; ) erased = await deletePage(bucket, prefix);
  } catch (cause) {
    console.warn({ event: 'erase_failed', prefix, cause: String(cause) });
  }
}
