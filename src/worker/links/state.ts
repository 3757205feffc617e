/** Whether a link still takes a picture, and why not. Pure; `now` in ms. */

import type { LinkStatus } from './contract.ts';

/** What decides over a link's state. */
export interface LinkFacts {
  readonly expiresAt: number;
  readonly uploadedAt: number | null;
  readonly revokedAt: number | null;
}

/** The state of a link at `now`. A picture that came in time stays, whatever happens to the link later. */
export function statusOf({ expiresAt, uploadedAt, revokedAt }: LinkFacts, now: number): LinkStatus {
  if (uploadedAt !== null) return 'uploaded';
  if (revokedAt !== null) return 'revoked';
  return now < expiresAt ? 'pending' : 'expired';
}

/** Why a link takes nothing any more, as a holder of its address is told. */
export type ClosedReason = 'used' | 'expired' | 'revoked';

/** Null while the link takes a picture. */
export function closedReason(status: LinkStatus): ClosedReason | null {
  if (status === 'pending') return null;
  return status === 'uploaded' ? 'used' : status;
}
