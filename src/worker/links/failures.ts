/** Failures of upload links: their part of the union in errors.ts, and of its map to HTTP. Pure. */

import type { Problem } from '../errors.ts';
import type { ClosedReason } from './state.ts';

export type LinkFailure =
  /** Of whoever holds the link: it takes no picture any more. */
  | { readonly tag: 'link_closed'; readonly reason: ClosedReason }
  /** Two uploads to one link, and the other was first. */
  | { readonly tag: 'upload_lost' }
  /**
   * The file is not the one that the link is for, or not the one that the request announced. `tus`: told with the status
   * that its protocol has for this.
   */
  | { readonly tag: 'digest_mismatch'; readonly told?: 'request'; readonly tus?: true }
  /** Of its owner: revoking a link whose picture is there. */
  | { readonly tag: 'link_used' }
  | { readonly tag: 'not_uploaded'; readonly status: string }
  | { readonly tag: 'no_job' }
  /** Of its owner: starting the job of a picture that may be used no more. */
  | { readonly tag: 'picture_expired' }
  | { readonly tag: 'rate_limited'; readonly retryAfter: number }
  /** tus: another protocol version. */
  | { readonly tag: 'tus_version' }
  /** tus: the upload is not where the request believes it to be. */
  | { readonly tag: 'offset_mismatch'; readonly offset: number }
  /** tus: the piece is not what its checksum says; it was thrown away. */
  | { readonly tag: 'checksum_mismatch' };

const TAGS: ReadonlySet<string> = new Set<LinkFailure['tag']>([
  'link_closed',
  'upload_lost',
  'digest_mismatch',
  'link_used',
  'not_uploaded',
  'no_job',
  'picture_expired',
  'rate_limited',
  'tus_version',
  'offset_mismatch',
  'checksum_mismatch',
]);

/** Whether a failure is one of an upload link's. */
export function isLinkFailure(failure: { readonly tag: string }): failure is LinkFailure {
  return TAGS.has(failure.tag);
}

const CLOSED = {
  used: 'A picture has been sent to this link already. Ask for a new link to send another.',
  expired: 'This link has expired. Ask for a new one.',
  revoked: 'This link was withdrawn. Ask for a new one.',
} as const satisfies Record<ClosedReason, string>;

/** tus 1.0, checksum extension: a status outside the registry, and the protocol's own. */
const CHECKSUM_MISMATCH = {
  status: 460,
  code: 'checksum_mismatch',
  title: 'The checksum does not match',
} as const;

/** The version of tus that we speak. */
export const TUS_VERSION = '1.0.0';

/** A link's failure as HTTP. */
export function linkProblemOf(failure: LinkFailure): Problem {
  switch (failure.tag) {
    case 'link_closed':
      return {
        status: 410,
        code: `link_${failure.reason}`,
        title: 'The link takes no more pictures',
        detail: CLOSED[failure.reason],
      };
    case 'upload_lost':
      return {
        status: 409,
        code: 'upload_lost',
        title: 'Another upload was faster',
        detail: 'Another picture reached this link first, and a link takes one. This one was not kept.',
      };
    case 'digest_mismatch':
      return {
        // A code is one status and one title: what tus has a status for, it has a code for.
        ...(failure.tus
          ? CHECKSUM_MISMATCH
          : { status: 400, code: 'digest_mismatch', title: 'Not the expected file' }),
        detail:
          failure.told === 'request'
            ? 'The SHA-256 of what came is not the one that the request announced. Send the file again.'
            : 'The SHA-256 of what was sent is not the one that this link is for. Send the right file again.',
      };
    case 'link_used':
      return {
        status: 409,
        code: 'link_already_used',
        title: 'The link was used',
        detail: 'A picture has been sent to this link already, so there is nothing to revoke.',
      };
    case 'not_uploaded':
      return {
        status: 409,
        code: 'not_uploaded',
        title: 'No picture yet',
        detail: `No picture has been sent to this link, which is "${failure.status}".`,
        extensions: { link_status: failure.status },
      };
    case 'no_job':
      return {
        status: 409,
        code: 'no_job',
        title: 'The link has no job',
        detail: 'This link was made without a job. Submit one with its image_url.',
      };
    case 'picture_expired':
      return {
        status: 410,
        code: 'picture_expired',
        title: 'The picture has expired',
        detail:
          'The picture of this link came longer ago than pictures may be used, and is deleted. Make a new link for a new one.',
      };
    case 'rate_limited':
      return {
        status: 429,
        code: 'rate_limited',
        title: 'Too many requests',
        detail: `Too many requests from here. Try again in ${failure.retryAfter} seconds.`,
        headers: { 'Retry-After': String(failure.retryAfter) },
      };
    case 'tus_version':
      return {
        status: 412,
        code: 'tus_version',
        title: 'Another version of tus',
        detail: `This address speaks tus ${TUS_VERSION}: send "Tus-Resumable: ${TUS_VERSION}".`,
        headers: { 'Tus-Version': TUS_VERSION },
      };
    case 'offset_mismatch':
      return {
        status: 409,
        code: 'offset_mismatch',
        title: 'Another offset',
        detail: `This upload has ${failure.offset} bytes: go on from there.`,
        extensions: { offset: failure.offset },
        headers: { 'Upload-Offset': String(failure.offset) },
      };
    case 'checksum_mismatch':
      return {
        ...CHECKSUM_MISMATCH,
        detail: 'These bytes are not what Upload-Checksum says. They were thrown away: send them again.',
      };
  }
}
