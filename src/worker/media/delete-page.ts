/** Deleting in the bucket what lies below a prefix, as many objects at a time as R2 takes. */

/** Most objects that R2 lists, or deletes, in one call. */
export const MAX_PAGE = 1_000;

/**
 * Deletes a page of what lies below a prefix, but for the key `keep`. Rejects when R2 fails.
 * @returns whether nothing more is there.
 */
export async function deletePage(
  bucket: R2Bucket,
  prefix: string,
  keep: string | null = null,
): Promise<boolean> {
  const { objects, truncated } = await bucket.list({ prefix, limit: MAX_PAGE });
  const keys = objects.map(({ key }) => key).filter((key) => key !== keep);
  if (keys.length > 0) await bucket.delete(keys);
  return !truncated;
}
