/**
 * The facts of an MP4 (ISO/IEC 14496-12, 14496-14), read from a file of any size in a few small reads.
 *
 * Written against hostile files: each count is used as a number and never as a loop's bound or an allocation, the
 * reads are counted, and the movie box, which is held in memory, has a limit.
 */

import { ByteReader, EndOfBytes } from './byte-reader.ts';
import { boxAt, LARGE_HEADER_BYTES } from './iso-boxes.ts';
import { type MovieFacts, readMovie } from './mp4-movie.ts';

/** Random access to a stored file. `length` bytes from `offset` are there: the reader never asks past the size. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export type Mp4Outcome =
  | { readonly kind: 'video'; readonly movie: MovieFacts }
  /** A box reaches past the end: the file was cut. */
  | { readonly kind: 'truncated' }
  /** No MP4, or none with a video track. The detail is for logs. */
  | { readonly kind: 'invalid'; readonly detail: string };

/** Bytes fetched at once: holds the boxes up to the media data, with the movie box, of most files made for streaming. */
const WINDOW_BYTES = 65_536;
/** Largest movie box. Twenty seconds at 50 fps with sound need 50 kB; this holds several hours. */
const MAX_MOVIE_BYTES = 8 * 1_024 * 1_024;
/** Most boxes at the top level, which is also the most reads. A plain file has about five. */
const MAX_TOP_BOXES = 256;

/** Serves header reads from the last window fetched. */
class Windowed {
  readonly #file: RandomAccess;
  #start = 0;
  #bytes = new Uint8Array(0);

  constructor(file: RandomAccess) {
    this.#file = file;
  }

  /** `length` bytes at `offset`, or as many as the file has. */
  async at(offset: number, length: number): Promise<ByteReader> {
    const end = Math.min(this.#file.size, offset + length);
    if (offset < this.#start || end > this.#start + this.#bytes.length) {
      const wanted = Math.min(this.#file.size - offset, Math.max(length, WINDOW_BYTES));
      this.#bytes = new Uint8Array(await this.#file.read(offset, wanted));
      this.#start = offset;
    }
    return new ByteReader(this.#bytes.subarray(offset - this.#start, end - this.#start));
  }
}

/** Whether the file is an MP4 with a video track, and what is in it. Rejects only when `read` does. */
export async function readMp4(file: RandomAccess): Promise<Mp4Outcome> {
  const windowed = new Windowed(file);
  let movie: MovieFacts | null = null;
  let media = false;
  let at = 0;
  for (let count = 0; at < file.size; count++) {
    if (count === MAX_TOP_BOXES) return invalid('too many boxes');
    const header = await windowed.at(at, LARGE_HEADER_BYTES);
    // Offsets of this box count from its own start, as its reader does.
    const box = fitting(() => boxAt(header, 0, file.size - at));
    if (count === 0 && box?.type !== 'ftyp') return invalid('does not start with ftyp');
    if (!box) return { kind: 'truncated' };
    if (box.type === 'mdat') media ||= box.end > box.start;
    if (box.type === 'moov' && !movie) {
      if (box.end > MAX_MOVIE_BYTES) return invalid('the movie box is too large');
      const reader = await windowed.at(at, box.end);
      movie = fitting(() => readMovie(reader, box));
      if (!movie) return invalid('has no readable video track');
    }
    at += box.end;
  }
  if (!movie) return invalid('has no movie box');
  return media ? { kind: 'video', movie } : invalid('has no media data');
}

function invalid(detail: string): Mp4Outcome {
  return { kind: 'invalid', detail };
}

/** What `parse` finds, or null when a box does not fit into what holds it. */
function fitting<Found>(parse: () => Found): Found | null {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof EndOfBytes) return null;
    throw cause;
  }
}
