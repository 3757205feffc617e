/** The bucket: where each kind of object lies, and what a request is told when R2 cannot be reached. */

import { ApiError } from '../errors.ts';

/** Images that came inside a submit: `in/<account>/<job_id>/<role>`. Deleted on refusal, swept by age. */
export const INPUT_PREFIX = 'in/';
/**
 * Images of `POST /api/uploads`: `up/<account>/<upload_id>`; and of upload links, each under the try that brought it:
 * `up/<account>/<upload_id>/<attempt>`. Swept by age.
 */
export const UPLOAD_PREFIX = 'up/';
/** Pieces of what is still coming in through a link: `tmp/<account>/<upload_id>/<attempt>/…`. Never served; swept by age. */
export const PIECE_PREFIX = 'tmp/';
/** Finished videos: `out/<account>/<job_id>.mp4`. Deleted when the job expires. */
export const RESULT_PREFIX = 'out/';

/** Which image of a job. */
export const IMAGE_ROLES = ['start', 'end'] as const;
export type ImageRole = (typeof IMAGE_ROLES)[number];

/** The shape of every id of ours. A slash or a dot in a key would reach into another account's part. */
const ID = /^[a-z0-9_]{1,64}$/;

function segment(id: string): string {
  if (!ID.test(id)) throw new TypeError('not an id of ours');
  return id;
}

/** Where a job's image lies. */
export function inputKey(account: string, jobId: string, role: ImageRole): string {
  return `${INPUT_PREFIX}${segment(account)}/${segment(jobId)}/${role}`;
}

/** The prefix of all uploads of an account. */
export function uploadPrefix(account: string): string {
  return `${UPLOAD_PREFIX}${segment(account)}/`;
}

/** Where an upload lies. */
export function uploadKey(account: string, uploadId: string): string {
  return uploadPrefix(account) + segment(uploadId);
}

/** Where the pictures lie that came through a link: at most one, but for tries that have not been told yet that they lost. */
export function linkImagePrefix(account: string, uploadId: string): string {
  return `${uploadKey(account, uploadId)}/`;
}

/** Where all pieces lie of what is coming in through a link. */
export function linkPiecePrefix(account: string, uploadId: string): string {
  return `${PIECE_PREFIX}${segment(account)}/${segment(uploadId)}/`;
}

/** Where a job's video lies. One key per job, so that a copy done twice leaves one object. */
export function resultKey(account: string, jobId: string): string {
  return `${RESULT_PREFIX}${segment(account)}/${segment(jobId)}.mp4`;
}

/** Seconds after which a request that met an unreachable bucket may try again: R2's blips are short. */
const RETRY_AFTER_S = 5;

/** What a request is told when R2 fails: 503, in place of R2's own error, which names internals. */
export function storageUnavailable(cause: unknown): ApiError {
  return new ApiError({ tag: 'unavailable', part: 'storage', retryAfter: RETRY_AFTER_S }, { cause });
}

/**
 * The outcome of an R2 call made for a request.
 * @throws {ApiError} as {@link storageUnavailable} when R2 fails.
 */
export async function reachable<Value>(call: Promise<Value>): Promise<Value> {
  try {
    return await call;
  } catch (cause) {
    throw storageUnavailable(cause);
  }
}
