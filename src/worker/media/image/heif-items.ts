/** Where the items of a HEIF file lie (`iloc`, ISO/IEC 14496-12 §8.11.3): how a cut file is told from a whole one. Pure. */

import { type ByteReader, EndOfBytes } from '../byte-reader.ts';
import type { Box } from '../iso-boxes.ts';

/** Offsets count from the start of the file; the other methods point inside the metadata. */
const FILE_OFFSET = 0;

/** An unsigned number of 0, 4 or 8 bytes: the sizes that the format allows. */
function sized(reader: ByteReader, at: number, bytes: number): number {
  if (bytes === 0) return 0;
  return bytes === 4 ? reader.u32(at) : reader.u64(at);
}

/**
 * Checks that every extent of every item lies within the file. Linear in the size of the box.
 * @throws {EndOfBytes} when one does not, or the box itself cannot be read.
 */
export function checkItemExtents(reader: ByteReader, box: Box): void {
  const version = reader.u8(box.start);
  const sizes = reader.u16(box.start + 4);
  const offsetBytes = sizes >> 12;
  const lengthBytes = (sizes >> 8) & 15;
  const baseBytes = (sizes >> 4) & 15;
  const indexBytes = version > 0 ? sizes & 15 : 0;
  if ([offsetBytes, lengthBytes, baseBytes, indexBytes].some((bytes) => bytes % 4 !== 0 || bytes > 8)) {
    throw new EndOfBytes();
  }
  const idBytes = version < 2 ? 2 : 4;
  const extentBytes = indexBytes + offsetBytes + lengthBytes;
  const count = version < 2 ? reader.u16(box.start + 6) : reader.u32(box.start + 6);
  let at = box.start + 6 + idBytes;
  for (let item = 0; item < count; item++) {
    if (at >= box.end) throw new EndOfBytes();
    at += idBytes;
    const method = version > 0 ? reader.u16(at) & 15 : FILE_OFFSET;
    // Construction method, then the index of the data reference.
    at += version > 0 ? 4 : 2;
    const base = sized(reader, at, baseBytes);
    at += baseBytes;
    const extents = reader.u16(at);
    at += 2;
    // Extents without a byte of their own say nothing more than the base, however many are announced.
    if (extentBytes === 0) {
      if (method === FILE_OFFSET) reader.need(base, 0);
      continue;
    }
    for (let extent = 0; extent < extents; extent++) {
      const offset = base + sized(reader, at + indexBytes, offsetBytes);
      const length = sized(reader, at + indexBytes + offsetBytes, lengthBytes);
      if (method === FILE_OFFSET) reader.need(offset, length);
      at += extentBytes;
    }
  }
}
