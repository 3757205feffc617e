/**
 * A body on its way into the bucket, in pieces, so that no request holds more than two of them, whatever is sent and
 * however slowly. What fits into one piece stays in memory and costs no call.
 */

import { storageUnavailable } from '../../media/storage.ts';
import type { TusPart } from '../contract.ts';
import { pieceKey } from './attempt.ts';
import { chunksOf } from './chunks.ts';
import { chunkBytes, MAX_PIECE_BYTES, pieceBytes, type Room, takeRoom } from './room.ts';

export { MAX_PIECE_BYTES as PART_BYTES } from './room.ts';

/** Digests that tus names, and Web Crypto's names for them. */
export type GatherDigest = 'SHA-1' | 'SHA-256' | 'MD5';

export interface GatherOptions {
  readonly bucket: R2Bucket;
  /** Where the pieces go: `tmpPrefix(claims, attempt)`. */
  readonly prefix: string;
  /** Of the stream's first byte in the whole upload. */
  readonly offset: number;
  /** Most bytes that this stream may bring. */
  readonly limit: number;
  /** Awaited after each piece is safe in R2. What it throws ends the reading and is thrown. */
  readonly onPart?: (part: TusPart) => Promise<void>;
  /** Adds the digest of all bytes to a `whole` outcome. */
  readonly digest?: GatherDigest;
  /** Ends the reading, as a sender does that hangs up. */
  readonly signal?: AbortSignal;
  /** Most milliseconds of silence; twice as long at the most. */
  readonly silenceMs?: number;
}

export interface Gathered {
  /** `ended_early`: the sender hung up, fell silent, or the signal fired. What came before is all there. */
  readonly kind: 'whole' | 'too_large' | 'ended_early';
  /** What is safe in R2, in order. */
  readonly parts: readonly TusPart[];
  /** What came after the parts. */
  readonly tail: Uint8Array<ArrayBuffer>;
  /** Of parts and tail. */
  readonly bytes: number;
  /** Of a `whole` outcome, when one was asked for. */
  readonly digest?: ArrayBuffer;
}

/** The DOM's type of `crypto`, which other programs that look at this file bring along, does not know it. */
const digests = crypto as Crypto & { readonly DigestStream: typeof DigestStream };

/** A sender that says nothing for so long is taken to be gone. */
export const SILENCE_MS = 60_000;
/** First allocation of a piece, in bytes: a small picture needs no more. */
const FIRST_CAPACITY = 65_536;

/**
 * Reads a stream into pieces. Never reads more than one chunk past the limit. Deletes nothing: the caller does.
 * @throws {ApiError} `unavailable` when R2 fails, or when there are too many bodies at once; what `onPart` throws. The
 *   pieces then lie under the prefix.
 */
export async function gather(
  stream: ReadableStream<Uint8Array> | null,
  options: GatherOptions,
): Promise<Gathered> {
  const room = takeRoom();
  const chunks = chunksOf(stream, { ...options, silenceMs: options.silenceMs ?? SILENCE_MS });
  const pieces = new Pieces(options, room);
  try {
    for (;;) {
      pieces.count();
      const chunk = await chunks.next(options.limit - pieces.bytes + 1);
      if (chunk === 'failed') return { kind: 'ended_early', ...(await pieces.settle()) };
      if (chunk === null) {
        const settled = await pieces.settle();
        const digest = await pieces.digest();
        return { kind: 'whole', ...settled, ...(digest ? { digest } : {}) };
      }
      if (pieces.bytes + chunk.byteLength > options.limit) {
        await chunks.cancel('too large');
        return { kind: 'too_large', ...(await pieces.settle()) };
      }
      await pieces.append(chunk);
      chunks.alive();
    }
  } catch (cause) {
    // Not awaited: a sender that hangs must not keep us from answering.
    void chunks.cancel(cause);
    await pieces.abandon();
    throw cause;
  } finally {
    chunks.stop();
    room.leave();
  }
}

