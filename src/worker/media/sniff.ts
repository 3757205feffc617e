/**
 * What bytes really are: one of the image types that we take, with its dimensions, or why not. Pure.
 *
 * Only a file's first bytes decide its type, never its name or what the sender says. Nothing is decoded; the headers
 * are read, and the structure is followed to the end of the file, so that most cut files are refused here and not by
 * the upstream, and so that nothing rides along behind the image but what cameras put there. Each reader's work is
 * linear in the number of bytes, whatever they are.
 */

import type { Failure } from '../errors.ts';
import { ByteReader, EndOfBytes } from './byte-reader.ts';
import type { ImageType } from './contract.ts';
import { type HeaderOutcome, type ImageRefusal, TRUNCATED, UNSUPPORTED } from './image/header.ts';
import { isIsoMedia, readHeif } from './image/heif.ts';
import { isJpeg, readJpeg } from './image/jpeg.ts';
import { isOtherFile } from './image/other-file.ts';
import { isPng, readPng } from './image/png.ts';
import { isWebp, readWebp } from './image/webp.ts';
import { MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE } from './image-limits.ts';

/** An image that we take. */
export interface ImageFacts {
  readonly type: ImageType;
  /** Pixels, as shown: after the file's own rotation. */
  readonly width: number;
  readonly height: number;
}

export type SniffOutcome =
  | { readonly ok: true; readonly image: ImageFacts }
  | { readonly ok: false; readonly refusal: ImageRefusal };

/** The image in `bytes`. Total: any bytes get an answer. */
export function sniff(bytes: Uint8Array): SniffOutcome {
  if (bytes.length === 0) return { ok: false, refusal: 'empty' };
  const header = headerOf(bytes);
  if (header.kind === 'refused') return { ok: false, refusal: header.refusal };
  const { type, width, height } = header;
  if (width < 1 || height < 1) return { ok: false, refusal: 'unsupported' };
  if (width > MAX_IMAGE_SIDE || height > MAX_IMAGE_SIDE || width * height > MAX_IMAGE_PIXELS) {
    return { ok: false, refusal: 'too_large' };
  }
  if (isOtherFile(bytes)) return { ok: false, refusal: 'polyglot' };
  return { ok: true, image: { type, width, height } };
}

function headerOf(bytes: Uint8Array): HeaderOutcome {
  const reader = new ByteReader(bytes);
  try {
    if (isPng(reader)) return readPng(reader, bytes);
    if (isJpeg(reader)) return readJpeg(bytes);
    if (isWebp(reader)) return readWebp(reader, bytes);
    if (isIsoMedia(reader)) return readHeif(reader, bytes);
    return UNSUPPORTED;
  } catch (cause) {
    if (cause instanceof EndOfBytes) return TRUNCATED;
    throw cause;
  }
}

const REFUSAL_DETAIL = {
  empty: 'is empty',
  unsupported: 'must be a PNG, JPEG, WebP, AVIF or HEIF image',
  truncated: 'is cut off: the image ends before its data does',
  animated: 'must be a still image, not an animation',
  polyglot:
    'must be an image and nothing else: there is another file or a script inside it, or behind its end',
  too_large: `may have at most ${MAX_IMAGE_SIDE} pixels a side and ${MAX_IMAGE_PIXELS / 1_000_000} megapixels`,
} as const satisfies Record<ImageRefusal, string>;

/** A refusal as a sentence whose subject is the image. */
export function refusalDetail(refusal: ImageRefusal): string {
  return REFUSAL_DETAIL[refusal];
}

/**
 * A refusal as a failure of the request whose whole body the image was.
 * @param expected What was to be sent, as a 415 says it.
 */
export function refusalFailure(refusal: ImageRefusal, expected: string): Failure {
  return refusal === 'unsupported'
    ? { tag: 'unsupported_media_type', expected }
    : // The empty pointer means the whole body (RFC 6901).
      { tag: 'invalid_request', errors: [{ pointer: '', detail: `the image ${refusalDetail(refusal)}` }] };
}
