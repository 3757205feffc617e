/** HEIF and AVIF (ISO/IEC 23008-12, AV1 Image File Format): the primary image as it is shown. Pure. */

import type { ByteReader } from '../byte-reader.ts';
import type { ImageType } from '../contract.ts';
import { type Box, boxAt, boxesIn, findBox } from '../iso-boxes.ts';
import { ANIMATED, type HeaderOutcome, POLYGLOT, UNSUPPORTED } from './header.ts';
import { checkItemExtents } from './heif-items.ts';
import { checkTopLevel } from './heif-top.ts';

/** Version and flags, at the start of a "full" box. */
const FULL_BOX_BYTES = 4;
/** Most properties of one file: a real one has tens. The list is held in memory. */
const MAX_PROPERTIES = 4_096;

const HEIC_BRANDS: ReadonlySet<string> = new Set(['heic', 'heix', 'heim', 'heis']);
/** Brands that name a structure and leave the codec to the compatible brands. */
const STRUCTURAL_BRANDS: ReadonlySet<string> = new Set(['mif1', 'mif2', 'miaf', 'MiHB', 'MiHA', 'MiHE']);
/** Files whose main content is a sequence. */
const SEQUENCE_BRANDS: ReadonlySet<string> = new Set(['avis', 'msf1', 'hevc', 'hevx', 'hevm', 'hevs']);

/** Whether the bytes start as some ISO base media file, which a video is too. */
export function isIsoMedia(reader: ByteReader): boolean {
  return reader.length >= 12 && reader.latin1(4, 4) === 'ftyp';
}

/** What the file's brands say it is. */
function brandOf(reader: ByteReader, ftyp: Box): ImageType | 'sequence' | null {
  const major = reader.latin1(ftyp.start, 4);
  if (SEQUENCE_BRANDS.has(major)) return 'sequence';
  if (major === 'avif') return 'image/avif';
  if (HEIC_BRANDS.has(major)) return 'image/heif';
  if (!STRUCTURAL_BRANDS.has(major)) return null;
  for (let at = ftyp.start + 8; at + 4 <= ftyp.end; at += 4) {
    if (reader.latin1(at, 4) === 'avif') return 'image/avif';
  }
  return 'image/heif';
}

/** Dimensions of the primary item: its spatial extents, then its cropping and rotation in the order they apply. */
export function readHeif(reader: ByteReader, bytes: Uint8Array): HeaderOutcome {
  const type = brandOf(reader, boxAt(reader, 0, reader.length));
  if (type === null) return UNSUPPORTED;
  if (type === 'sequence') return ANIMATED;
  const top = checkTopLevel(reader, bytes);
  if (top === 'movie') return ANIMATED;
  if (top === 'other') return POLYGLOT;
  const meta = findBox(reader, 'meta', 0, top.end);
  if (!meta) return UNSUPPORTED;
  const inside = { start: meta.start + FULL_BOX_BYTES, end: meta.end };
  const primary = findBox(reader, 'pitm', inside.start, inside.end);
  const locations = findBox(reader, 'iloc', inside.start, inside.end);
  const container = findBox(reader, 'iprp', inside.start, inside.end);
  if (!primary || !locations || !container) return UNSUPPORTED;
  checkItemExtents(reader, locations);
  const id =
    reader.u8(primary.start) === 0
      ? reader.u16(primary.start + FULL_BOX_BYTES)
      : reader.u32(primary.start + FULL_BOX_BYTES);
  const properties = propertiesOf(reader, container, id);
  const size = properties && sizeOf(reader, properties);
  return size ? { kind: 'image', type, ...size } : UNSUPPORTED;
}

/** The properties of an item, in the order of their association; null when there are none, or too many. */
function propertiesOf(reader: ByteReader, container: Box, id: number): Box[] | null {
  const list = findBox(reader, 'ipco', container.start, container.end);
  if (!list) return null;
  const all: Box[] = [];
  for (const property of boxesIn(reader, list.start, list.end)) {
    if (all.length === MAX_PROPERTIES) return null;
    all.push(property);
  }
  for (const box of boxesIn(reader, container.start, container.end)) {
    const found = box.type === 'ipma' ? associationsOf(reader, box, id) : null;
    if (found) return found.flatMap((index) => all[index - 1] ?? []);
  }
  return null;
}

/** The one-based property indexes of an item in an `ipma` box (§9.3.1); null when the item is not there. */
function associationsOf(reader: ByteReader, box: Box, id: number): number[] | null {
  const idBytes = reader.u8(box.start) < 1 ? 2 : 4;
  const wide = (reader.u8(box.start + 3) & 1) === 1;
  const entries = reader.u32(box.start + FULL_BOX_BYTES);
  let at = box.start + FULL_BOX_BYTES + 4;
  for (let entry = 0; entry < entries && at < box.end; entry++) {
    const item = idBytes === 2 ? reader.u16(at) : reader.u32(at);
    const count = reader.u8(at + idBytes);
    at += idBytes + 1;
    if (item === id) {
      return Array.from({ length: count }, (_, i) =>
        // The top bit says whether a reader must know the property.
        wide ? reader.u16(at + i * 2) & 0x7fff : reader.u8(at + i) & 0x7f,
      );
    }
    at += count * (wide ? 2 : 1);
  }
  return null;
}

/** Width and height after the properties have been applied in order; null when they make no sense. */
function sizeOf(reader: ByteReader, properties: readonly Box[]): { width: number; height: number } | null {
  let size: { width: number; height: number } | null = null;
  for (const { type, start } of properties) {
    if (type === 'ispe') {
      size ??= { width: reader.u32(start + FULL_BOX_BYTES), height: reader.u32(start + FULL_BOX_BYTES + 4) };
    } else if (type === 'clap' && size) {
      // Clean aperture: width and height as fractions, before the two offsets.
      const width = Math.round(reader.u32(start) / reader.u32(start + 4));
      const height = Math.round(reader.u32(start + 8) / reader.u32(start + 12));
      if (!(width <= size.width && height <= size.height)) return null;
      size = { width, height };
    } else if (type === 'irot' && size && reader.u8(start) & 1) {
      size = { width: size.height, height: size.width };
    }
  }
  return size;
}
