/** PNG (W3C PNG 3rd edition): the header's dimensions, and that the file runs to its end. Pure. */

import type { ByteReader } from '../byte-reader.ts';
import { ANIMATED, type HeaderOutcome, POLYGLOT, UNSUPPORTED } from './header.ts';
import { onlyPadding } from './padding.ts';

const SIGNATURE = '\u0089PNG\r\n\u001a\n';
const IHDR_BYTES = 13;
/** Length, type and checksum around a chunk's data. */
const CHUNK_OVERHEAD = 12;
// Chunk types as numbers: a hostile file has millions of chunks, and no text need be made of each.
const IDAT = 0x49444154;
const IEND = 0x49454e44;
const ACTL = 0x6163544c;
/** Lengths are 31 bits (§5.3). */
const MAX_CHUNK_BYTES = 2 ** 31 - 1;

/** Whether the bytes start as a PNG. */
export function isPng(reader: ByteReader): boolean {
  return reader.length >= SIGNATURE.length && reader.latin1(0, SIGNATURE.length) === SIGNATURE;
}

/**
 * Dimensions, after a walk over all chunks. Decoders ignore what follows the end chunk, and no camera writes there: it is
 * another file, or what an editor with a fault left of a picture that its owner had cropped.
 */
export function readPng(reader: ByteReader, bytes: Uint8Array): HeaderOutcome {
  let at = SIGNATURE.length;
  // The header must come first; Apple's "CgBI" variety, which only Apple decodes, breaks that.
  if (reader.u32(at) !== IHDR_BYTES || reader.latin1(at + 4, 4) !== 'IHDR') return UNSUPPORTED;
  const width = reader.u32(at + 8);
  const height = reader.u32(at + 12);
  for (let pixels = false; ; ) {
    const length = reader.u32(at);
    const type = reader.u32(at + 4);
    if (length > MAX_CHUNK_BYTES) return UNSUPPORTED;
    reader.need(at, length + CHUNK_OVERHEAD);
    if (type === ACTL) return ANIMATED;
    if (type === IDAT) pixels = true;
    if (type === IEND) {
      if (!pixels) return UNSUPPORTED;
      const behind = at + length + CHUNK_OVERHEAD;
      return onlyPadding(bytes, behind) ? { kind: 'image', type: 'image/png', width, height } : POLYGLOT;
    }
    at += length + CHUNK_OVERHEAD;
  }
}
