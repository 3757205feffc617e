/** The end of a try: its bytes become one checked, stored image, and the shard says whether that is the upload. */

import type { Context } from 'hono';
import { sha256Hex, toHex } from '../../bytes.ts';
import type { App } from '../../env.ts';
import { ApiError } from '../../errors.ts';
import { granted, reached } from '../../http/outcome.ts';
import { mintId } from '../../ids.ts';
import { agreesWith, namesOf } from '../../media/image-types.ts';
import { refusalFailure, sniff } from '../../media/sniff.ts';
import { reachable, storageUnavailable } from '../../media/storage.ts';
import { LinkClient } from '../client.ts';
import type { LinkView, StoredImage, TusPart } from '../contract.ts';
import { existing } from '../door.ts';
import { closedReason } from '../state.ts';
import type { LinkClaims } from '../token.ts';
import { assemble, inSlot } from './assemble.ts';
import { imageKey, tmpPrefix } from './attempt.ts';
import { expected } from './declared.ts';
import { eraseKeys, erasePrefix } from './erase.ts';
import { keepRoom } from './room.ts';

/** An image can come and go between two looks when its try is refused elsewhere or swept; hardly twice. */
const MAX_ROUNDS = 4;

/** A try all of whose bytes have come. */
export interface Attempt {
  readonly attempt: string;
  /** What lies in R2, in order; then what is still in memory. */
  readonly parts: readonly TusPart[];
  readonly tail: Uint8Array<ArrayBuffer>;
  /** From `requireType`. */
  readonly declaredType?: string | null;
  /** Lower-case hex: what the sender says that the bytes are, beside what the link says. */
  readonly digests?: readonly string[];
  /** The shard has a row of this try, which ends with it. Its pieces are the caller's: they stay unless it has won. */
  readonly tus?: boolean;
}

/**
 * Assembles, checks and stores the image, and has the shard decide.
 * @throws {ApiError} for every refusal, after everything that the try wrote was deleted, but the pieces of a `tus` try:
 *   `unsupported_media_type`, `invalid_request`, `digest_mismatch`, `upload_lost`, `link_closed`, `not_found`, `gone`.
 *   `unavailable` when R2 or the shard cannot be reached.
 */
export async function complete(
  c: Context<App>,
  claims: LinkClaims,
  link: LinkView,
  attempt: Attempt,
): Promise<LinkView> {
  const bucket = c.env.BUCKET;
  // Its reader has left, but the tail stays here, perhaps for long: it may wait for a slot.
  const room = keepRoom(attempt.tail.byteLength);
  try {
    const image = await store(bucket, claims, link, attempt);
    const finished = await finish(c, claims, image, attempt);
    // Of all tries: those that are still coming in will lose. The answer need not wait for it.
    c.executionCtx.waitUntil(erasePrefix(bucket, tmpPrefix(claims)));
    return finished;
  } catch (cause) {
    // The pieces of a resumable try may be another request's, too, that has brought it further: its own end decides.
    if (!attempt.tus) {
      await eraseKeys(
        bucket,
        attempt.parts.map(({ key }) => key),
      );
    }
    throw cause;
  } finally {
    room.leave();
  }
}

/** Checks the image and keeps it under the try's own key. */
async function store(
  bucket: R2Bucket,
  claims: LinkClaims,
  { spec }: LinkView,
  { attempt, parts, tail, declaredType, digests = [] }: Attempt,
): Promise<StoredImage> {
  const work = async (): Promise<StoredImage> => {
    const bytes = await assemble(bucket, parts, tail);
    if (bytes === null) throw new ApiError({ tag: 'upload_lost' });
    const sniffed = sniff(bytes);
    if (!sniffed.ok) throw new ApiError(refusalFailure(sniffed.refusal, expected(spec.types)));
    const { type, width, height } = sniffed.image;
    if (!spec.types.includes(type) || (declaredType && !agreesWith(declaredType, type))) {
      throw new ApiError({
        tag: 'unsupported_media_type',
        expected: `${expected(spec.types)}. What was sent is ${namesOf([type])}`,
      });
    }
    const sha256 = await sha256Hex(bytes);
    if (spec.sha256 !== undefined && spec.sha256 !== sha256) throw new ApiError({ tag: 'digest_mismatch' });
    if (digests.some((digest) => digest !== sha256))
      throw new ApiError({ tag: 'digest_mismatch', told: 'request' });
    const key = imageKey(claims, attempt);
    const image = { key, type, bytes: bytes.byteLength, width, height, sha256 };
    await keep(bucket, image, bytes);
    return image;
  };
  // What never left memory needs no more of it.
  return parts.length === 0 ? work() : inSlot(work);
}

/**
 * Puts an image so that its age, by which it is swept, begins now. It is there already when the end of a resumable upload
 * is asked for again, perhaps days after its first; then it is put once more, over itself alone.
 * @throws {ApiError} `upload_lost` when another image is there; `unavailable` when R2 fails.
 */
async function keep(
  bucket: R2Bucket,
  { key, type, sha256 }: StoredImage,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const put = (onlyIf: R2Conditional) =>
    reachable(bucket.put(key, bytes, { sha256, httpMetadata: { contentType: type }, onlyIf }));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (await put({ etagDoesNotMatch: '*' })) return;
    const there = await reachable(bucket.head(key));
    if (there === null) continue;
    const kept = there.checksums.sha256;
    if (!kept || toHex(new Uint8Array(kept)) !== sha256) throw new ApiError({ tag: 'upload_lost' });
    if (await put({ etagMatches: there.etag })) return;
  }
  throw storageUnavailable(new Error('the image comes and goes'));
}

/** Has the shard decide. The stored image is deleted unless it is the upload, or may be. */
async function finish(
  c: Context<App>,
  claims: LinkClaims,
  image: StoredImage,
  { attempt, tus = false }: Attempt,
): Promise<LinkView> {
  const client = new LinkClient(c.env, claims.account);
  const ring = c.get('config').SIGNING_SECRETS;
  const jobId = mintId(ring, 'job', client.shard, Date.now());
  const command = { uploadId: claims.uploadId, image, jobId, ...(tus ? { attempt } : {}) };
  // When nobody answers, this image may be the upload: it stays, and the shard's tidying or the sweep decides.
  const outcome = granted(await reached(() => client.finishUpload(command)));
  if (outcome.kind === 'won') return outcome.link;
  await eraseKeys(c.env.BUCKET, [image.key]);
  const reason = closedReason(existing(outcome).link.status);
  throw new ApiError(
    reason === null || reason === 'used' ? { tag: 'upload_lost' } : { tag: 'link_closed', reason },
  );
}
