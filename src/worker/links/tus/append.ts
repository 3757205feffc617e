/**
 * Bytes for a resumable upload. They are noted as they become safe in R2, so that a line that breaks costs a megabyte at
 * the most; but the last of them only with the whole: an upload is at its end when it was checked and has won, and never
 * before. So a crash in between leaves it short of its end, and its sender sends the last bytes again.
 */

import type { Context } from 'hono';
import type { App } from '../../env.ts';
import { ApiError } from '../../errors.ts';
import { bodyError } from '../../media/body.ts';
import { reachable } from '../../media/storage.ts';
import { equalBytes } from '../../secrets.ts';
import { assemble } from '../bytes/assemble.ts';
import { pieceKey, tmpPrefix } from '../bytes/attempt.ts';
import { complete } from '../bytes/complete.ts';
import { eraseKeys } from '../bytes/erase.ts';
import { type Gathered, gather, PART_BYTES } from '../bytes/gather.ts';
import { patience } from '../bytes/receive.ts';
import type { TusAttempt, TusPart } from '../contract.ts';
import { requirePending, requireType } from '../door.ts';
import type { LinkClaims } from '../token.ts';
import { advance, endAttempt, type Found, findAttempt, keysOf } from './attempt.ts';
import { type Checksum, declaredFiletype, uploadMetadata } from './headers.ts';
import { groupsOf } from './merge.ts';

/** Bytes of a request that begin where the upload is. */
export interface Piece {
  readonly body: ReadableStream<Uint8Array> | null;
  /** With one, the request's bytes are all kept or none. */
  readonly checksum: Checksum | null;
}

const NOTHING = new Uint8Array();

/**
 * Adds a request's bytes to an upload, and completes it with its last.
 * @returns the upload's new offset.
 * @throws {ApiError} `body_too_large` for more than is missing; `malformed_body` for a body that ended early, whose bytes
 *   are kept all the same unless they have a checksum; `checksum_mismatch`; `offset_mismatch` when another request was
 *   faster; what `complete` throws, which ends the upload unless it is `unavailable`.
 */
export async function append(
  c: Context<App>,
  claims: LinkClaims,
  { tus, link }: Found,
  { body, checksum }: Piece,
): Promise<number> {
  let at = tus;
  const step = async (parts: Gathered['parts']) => {
    if (parts.length > 0) at = await advance(c, claims, at, { parts });
  };
  const limit = tus.length - tus.offset;
  const gathered = await gather(body, {
    bucket: c.env.BUCKET,
    prefix: tmpPrefix(claims, tus.attempt),
    offset: tus.offset,
    limit,
    signal: patience(claims, Date.now()),
    ...(checksum ? { digest: checksum.algorithm } : { onPart: (part) => step([part]) }),
  });
  if (checksum) {
    const failure = mistaken(gathered, checksum, limit);
    if (failure) await eraseKeys(c.env.BUCKET, keysOf(gathered.parts));
    if (failure) throw failure;
    await step(gathered.parts);
  }
  if (gathered.kind === 'too_large') throw bodyError(gathered.kind, limit);
  if (at.offset + gathered.tail.byteLength === tus.length) {
    if (!tus.done) await finish(c, claims, { tus: at, link }, gathered.tail);
    return tus.length;
  }
  if (gathered.tail.byteLength > 0) at = await keep(c, claims, at, gathered.tail);
  if (gathered.kind === 'ended_early') throw bodyError(gathered.kind, limit);
  return at.offset;
}

/** What is wrong with bytes that have a checksum, or null. */
function mistaken({ kind, digest }: Gathered, checksum: Checksum, limit: number): ApiError | null {
  if (kind !== 'whole') return bodyError(kind, limit);
  const same = digest !== undefined && equalBytes(new Uint8Array(digest), checksum.digest);
  return same ? null : new ApiError({ tag: 'checksum_mismatch' });
}

/** Puts the last of a request's bytes as a part. Where parts are too many, they and earlier ones become fewer. */
async function keep(
  c: Context<App>,
  claims: LinkClaims,
  tus: TusAttempt,
  tail: Uint8Array<ArrayBuffer>,
): Promise<TusAttempt> {
  const bucket = c.env.BUCKET;
  const sizes = tus.parts.map(({ bytes }) => bytes);
  const groups = groupsOf(sizes, tail.byteLength, PART_BYTES);
  const replaces = groups.reduce((sum, count) => sum + count) - 1;
  let rest = tus.parts.slice(tus.parts.length - replaces);
  let start = tus.offset - rest.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts: TusPart[] = [];
  for (const [n, count] of groups.entries()) {
    const bytes = await assemble(bucket, rest.slice(0, count), n === groups.length - 1 ? tail : NOTHING);
    if (bytes === null) {
      await eraseKeys(bucket, keysOf(parts));
      throw await overtaken(c, claims, tus);
    }
    const part = { key: pieceKey(tmpPrefix(claims, tus.attempt), start), bytes: bytes.byteLength };
    await reachable(bucket.put(part.key, bytes));
    parts.push(part);
    rest = rest.slice(count);
    start += part.bytes;
  }
  return advance(c, claims, tus, { parts, replaces });
}

/** Has the whole checked and committed. @throws {ApiError} as `complete`. */
async function finish(
  c: Context<App>,
  claims: LinkClaims,
  { tus, link }: Found,
  tail: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { attempt, parts, metadata } = tus;
  const declaredType = requireType(declaredFiletype(uploadMetadata(metadata)), claims.types);
  try {
    await complete(c, claims, link, { attempt, parts, tail, declaredType, tus: true });
  } catch (cause) {
    const tag = cause instanceof ApiError ? cause.failure.tag : 'unavailable';
    // It may be ended later: its parts are safe.
    if (tag === 'unavailable') throw cause;
    if (tag === 'upload_lost') throw await overtaken(c, claims, tus);
    await endAttempt(c, claims, tus);
    throw tag === 'digest_mismatch' ? new ApiError({ tag, tus: true }, { cause }) : cause;
  }
}

/**
 * Why the end of an upload, or a part of it, was not to be had: another request has brought it further, or to its end;
 * or another upload has won. What is left of one that nobody can end is deleted.
 */
async function overtaken(c: Context<App>, claims: LinkClaims, tus: TusAttempt): Promise<ApiError> {
  const now = await findAttempt(c, claims, tus.attempt);
  if (now.tus.offset !== tus.offset) {
    return new ApiError({ tag: 'offset_mismatch', offset: now.tus.offset });
  }
  await endAttempt(c, claims, tus);
  requirePending(now.link);
  return new ApiError({ tag: 'upload_lost' });
}
