/** The movie box of an MP4: its first video track's size, length and frames (ISO/IEC 14496-12 §8). Pure. */

import type { ByteReader } from './byte-reader.ts';
import { type Box, boxesIn, findBox } from './iso-boxes.ts';

/** What a movie box says of its video. */
export interface MovieFacts {
  /** Pixels, as shown: after the track's rotation. */
  readonly width: number;
  readonly height: number;
  /** Seconds; null when the box does not say, as in a fragmented file. */
  readonly duration: number | null;
  /** Frames; null likewise. */
  readonly frames: number | null;
}

const FULL_BOX_BYTES = 4;
/** Of the movie's track and edit tables, one at a time is looked at: a track has one of each of these. */
type Boxes = ReadonlyMap<string, Box>;

/** The children of a box by type, the first of each. */
function childrenOf(reader: ByteReader, box: Box): Boxes {
  const children = new Map<string, Box>();
  for (const child of boxesIn(reader, box.start, box.end)) {
    if (!children.has(child.type)) children.set(child.type, child);
  }
  return children;
}

/** The box at a path of types below `box`, or null. */
function descend(reader: ByteReader, box: Box, ...path: string[]): Box | null {
  let at: Box | null = box;
  for (const type of path) at = at && findBox(reader, type, at.start, at.end);
  return at;
}

/**
 * The facts of the first video track with a size; null when there is none.
 * @throws {EndOfBytes} when a box does not fit into the one around it.
 */
export function readMovie(reader: ByteReader, movie: Box): MovieFacts | null {
  for (const track of boxesIn(reader, movie.start, movie.end)) {
    const facts = track.type === 'trak' ? readTrack(reader, track) : null;
    if (facts) return facts;
  }
  return null;
}

function readTrack(reader: ByteReader, track: Box): MovieFacts | null {
  const children = childrenOf(reader, track);
  const header = children.get('tkhd');
  const media = children.get('mdia');
  const handler = media && findBox(reader, 'hdlr', media.start, media.end);
  if (!header || !media || !handler || reader.latin1(handler.start + 8, 4) !== 'vide') return null;
  const size = sizeOf(reader, header);
  const mediaHeader = findBox(reader, 'mdhd', media.start, media.end);
  const samples = descend(reader, media, 'minf', 'stbl');
  const description = samples && findBox(reader, 'stsd', samples.start, samples.end);
  // Without a sample description nothing says how to decode the track.
  if (!size || !mediaHeader || !samples || !description || reader.u32(description.start + 4) === 0)
    return null;

  const { timescale, duration } = clockOf(reader, mediaHeader);
  const times = findBox(reader, 'stts', samples.start, samples.end);
  const { frames, ticks } = times ? sumOf(reader, times) : { frames: 0, ticks: 0 };
  const length = ticks || duration;
  return {
    ...size,
    duration: timescale > 0 && length > 0 ? length / timescale : null,
    frames: frames > 0 ? frames : null,
  };
}

/** Width and height as shown (§8.3.2): 16.16 fixed point after the transformation matrix; null when there is none. */
function sizeOf(reader: ByteReader, header: Box): { width: number; height: number } | null {
  const matrix = header.start + FULL_BOX_BYTES + (reader.u8(header.start) === 1 ? 48 : 36);
  const width = Math.round(reader.u32(matrix + 36) / 65_536);
  const height = Math.round(reader.u32(matrix + 40) / 65_536);
  if (width < 1 || height < 1) return null;
  // A quarter turn has nothing on the matrix's diagonal: a and d are zero, b and c are not.
  const turned = reader.i32(matrix) === 0 && reader.i32(matrix + 16) === 0 && reader.i32(matrix + 4) !== 0;
  return turned ? { width: height, height: width } : { width, height };
}

/** Ticks a second, and the track's length in ticks (§8.4.2); 0 when it is not known. */
function clockOf(reader: ByteReader, header: Box): { timescale: number; duration: number } {
  const wide = reader.u8(header.start) === 1;
  const timescaleAt = header.start + FULL_BOX_BYTES + (wide ? 16 : 8);
  const duration = wide ? reader.u64(timescaleAt + 4) : reader.u32(timescaleAt + 4);
  // All ones mean unknown.
  const known = duration < (wide ? 2 ** 63 : 2 ** 32 - 1);
  return { timescale: reader.u32(timescaleAt), duration: known ? duration : 0 };
}

/** Samples and ticks of a time-to-sample box (§8.6.1.2): runs of `count` samples of `delta` ticks. */
function sumOf(reader: ByteReader, box: Box): { frames: number; ticks: number } {
  const runs = reader.u32(box.start + FULL_BOX_BYTES);
  const first = box.start + FULL_BOX_BYTES + 4;
  let frames = 0;
  let ticks = 0;
  for (let run = 0, at = first; run < runs && at < box.end; run++, at += 8) {
    const count = reader.u32(at);
    frames += count;
    ticks += count * reader.u32(at + 4);
  }
  return { frames, ticks };
}
