/**
 * One try to bring a picture to a link, and where its bytes lie. Every try has keys of its own, so that two on one link
 * never meet in the bucket: the shard alone decides which of them is the upload.
 */

import { base32OfBytes } from '../../bytes.ts';
import { linkImagePrefix, linkPiecePrefix } from '../../media/storage.ts';

/** Whose tries: a token's claims have both. */
export interface LinkName {
  readonly account: string;
  readonly uploadId: string;
}

/** 80 random bits: two tries of one link meet never. */
const ATTEMPT_LENGTH = 16;
/** Of a piece: a try that sends the same offset again, as tus may, writes beside its earlier piece, not over it. */
const PIECE_LENGTH = 8;

/** A new try's id: lower-case Crockford base32. */
export function mintAttempt(): string {
  return base32OfBytes(crypto.getRandomValues(new Uint8Array(ATTEMPT_LENGTH)), ATTEMPT_LENGTH);
}

/** Where the pieces of a try lie while they come in; without a try, those of all tries of the link. */
export function tmpPrefix({ account, uploadId }: LinkName, attempt?: string): string {
  const all = linkPiecePrefix(account, uploadId);
  return attempt === undefined ? all : `${all}${attempt}/`;
}

/** A new piece's key: its first byte's offset in the whole, and something random. */
export function pieceKey(prefix: string, offset: number): string {
  const random = base32OfBytes(crypto.getRandomValues(new Uint8Array(PIECE_LENGTH)), PIECE_LENGTH);
  return `${prefix}${offset}-${random}`;
}

/** Where the picture of a try lies once it was checked: `up/<account>/<upload_id>/<attempt>`. */
export function imageKey({ account, uploadId }: LinkName, attempt: string): string {
  return linkImagePrefix(account, uploadId) + attempt;
}
