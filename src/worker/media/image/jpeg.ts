/** JPEG (ITU-T T.81, JFIF, Exif): dimensions as shown, that it runs to its end marker, and what follows. Pure. */

import { ByteReader } from '../byte-reader.ts';
import { orientationOf } from './exif.ts';
import { type HeaderOutcome, POLYGLOT, TRUNCATED, UNSUPPORTED } from './header.ts';
import { EOI, SOI, scansEnd, standsAlone } from './jpeg-scans.ts';
import { isCameraTrailer } from './jpeg-trailer.ts';

const SOS = 0xda;
const APP1 = 0xe1;
/** Frames that every decoder takes: baseline, extended sequential and progressive, all Huffman-coded. */
const COMMON_FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
/** The other start-of-frame markers: lossless, hierarchical, arithmetic-coded. */
const OTHER_FRAMES: ReadonlySet<number> = new Set([
  0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf,
]);
/** Bits per sample that browsers and common decoders show. */
const SAMPLE_BITS = 8;
/** Orientations 5 to 8 lie on their side: width and height are shown the other way round. */
const FIRST_SIDEWAYS_ORIENTATION = 5;
const EXIF_SIGNATURE = 'Exif\0\0';
/**
 * A first segment whose length reads as the beginning of a comment makes the file a script whose first word is the
 * marker. Exif may have this length by chance, and no other first segment does.
 */
const COMMENT_LENGTH = 0x2f2a;

/** Whether the bytes start as a JPEG. */
export function isJpeg(reader: ByteReader): boolean {
  return reader.length >= 3 && reader.u16(0) === 0xff00 + SOI && reader.u8(2) === 0xff;
}

/** Dimensions, from the segments before the first scan. */
export function readJpeg(bytes: Uint8Array): HeaderOutcome {
  const reader = new ByteReader(bytes);
  let size: { width: number; height: number } | null = null;
  let orientation = 1;
  for (let at = 2; ; ) {
    // Between segments decoders skip whatever is no marker; some cameras pad there.
    if (reader.u8(at) !== 0xff) {
      at++;
      continue;
    }
    const marker = reader.u8(at + 1);
    if (marker === 0xff || marker === 0x00 || standsAlone(marker)) {
      // A marker may be preceded by any number of fill bytes.
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    if (marker === EOI || marker === SOI) return UNSUPPORTED;
    const length = reader.u16(at + 2);
    if (length < 2) return UNSUPPORTED;
    reader.need(at + 2, length);
    const content = at + 4;
    const end = at + 2 + length;
    if (at === 2 && length === COMMENT_LENGTH && marker !== APP1) return POLYGLOT;
    if (OTHER_FRAMES.has(marker)) return UNSUPPORTED;
    if (COMMON_FRAMES.has(marker)) {
      if (size || reader.u8(content) !== SAMPLE_BITS) return UNSUPPORTED;
      size = { height: reader.u16(content + 1), width: reader.u16(content + 3) };
    } else if (marker === APP1 && length > 8 && reader.latin1(content, 6) === EXIF_SIGNATURE) {
      orientation = orientationOf(bytes.subarray(content + 6, end)) ?? orientation;
    } else if (marker === SOS) {
      if (!size) return UNSUPPORTED;
      const behind = scansEnd(bytes, end);
      if (behind === null) return TRUNCATED;
      if (!isCameraTrailer(bytes, behind)) return POLYGLOT;
      const sideways = orientation >= FIRST_SIDEWAYS_ORIENTATION;
      return {
        kind: 'image',
        type: 'image/jpeg',
        width: sideways ? size.height : size.width,
        height: sideways ? size.width : size.height,
      };
    }
    at = end;
  }
}
