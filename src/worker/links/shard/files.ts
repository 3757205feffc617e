/** What the tidy duty deletes in R2. Each call deletes a page at most, so that no link can hold up the others. */

import { deletePage } from '../../media/delete-page.ts';
import { linkImagePrefix, linkPiecePrefix } from '../../media/storage.ts';

/** Whose link, and which. */
export interface LinkFiles {
  readonly bucket: R2Bucket;
  readonly account: string;
}

/**
 * Deletes a page of what is lying of uploads that are not the link's picture: pieces, and pictures of tries that lost
 * and died before they could clear up. Rejects when R2 fails.
 * @param keep the key of the link's picture, or null.
 * @returns whether nothing more is there.
 */
export async function deleteParts(
  { bucket, account }: LinkFiles,
  uploadId: string,
  keep: string | null,
): Promise<boolean> {
  const pieces = await deletePage(bucket, linkPiecePrefix(account, uploadId));
  const pictures = await deletePage(bucket, linkImagePrefix(account, uploadId), keep);
  return pieces && pictures;
}

/** Deletes the link's picture. Rejects when R2 fails. @returns whether nothing is left of it. */
export function deletePicture({ bucket, account }: LinkFiles, uploadId: string): Promise<boolean> {
  return deletePage(bucket, linkImagePrefix(account, uploadId));
}
