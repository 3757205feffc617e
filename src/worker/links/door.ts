/** What stands before a link's bytes: its token, the rates, what is declared, and the link's own state. In this order. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { granted, reached } from '../http/outcome.ts';
import { LinkClient } from './client.ts';
import type { LinkView } from './contract.ts';
import { closedReason } from './state.ts';
import { type LinkClaims, readLinkToken } from './token.ts';

export { expected, requireLength, requireType } from './bytes/declared.ts';
export { limitAttempts, limitPieces, limitRequests } from './rate-limit.ts';

/** What the link's address says. No I/O. @throws {ApiError} `not_found` for any address that is none of ours. */
export async function claimsOf(c: Context<App>): Promise<LinkClaims> {
  const claims = await readLinkToken(c.get('config'), c.req.param('token') ?? '');
  if (!claims) throw new ApiError({ tag: 'not_found' });
  return claims;
}

/** No I/O. @throws {ApiError} `link_closed` when the link has expired at `now` (ms). */
export function requireOpen(claims: LinkClaims, now: number): void {
  if (now >= claims.expiresAt) throw new ApiError({ tag: 'link_closed', reason: 'expired' });
}

/**
 * The link as its shard has it: one call.
 * @throws {ApiError} `not_found`; `gone` when it is remembered no more; `unavailable`.
 */
export async function openLink(c: Context<App>, claims: LinkClaims): Promise<LinkView> {
  const client = new LinkClient(c.env, claims.account);
  return existing(granted(await reached(() => client.openLink(claims.uploadId)))).link;
}

/** The outcome, unless there is no such link. @throws {ApiError} `not_found`; `gone` when it is remembered no more. */
export function existing<T extends { readonly kind: string }>(
  outcome: T,
): Exclude<T, { readonly kind: 'not_found' | 'gone' }> {
  if (outcome.kind === 'not_found') throw new ApiError({ tag: 'not_found' });
  if (outcome.kind === 'gone') throw new ApiError({ tag: 'gone', what: 'upload_link' });
  return outcome as Exclude<T, { readonly kind: 'not_found' | 'gone' }>;
}

/** @throws {ApiError} `link_closed` with the reason, unless the link still takes a picture. */
export function requirePending(link: LinkView): void {
  const reason = closedReason(link.status);
  if (reason !== null) throw new ApiError({ tag: 'link_closed', reason });
}