/** The piece that is filling, the one that is being put, and those that are safe. */
class Pieces {
  readonly #options: GatherOptions;
  readonly #room: Room;
  readonly #hash: DigestStream | null;
  readonly #hashing: WritableStreamDefaultWriter<ArrayBuffer | ArrayBufferView> | null;
  readonly #safe: TusPart[] = [];
  #filling = new ArrayBuffer(0);
  #filled = 0;
  /** Bytes of the pieces that were handed to R2. */
  #handed = 0;
  /** Bytes of the piece on its way. */
  #going = 0;
  /** Settles when the piece on its way is safe; never rejects, so that no failure is unhandled while the next is read. */
  #putting: Promise<{ readonly cause: unknown } | null> = Promise.resolve(null);

  constructor(options: GatherOptions, room: Room) {
    this.#options = options;
    this.#room = room;
    this.#hash = options.digest === undefined ? null : new digests.DigestStream(options.digest);
    this.#hashing = this.#hash?.getWriter() ?? null;
  }

  /** All bytes that have come. */
  get bytes(): number {
    return this.#handed + this.#filled;
  }

  /** Has the memory counted that is taken: by the pieces, and by the chunk that is being read. */
  count(): void {
    this.#room.hold(this.#filling.byteLength + this.#going + chunkBytes());
  }

  /** Takes a chunk. It is copied: the reader may use its memory again. */
  async append(chunk: Uint8Array): Promise<void> {
    await this.#hashing?.write(chunk);
    for (let at = 0; at < chunk.byteLength; ) {
      const most = pieceBytes();
      // Sent when the next byte comes, so that the last piece stays here.
      if (this.#filled >= most) await this.#send();
      const length = Math.min(chunk.byteLength - at, Math.max(most - this.#filled, 0));
      this.#reserve(this.#filled + length, most);
      new Uint8Array(this.#filling).set(chunk.subarray(at, at + length), this.#filled);
      this.#filled += length;
      at += length;
    }
  }

  /** What is safe and what is still here, once nothing is on its way. */
  async settle(): Promise<Omit<Gathered, 'kind' | 'digest'>> {
    await this.#arrived();
    const tail = new Uint8Array(this.#filling.transfer(this.#filled));
    return { parts: this.#safe, tail, bytes: this.#handed + tail.byteLength };
  }

  async digest(): Promise<ArrayBuffer | null> {
    await this.#hashing?.close();
    return (await this.#hash?.digest) ?? null;
  }

  /** Waits for the piece on its way, whatever becomes of it: one put after its deletion would stay. */
  async abandon(): Promise<void> {
    await this.#putting;
  }

  #reserve(bytes: number, most: number): void {
    const capacity = this.#filling.byteLength;
    if (bytes <= capacity) return;
    const wanted = Math.max(bytes, Math.min(most, Math.max(FIRST_CAPACITY, capacity * 2)));
    this.#filling = this.#filling.transfer(Math.min(wanted, MAX_PIECE_BYTES));
  }

  async #send(): Promise<void> {
    // One at a time: two pieces are in memory, the one on its way and the one that fills.
    await this.#arrived();
    const piece = this.#filling.transfer(this.#filled);
    const part: TusPart = {
      key: pieceKey(this.#options.prefix, this.#options.offset + this.#handed),
      bytes: this.#filled,
    };
    this.#filling = new ArrayBuffer(0);
    this.#handed += this.#filled;
    this.#filled = 0;
    this.#going = part.bytes;
    this.#putting = this.#put(part, piece).then(
      () => null,
      (cause: unknown) => ({ cause }),
    );
  }

  async #put(part: TusPart, piece: ArrayBuffer): Promise<void> {
    try {
      await this.#options.bucket.put(part.key, piece);
    } catch (cause) {
      throw storageUnavailable(cause);
    } finally {
      this.#going = 0;
      this.count();
    }
    this.#safe.push(part);
    await this.#options.onPart?.(part);
  }

  async #arrived(): Promise<void> {
    const failed = await this.#putting;
    if (failed) throw failed.cause;
  }
}
