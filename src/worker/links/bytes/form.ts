/**
 * The one file of a `multipart/form-data` body (RFC 7578), streamed: what is found is handed on before more is read.
 * Other fields are read over, within bounds.
 */

import { ApiError } from '../../errors.ts';
import { type Chunks, type ChunksOptions, chunksOf } from './chunks.ts';
import { type FormFeed, formFeed, type PartHeader } from './form-feed.ts';
import { chunkBytes, type Room, takeRoom } from './room.ts';

/** The file, once its part has begun. */
export interface FormFile {
  /** The part's own Content-Type. */
  readonly declaredType: string;
  /** The file's bytes. Ends when the whole form has been read and is sound. */
  readonly body: ReadableStream<Uint8Array>;
  /** Why the body failed. */
  readonly failure: () => ApiError | null;
  /** Ends the reading. Call it once. */
  readonly close: () => void;
}

/** The field of the file. */
const FIELD = 'file';
/** Most bytes of everything but the file: delimiters, headers, other fields. Browsers send a few hundred. */
export const MAX_ENVELOPE_BYTES = 65_536;
const MAX_PARTS = 64;
/** Read at once, in bytes: no more than this is read past the last byte of a file that is too large. */
const CHUNK_BYTES = 16_384;
/** Copies of a chunk that a form has at most: as it was read, as the parser takes it, and what it has found in it. */
const COPIES = 3;

const BROKEN = 'The form is broken or was cut off. Send it again.';
const ENDED = 'The body ended early.';
const NO_FILE = `The form came without a picture. Choose one; its field must be called "${FIELD}".`;
const MORE_FILES = 'The form has more than one file. Send one.';
const TOO_MUCH = 'The form has too much beside its file.';

/**
 * Reads a form up to its file.
 * @param contentType The request's, with the boundary.
 * @throws {ApiError} `malformed_body` for a form that is broken or has no file; `unavailable` when there are too many
 *   bodies at once.
 */
export async function openForm(
  stream: ReadableStream<Uint8Array> | null,
  contentType: string,
  options: ChunksOptions,
): Promise<FormFile> {
  const room = takeRoom();
  const form = new Form(chunksOf(stream, options), contentType, room);
  try {
    const { contentType: declaredType } = await form.file();
    return { declaredType, body: form.body(), failure: () => form.failure(), close: () => form.close() };
  } catch (cause) {
    form.close();
    throw cause;
  }
}

class Form {
  readonly #chunks: Chunks;
  /** The form's own, beside its file's. */
  readonly #room: Room;
  readonly #feed: FormFeed | null;
  /** Bytes of the file that nobody has taken yet. */
  readonly #found: Uint8Array[] = [];
  #file: PartHeader | null = null;
  /** Whether the closing delimiter has come. */
  #closed = false;
  #ended = false;
  /** The first fault is the one that is told. */
  #fault: string | null = null;
  /** Bytes of everything but the file. */
  #envelope = 0;

  constructor(chunks: Chunks, contentType: string, room: Room) {
    this.#chunks = chunks;
    this.#room = room;
    this.#feed = formFeed(contentType, MAX_PARTS, MAX_ENVELOPE_BYTES, {
      onFile: (header) => this.#begin(header),
      onError: (kind) => {
        this.#fault ??= kind === 'limit' ? TOO_MUCH : BROKEN;
      },
      onDone: () => {
        this.#closed = true;
      },
    });
    if (this.#feed === null) this.#fault = BROKEN;
  }

  /** What is known of the file, once its part has begun. */
  async file(): Promise<PartHeader> {
    while (this.#file === null && !this.#over()) await this.#advance();
    const failure = this.failure();
    if (failure) throw failure;
    if (this.#file === null) throw new ApiError({ tag: 'malformed_body', detail: NO_FILE });
    return this.#file;
  }

  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          while (this.#found.length === 0 && !this.#over()) await this.#advance();
          const failure = this.failure();
          if (failure) return controller.error(failure);
          const bytes = this.#found.shift();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        },
        cancel: (reason) => this.#chunks.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }

  failure(): ApiError | null {
    return this.#fault === null ? null : new ApiError({ tag: 'malformed_body', detail: this.#fault });
  }

  close(): void {
    // Not awaited: a sender that hangs must not keep us from answering.
    if (!this.#ended) void this.#chunks.cancel('not wanted');
    this.#chunks.stop();
    this.#room.leave();
  }

  #over(): boolean {
    return this.#ended || this.#fault !== null;
  }

  /** Reads on, and has the parser look at it. */
  async #advance(): Promise<void> {
    this.#room.hold(COPIES * Math.min(CHUNK_BYTES, chunkBytes()));
    const chunk = await this.#chunks.next(CHUNK_BYTES);
    if (chunk === 'failed') {
      this.#fault ??= ENDED;
      return;
    }
    if (chunk === null) {
      this.#ended = true;
      if (!this.#closed) this.#parse((feed) => feed.end());
      if (!this.#closed) this.#fault ??= BROKEN;
      return;
    }
    this.#envelope += chunk.byteLength;
    // What follows the closing delimiter means nothing.
    if (!this.#closed) this.#parse((feed) => feed.write(chunk));
    if (this.#envelope > MAX_ENVELOPE_BYTES) this.#fault ??= TOO_MUCH;
  }

  #parse(step: (feed: FormFeed) => void): void {
    try {
      if (this.#feed) step(this.#feed);
    } catch {
      // The parser throws where a file's name is not in the encoding that it says.
      this.#fault ??= BROKEN;
    }
  }

  /** A browser sends a part without a name and bytes for each input that was left empty: it is no file. */
  #begin(header: PartHeader): (bytes: Uint8Array) => void {
    let taken = false;
    const take = (): void => {
      taken = true;
      if (this.#file !== null) this.#fault ??= MORE_FILES;
      else if (header.name !== FIELD) this.#fault ??= NO_FILE;
      else this.#file = header;
    };
    if (header.filename !== '') take();
    return (bytes) => {
      if (!taken) take();
      this.#envelope -= bytes.byteLength;
      this.#found.push(bytes);
    };
  }
}
