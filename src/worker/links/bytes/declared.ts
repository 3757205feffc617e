/** What a sender says of a picture before it comes: refused when it cannot be right, and never believed. Pure. */

import { ApiError } from '../../errors.ts';
import type { ImageType } from '../../media/contract.ts';
import { agreesWith, mediaTypeOf, namesOf } from '../../media/image-types.ts';
import type { LinkClaims } from '../token.ts';

/**
 * Declared by senders that do not know: browsers and tools that meet an ending they have no type for, and curl's
 * `--data-binary`, which calls everything a form.
 */
const UNDECLARED: ReadonlySet<string> = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/x-www-form-urlencoded',
]);

/** What a link asks for, as a 415 says it. */
export function expected(types: readonly ImageType[]): string {
  return `the bytes of one ${namesOf(types)} image, with its own type or none as Content-Type: this link takes nothing else`;
}

/**
 * The type that a header declares, lower-case and without parameters; null when it declares none.
 * @throws {ApiError} `unsupported_media_type` when it is none of the link's.
 */
export function requireType(header: string | null | undefined, types: readonly ImageType[]): string | null {
  const declared = mediaTypeOf(header);
  if (UNDECLARED.has(declared)) return null;
  if (types.some((type) => agreesWith(declared, type))) return declared;
  throw new ApiError({ tag: 'unsupported_media_type', expected: expected(types) });
}

/** @throws {ApiError} `body_too_large` when more is announced than the link takes. Null announces nothing. */
export function requireLength(bytes: number | null, { maxBytes }: Pick<LinkClaims, 'maxBytes'>): void {
  if (bytes !== null && bytes > maxBytes) throw new ApiError({ tag: 'body_too_large', limit: maxBytes });
}
