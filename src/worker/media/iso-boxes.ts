/** Boxes of the ISO base media file format (ISO/IEC 14496-12 §4.2), which MP4, HEIF and AVIF are made of. Pure. */

import { type ByteReader, EndOfBytes } from './byte-reader.ts';

/** A box: its four-character code, and where its content lies. */
export interface Box {
  readonly type: string;
  /** Offset of the first byte after the header. */
  readonly start: number;
  /** Offset after the last byte. */
  readonly end: number;
}

/** Size field, then type. */
const HEADER_BYTES = 8;
/** With the 64-bit size that follows the type. */
export const LARGE_HEADER_BYTES = 16;

/**
 * The box whose header lies at `at` of `reader`, within a space that ends at `limit` (which may lie beyond the bytes
 * at hand: only the header is read).
 * @throws {EndOfBytes} when the header is cut, or the box reaches beyond `limit`.
 */
export function boxAt(reader: ByteReader, at: number, limit: number): Box {
  const size = reader.u32(at);
  const type = reader.latin1(at + 4, 4);
  let start = at + HEADER_BYTES;
  let end = at + size;
  if (size === 1) {
    end = at + reader.u64(start);
    start = at + LARGE_HEADER_BYTES;
  } else if (size === 0) {
    end = limit;
  }
  // A size below its own header would make a walk stand still; it is as unreadable as a cut one.
  if (end < start || end > limit) throw new EndOfBytes();
  return { type, start, end };
}

/**
 * The boxes from `start` to `end`, in order. Each step moves on by at least a header, so a walk is linear in bytes.
 * @throws {EndOfBytes} at a box that does not fit.
 */
export function* boxesIn(reader: ByteReader, start: number, end: number): Generator<Box, void> {
  for (let at = start; at < end; ) {
    const box = boxAt(reader, at, end);
    yield box;
    at = box.end;
  }
}

/** The first box of a type from `start` to `end`, or null. */
export function findBox(reader: ByteReader, type: string, start: number, end: number): Box | null {
  for (const box of boxesIn(reader, start, end)) if (box.type === type) return box;
  return null;
}
