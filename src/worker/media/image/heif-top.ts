/** The outermost boxes of a HEIF file, followed to its end: a still image has no movie, and nothing stands behind. Pure. */

import { type ByteReader, EndOfBytes } from '../byte-reader.ts';
import { LARGE_HEADER_BYTES } from '../iso-boxes.ts';
import { onlyPadding } from './padding.ts';

const HEADER_BYTES = 8;
// Types as numbers: a hostile file has millions of boxes, and no text need be made of each.
const MOOV = 0x6d6f6f76;
/** Types that a cut file may end in; a box of another type that does not fit is no box. */
const KNOWN: ReadonlySet<number> = new Set(
  ['ftyp', 'meta', 'mdat', 'free', 'skip', 'uuid', 'idat', 'mpvd', 'sefd'].map((type) =>
    [...type].reduce((code, letter) => code * 256 + letter.charCodeAt(0), 0),
  ),
);

/**
 * `movie`: there is one, so the file can be played. `other`: something that is no box follows the boxes. Else where the
 * boxes end.
 * @throws {EndOfBytes} when the file is cut within a box.
 */
export function checkTopLevel(
  reader: ByteReader,
  bytes: Uint8Array,
): 'movie' | 'other' | { readonly end: number } {
  for (let at = 0; ; ) {
    if (at === reader.length) return { end: at };
    if (at + HEADER_BYTES > reader.length) {
      if (onlyPadding(bytes, at)) return { end: at };
      throw new EndOfBytes();
    }
    const type = reader.u32(at + 4);
    if (type === MOOV) return 'movie';
    let size = reader.u32(at);
    if (size === 0 && KNOWN.has(type)) return { end: reader.length };
    if (size === 1 && KNOWN.has(type)) size = Math.max(reader.u64(at + HEADER_BYTES), LARGE_HEADER_BYTES);
    if (!isPrintable(type) || size < HEADER_BYTES) {
      return onlyPadding(bytes, at) ? { end: at } : 'other';
    }
    if (at + size > reader.length) {
      if (KNOWN.has(type)) throw new EndOfBytes();
      return 'other';
    }
    at += size;
  }
}

/** Whether a type is four printable ASCII characters, as all of them are. */
function isPrintable(type: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const character = (type >>> shift) & 255;
    if (character < 0x20 || character > 0x7e) return false;
  }
  return true;
}
