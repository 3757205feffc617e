/** A resumable upload as its shard has it: begun, looked up, brought further, ended. Outcomes become failures here. */

import type { Context } from 'hono';
import type { App } from '../../env.ts';
import { ApiError } from '../../errors.ts';
import { granted, reached } from '../../http/outcome.ts';
import { mintAttempt, tmpPrefix } from '../bytes/attempt.ts';
import { eraseKeys, erasePrefix } from '../bytes/erase.ts';
import { LinkClient } from '../client.ts';
import type { LinkView, TusAttempt, TusPart } from '../contract.ts';
import { existing, openLink, requirePending } from '../door.ts';
import type { LinkClaims } from '../token.ts';

/** An upload and the link that it is for, as they were a moment ago. */
export interface Found {
  readonly tus: TusAttempt;
  readonly link: LinkView;
}

/**
 * The upload of this name, whether its link is still open or not.
 * @throws {ApiError} `not_found` when there is none, or it was ended; `link_closed` when it was ended with its link;
 *   `gone`; `unavailable`.
 */
export async function findAttempt(c: Context<App>, claims: LinkClaims, attempt: string): Promise<Found> {
  const client = new LinkClient(c.env, claims.account);
  const outcome = granted(await reached(() => client.tus({ uploadId: claims.uploadId, attempt })));
  if (outcome.kind === 'not_found') throw await ended(c, claims);
  return existing(outcome);
}

/**
 * Begins an upload of `length` bytes, and deletes what is left of one that was ended for it.
 * @throws {ApiError} `link_closed`, `not_found`, `gone`, `unavailable`.
 */
export async function beginAttempt(
  c: Context<App>,
  claims: LinkClaims,
  begun: { readonly length: number; readonly metadata: string | null },
): Promise<TusAttempt> {
  const client = new LinkClient(c.env, claims.account);
  const { length, metadata } = begun;
  const command = { uploadId: claims.uploadId, attempt: mintAttempt(), length };
  const outcome = existing(
    granted(await reached(() => client.beginTus(metadata === null ? command : { ...command, metadata }))),
  );
  if (outcome.kind === 'closed') {
    requirePending(outcome.link);
    throw new Error('a pending link was closed to an upload');
  }
  if (outcome.forgotten !== undefined) {
    // Begun it is, whatever becomes of this.
    c.executionCtx.waitUntil(erasePrefix(c.env.BUCKET, tmpPrefix(claims, outcome.forgotten)));
  }
  return outcome.tus;
}

/** What {@link advance} notes. */
export interface Step {
  readonly parts: readonly TusPart[];
  /** How many of the last parts `parts` stand in for. */
  readonly replaces?: number;
}

/**
 * Notes parts that are safe in R2 as the next bytes of an upload that is still where `tus` says. Parts that it cannot
 * take are deleted, and so are those that were replaced.
 * @throws {ApiError} `offset_mismatch` when another request was faster; as {@link findAttempt}.
 */
export async function advance(
  c: Context<App>,
  claims: LinkClaims,
  tus: TusAttempt,
  { parts, replaces = 0 }: Step,
): Promise<TusAttempt> {
  const client = new LinkClient(c.env, claims.account);
  const query = { uploadId: claims.uploadId, attempt: tus.attempt };
  // When nobody answers, the parts may be the upload's: they stay, and go when it ends.
  const outcome = granted(
    await reached(() => client.advanceTus({ ...query, from: tus.offset, parts, replaces })),
  );
  if (outcome.kind === 'advanced') {
    if (replaces > 0) await eraseKeys(c.env.BUCKET, keysOf(tus.parts.slice(-replaces)));
    return outcome.tus;
  }
  await eraseKeys(c.env.BUCKET, keysOf(parts));
  if (outcome.kind === 'not_found') throw await ended(c, claims);
  throw new ApiError({ tag: 'offset_mismatch', offset: existing(outcome).tus.offset });
}

/**
 * Ends an unfinished upload and deletes what came of it.
 * @returns the upload as it was, null when it was ended before. One that is complete is as it was.
 * @throws {ApiError} `unavailable`.
 */
export async function endAttempt(
  c: Context<App>,
  claims: LinkClaims,
  { attempt }: Pick<TusAttempt, 'attempt'>,
): Promise<TusAttempt | null> {
  const client = new LinkClient(c.env, claims.account);
  const outcome = granted(await reached(() => client.dropTus({ uploadId: claims.uploadId, attempt })));
  // By prefix: a request that broke may have left pieces that no row names.
  await erasePrefix(c.env.BUCKET, tmpPrefix(claims, attempt));
  return outcome.kind === 'found' ? outcome.tus : null;
}

/** Why an upload is not there (any more): its link has closed, or it was ended, or it never was. */
async function ended(c: Context<App>, claims: LinkClaims): Promise<ApiError> {
  requirePending(await openLink(c, claims));
  return new ApiError({ tag: 'not_found' });
}

/** The keys of parts. */
export function keysOf(parts: readonly TusPart[]): string[] {
  return parts.map(({ key }) => key);
}
