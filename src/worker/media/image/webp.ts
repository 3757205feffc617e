/** WebP (RFC 9649): dimensions of a still image, and that the file is as long as it says. Pure. */

import type { ByteReader } from '../byte-reader.ts';
import { ANIMATED, type HeaderOutcome, POLYGLOT, UNSUPPORTED } from './header.ts';
import { onlyPadding } from './padding.ts';

/** `RIFF`, size, `WEBP`. */
const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
/** The animation bit among the flags of an extended file (§2.7.1). */
const ANIMATION_FLAG = 0x02;
const LOSSLESS_SIGNATURE = 0x2f;
/** Start code of a VP8 key frame, after its three-byte tag (RFC 6386 §9.1). */
const START_CODE = 0x2a019d;
/** Width and height are 14 bits; the two bits above them are a scale hint. */
const DIMENSION_MASK = 0x3fff;

/** Whether the bytes start as a WebP. */
export function isWebp(reader: ByteReader): boolean {
  return (
    reader.length >= RIFF_HEADER_BYTES && reader.latin1(0, 4) === 'RIFF' && reader.latin1(8, 4) === 'WEBP'
  );
}

/** Dimensions: of the canvas in an extended file, else of the one frame. */
export function readWebp(reader: ByteReader, bytes: Uint8Array): HeaderOutcome {
  // The size counts what follows the first eight bytes.
  const end = reader.u32le(4) + 8;
  reader.need(0, end);
  if (!onlyPadding(bytes, end)) return POLYGLOT;
  const chunk = reader.latin1(RIFF_HEADER_BYTES, 4);
  const data = RIFF_HEADER_BYTES + CHUNK_HEADER_BYTES;
  if (chunk === 'VP8X') {
    if (reader.u8(data) & ANIMATION_FLAG) return ANIMATED;
    if (!holdsPixels(reader, end)) return UNSUPPORTED;
    return webp(reader.u24le(data + 4) + 1, reader.u24le(data + 7) + 1);
  }
  if (!holdsPixels(reader, end)) return UNSUPPORTED;
  if (chunk === 'VP8L') {
    if (reader.u8(data) !== LOSSLESS_SIGNATURE) return UNSUPPORTED;
    const bits = reader.u32le(data + 1);
    return webp((bits & DIMENSION_MASK) + 1, ((bits >>> 14) & DIMENSION_MASK) + 1);
  }
  // Bit 0 of the tag is set on frames that need a frame before them.
  if (reader.u8(data) & 1 || reader.u24le(data + 3) !== START_CODE) return UNSUPPORTED;
  return webp(reader.u16le(data + 6) & DIMENSION_MASK, reader.u16le(data + 8) & DIMENSION_MASK);
}

function webp(width: number, height: number): HeaderOutcome {
  return { kind: 'image', type: 'image/webp', width, height };
}

/** Whether a chunk of pixels lies within the file. Chunks are padded to even sizes. */
function holdsPixels(reader: ByteReader, end: number): boolean {
  for (let at = RIFF_HEADER_BYTES; at < end; ) {
    const type = reader.latin1(at, 4);
    const length = reader.u32le(at + 4);
    reader.need(at, CHUNK_HEADER_BYTES + length);
    if (type === 'VP8 ' || type === 'VP8L') return true;
    at += CHUNK_HEADER_BYTES + length + (length % 2);
  }
  return false;
}
