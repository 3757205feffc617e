/**
 * What cameras and phones put behind a JPEG's end marker, told from what smugglers put there. Pure, and linear.
 *
 * Kept, because a photo straight from a phone must not be refused: padding; more whole JPEGs (previews, depth and gain
 * maps: CIPA DC-007 "MPF", Ultra HDR); an MP4 (Motion Photo); Samsung's directory of blocks ("SEFH" to "SEFT"); the
 * trailers of Huawei, OnePlus and vivo by their last bytes, as ExifTool knows them. Anything else is refused.
 */

import { ByteReader, EndOfBytes } from '../byte-reader.ts';
import { jpegEnd } from './jpeg-scans.ts';
import { skipPadding } from './padding.ts';

/** The last bytes of vivo's trailers, and of an older one of Samsung's. */
const KNOWN_ENDS = ['\u00ff\u00ff\u00ff\u00ff\u001b*9HWfu\u0084\u0093\u00a2\u00b1', '\0\0QDIOBS'] as const;
/** Of Huawei's live photos: how far before it the video begins; of OnePlus: a mark and the length of its JSON. */
const KNOWN_TAILS = [/LIVE_\d{1,12} *$/, /jxrs[\s\S]{4}$/] as const;
/** Enough for each of them. */
const END_BYTES = 48;
const BOX_HEADER_BYTES = 8;
const FTYP = /^ftyp$/;
const BOX_TYPE = /^[a-z0-9]{4}$/;
const SEF_ENTRY_BYTES = 12;

/** Whether what follows a JPEG's end, from `from`, is what cameras put there, or nothing. */
export function isCameraTrailer(bytes: Uint8Array, from: number): boolean {
  const reader = new ByteReader(bytes);
  for (let at = from; ; ) {
    const padded = skipPadding(bytes, at);
    if (padded === bytes.length) return true;
    const next = jpegEnd(bytes, padded) ?? movieEnd(reader, at, padded);
    if (next === null) return isSamsungs(reader, at) || hasKnownEnd(reader, at);
    at = next;
  }
}

/**
 * The offset behind the boxes of an MP4; null when none begins here. Its first bytes are a length, whose zeros look like
 * padding: it begins from `at` on, and its type from `padded` on.
 */
function movieEnd(reader: ByteReader, at: number, padded: number): number | null {
  for (let type = padded; type < padded + 4; type++) {
    if (type - 4 < at || !isType(reader, type, FTYP)) continue;
    let next = type - 4;
    while (isType(reader, next + 4, BOX_TYPE)) {
      const size = reader.u32(next);
      // A size of 64 bits, or one that means "to the end", is of no video that a phone puts behind a photo.
      if (size < BOX_HEADER_BYTES || next + size > reader.length) break;
      next += size;
    }
    return next > type ? next : null;
  }
  return null;
}

function isType(reader: ByteReader, at: number, type: RegExp): boolean {
  return at + 4 <= reader.length && type.test(reader.latin1(at, 4));
}

/** Whether the bytes from `at` to the end are Samsung's: blocks, a directory of where they begin, and its length. */
function isSamsungs(reader: ByteReader, at: number): boolean {
  try {
    const end = reader.length - 8;
    if (end < at || reader.latin1(end + 4, 4) !== 'SEFT') return false;
    const directory = end - reader.u32le(end);
    if (directory < at || reader.latin1(directory, 4) !== 'SEFH') return false;
    const count = reader.u32le(directory + 8);
    if (directory + SEF_ENTRY_BYTES * (count + 1) > end) return false;
    for (let entry = 1; entry <= count; entry++) {
      // How far before the directory its block begins.
      if (directory - reader.u32le(directory + entry * SEF_ENTRY_BYTES + 4) < at) return false;
    }
    return true;
  } catch (cause) {
    if (cause instanceof EndOfBytes) return false;
    throw cause;
  }
}

function hasKnownEnd(reader: ByteReader, at: number): boolean {
  const from = Math.max(at, reader.length - END_BYTES);
  const end = reader.latin1(from, reader.length - from);
  return KNOWN_ENDS.some((known) => end.endsWith(known)) || KNOWN_TAILS.some((known) => known.test(end));
}
