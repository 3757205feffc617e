/**
 * The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload), read strictly: what is not written as the
 * protocol says is refused, and never guessed at. Pure.
 */

import { fromBase64, isBase64 } from '../../bytes.ts';
import { ApiError, type Failure } from '../../errors.ts';
import { mediaTypeOf } from '../../media/image-types.ts';
import type { GatherDigest } from '../bytes/gather.ts';
import { TUS_VERSION } from '../failures.ts';

/** The content type of a piece of an upload. */
const OFFSET_STREAM = 'application/offset+octet-stream';
/** What we do beyond the core. Deferred lengths and concatenation are not among it: a link takes one file, once. */
export const TUS_EXTENSIONS = 'creation,creation-with-upload,expiration,checksum,termination';

/** An `Upload-Checksum`. */
export interface Checksum {
  readonly algorithm: GatherDigest;
  readonly digest: Uint8Array;
}

/** By the names of `Upload-Checksum`. SHA-1 is what the protocol requires; it and MD5 are no proof, only a check. */
const ALGORITHMS: Readonly<Record<string, { readonly name: GatherDigest; readonly bytes: number }>> = {
  sha1: { name: 'SHA-1', bytes: 20 },
  sha256: { name: 'SHA-256', bytes: 32 },
  md5: { name: 'MD5', bytes: 16 },
};
/** `Tus-Checksum-Algorithm`. */
export const CHECKSUM_ALGORITHMS = Object.keys(ALGORITHMS).join(',');

/** A file name of 255 bytes, sent twice as Uppy does, makes 700 characters. It is stored with the upload. */
const MAX_METADATA_CHARACTERS = 8_192;
const MAX_PAIRS = 64;
/** ASCII, without space and comma. */
const METADATA_KEY = /^[\x21-\x2b\x2d-\x7e]+$/;
/** Without leading zeros, so that a number has one spelling. */
const WHOLE_NUMBER = /^(?:0|[1-9]\d*)$/;

function invalid(header: string, detail: string): ApiError {
  return new ApiError({ tag: 'invalid_request', errors: [{ pointer: header, detail }] });
}

/** @throws {ApiError} `tus_version` unless the request speaks our version of tus. */
export function requireTus(headers: Headers): void {
  if (headers.get('Tus-Resumable') !== TUS_VERSION) throw new ApiError({ tag: 'tus_version' });
}

/**
 * `Upload-Length` of a creation, in bytes: 1 to `limit`.
 * @throws {ApiError} `invalid_request` when it is missing, no number, or 0; `body_too_large` above the limit. Also
 *   `invalid_request` for an upload of deferred length and for a part of a concatenation, which we do not do: taken for
 *   a plain upload, they would end in a wrong picture.
 */
export function uploadLength(headers: Headers, limit: number): number {
  if (headers.has('Upload-Defer-Length')) {
    throw invalid('Upload-Defer-Length', 'is not supported: send Upload-Length');
  }
  if (headers.has('Upload-Concat')) {
    throw invalid('Upload-Concat', 'is not supported: send the file as one upload');
  }
  const length = wholeNumber(headers, 'Upload-Length');
  if (length === 0) throw invalid('', 'the image is empty');
  if (length > limit) throw new ApiError({ tag: 'body_too_large', limit });
  return length;
}

/** `Upload-Offset`, in bytes. @throws {ApiError} `invalid_request` when it is missing or no number. */
export function uploadOffset(headers: Headers): number {
  return wholeNumber(headers, 'Upload-Offset');
}

function wholeNumber(headers: Headers, name: string): number {
  const text = headers.get(name);
  if (text === null) throw invalid(name, 'is required');
  if (!WHOLE_NUMBER.test(text)) throw invalid(name, 'must be a whole number of bytes');
  return Number(text);
}

/**
 * `Upload-Metadata` as pairs of key and base64 text: `key base64,key base64,key`. No header has none.
 * @throws {ApiError} `invalid_request` for whatever is not written so, for a key that comes twice, and beyond
 *   {@link MAX_METADATA_CHARACTERS} and {@link MAX_PAIRS}.
 */
export function uploadMetadata(text: string | null | undefined): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  if (!text) return pairs;
  const fail = (detail: string) => invalid('Upload-Metadata', detail);
  if (text.length > MAX_METADATA_CHARACTERS) {
    throw fail(`may have at most ${MAX_METADATA_CHARACTERS} characters`);
  }
  const items = text.split(',');
  if (items.length > MAX_PAIRS) throw fail(`may have at most ${MAX_PAIRS} pairs`);
  for (const item of items) {
    // A header that comes in several lines is joined with ", ". An empty value leaves its space behind.
    const [key = '', value = '', ...more] = item.trim().split(' ');
    if (!METADATA_KEY.test(key)) throw fail('must be pairs of an ASCII key and a base64 value');
    if (more.length > 0 || !isBase64(value)) throw fail('must have padded base64 values');
    if (pairs.has(key)) throw fail('must not have a key twice');
    pairs.set(key, value);
  }
  return pairs;
}

/** What the sender says that the file is, as a media type; empty when it does not say. */
export function declaredFiletype(metadata: ReadonlyMap<string, string>): string {
  // Bytes that are no ASCII are no media type, whatever they are read as.
  return atob(metadata.get('filetype') ?? '');
}

/**
 * `Upload-Checksum: sha1 base64`; null when there is none.
 * @throws {ApiError} `invalid_request` for an algorithm that we do not know, and for a digest that is none of its.
 */
export function uploadChecksum(headers: Headers): Checksum | null {
  const text = headers.get('Upload-Checksum');
  if (text === null) return null;
  const [name = '', value = '', ...more] = text.split(' ');
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (!algorithm) throw invalid('Upload-Checksum', `must begin with one of ${CHECKSUM_ALGORITHMS}`);
  const digest = more.length === 0 ? fromBase64(value) : null;
  if (digest?.length !== algorithm.bytes) {
    throw invalid('Upload-Checksum', `must end in the padded base64 of ${algorithm.bytes} bytes`);
  }
  return { algorithm: algorithm.name, digest };
}

/** What another content type than that of a piece is told. */
export const NOT_A_PIECE: Failure = {
  tag: 'unsupported_media_type',
  expected: `the file's bytes as ${OFFSET_STREAM}`,
};

/** Whether the body is a piece of an upload. */
export function isPiece(headers: Headers): boolean {
  return mediaTypeOf(headers.get('Content-Type')) === OFFSET_STREAM;
}

/** A time in ms as an IMF-fixdate (RFC 9110 §5.6.7), as `Upload-Expires` has it. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}
