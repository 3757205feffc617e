/** The one thing that we read of Exif (CIPA DC-008): how the image is turned. Pure. */

import { ByteReader, EndOfBytes } from '../byte-reader.ts';

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;
const TIFF_MAGIC = 42;

/**
 * The orientation, 1 to 8, from a TIFF structure; null when there is none. Broken Exif counts as none: the picture
 * is fine without it, and every decoder shows it so.
 */
export function orientationOf(tiff: Uint8Array): number | null {
  const reader = new ByteReader(tiff);
  try {
    const order = reader.latin1(0, 2);
    if (order !== 'II' && order !== 'MM') return null;
    const u16 = (at: number) => (order === 'II' ? reader.u16le(at) : reader.u16(at));
    const u32 = (at: number) => (order === 'II' ? reader.u32le(at) : reader.u32(at));
    if (u16(2) !== TIFF_MAGIC) return null;
    const directory = u32(4);
    const entries = u16(directory);
    for (let i = 0; i < entries; i++) {
      const entry = directory + 2 + i * ENTRY_BYTES;
      if (u16(entry) !== ORIENTATION_TAG) continue;
      const value = u16(entry + 8);
      return u16(entry + 2) === SHORT && u32(entry + 4) === 1 && value >= 1 && value <= 8 ? value : null;
    }
    return null;
  } catch (cause) {
    if (cause instanceof EndOfBytes) return null;
    throw cause;
  }
}
