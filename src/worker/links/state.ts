/** Whether a link still takes a picture, and why not. Pure; `now` in ms. */

import type { LinkStatus } from './contract.ts';

/** What decides over a link's state. */
export interface LinkFacts {
  readonly expiresAt: number;
  readonly uploadedAt: number | null;
  readonly revokedAt: number | null;
}

/**
 * A request that began before the link expired may finish this much later: a phone on a bad line needs minutes for
 * 20 MB. Its beginning is judged where it began, at the edge; so is that of each request of a resumable upload.
 */
export const FINISH_GRACE_MS = 900_000;

/**
 * The state of a link at `now`. A picture that came in time stays after the expiry. Nobody revokes a link that has its
 * picture; one that has both was withdrawn before its job began, because its key was revoked.
 */
export function statusOf({ expiresAt, uploadedAt, revokedAt }: LinkFacts, now: number): LinkStatus {
  if (revokedAt !== null) return 'revoked';
  if (uploadedAt !== null) return 'uploaded';
  return now < expiresAt ? 'pending' : 'expired';
}

/** Whether an upload that was begun in time may still become the link's picture at `now`. */
export function takesFinish({ expiresAt, uploadedAt, revokedAt }: LinkFacts, now: number): boolean {
  return uploadedAt === null && revokedAt === null && now < expiresAt + FINISH_GRACE_MS;
}

/** Why a link takes nothing any more, as a holder of its address is told. */
export type ClosedReason = 'used' | 'expired' | 'revoked';

/** Null while the link takes a picture. */
export function closedReason(status: LinkStatus): ClosedReason | null {
  if (status === 'pending') return null;
  return status === 'uploaded' ? 'used' : status;
}
