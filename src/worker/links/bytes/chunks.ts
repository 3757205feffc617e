/** Reading a body chunk by chunk, no further than asked, with an end to a sender's silence. */

import { byobReader } from '../../media/byob.ts';
import { chunkBytes } from './room.ts';

export interface ChunksOptions {
  readonly signal?: AbortSignal | undefined;
  /** Most milliseconds between two chunks; twice as long at the most. */
  readonly silenceMs: number;
}

export interface Chunks {
  /**
   * The next chunk: of at most `most` bytes where the stream is one of bytes, else as it comes. Null at the end.
   * `failed`: the sender hung up or fell silent, or the signal fired. The chunk's memory is used again by the next call.
   */
  next(most: number): Promise<Uint8Array | null | 'failed'>;
  /** Says that the time since the last chunk was ours, not the sender's. */
  alive(): void;
  /** Ends the stream: the sender need send no more. */
  cancel(reason: unknown): Promise<void>;
  /** Stops watching. Call it once, at the end. */
  stop(): void;
}

/** The chunks of a stream; none has none. */
export function chunksOf(stream: ReadableStream<Uint8Array> | null, options: ChunksOptions): Chunks {
  if (stream === null) return NOTHING;
  const read = readerOf(stream);
  const watch = watchOf(options);
  // What was read is judged already; that a sender cannot be told to stop changes nothing about it.
  const cancel = (reason: unknown) => read.cancel(reason).catch(() => undefined);
  return {
    async next(most) {
      try {
        const chunk = await Promise.race([read.next(most), watch.over]);
        watch.alive();
        return chunk;
      } catch (cause) {
        // Frees the connection. Not awaited: one that hangs would keep us past the time that is over.
        void cancel(cause);
        return 'failed';
      }
    },
    alive: watch.alive,
    cancel,
    stop: watch.stop,
  };
}

const NOTHING: Chunks = {
  next: () => Promise.resolve(null),
  alive: () => undefined,
  cancel: () => Promise.resolve(),
  stop: () => undefined,
};

interface Reader {
  next(most: number): Promise<Uint8Array | null>;
  cancel(reason: unknown): Promise<void>;
}

/** Reads into memory of ours where it can: then no more is taken from the sender than was asked for. */
function readerOf(stream: ReadableStream<Uint8Array>): Reader {
  const bytes = byobReader(stream);
  if (bytes === null) {
    const reader = stream.getReader();
    return {
      next: async () => (await reader.read()).value ?? null,
      cancel: (reason) => reader.cancel(reason),
    };
  }
  let memory = new ArrayBuffer(0);
  return {
    async next(most) {
      const room = chunkBytes();
      if (memory.byteLength !== room) memory = new ArrayBuffer(room);
      const { done, value } = await bytes.read(new Uint8Array(memory, 0, Math.min(most, room)));
      if (done || value === undefined) return null;
      // The buffer goes along with each read and comes back with what was read.
      memory = value.buffer as ArrayBuffer;
      return value;
    },
    cancel: (reason) => bytes.cancel(reason),
  };
}

/** A promise that rejects when the signal fires or nobody has been heard of for too long. */
function watchOf({ signal, silenceMs }: ChunksOptions): {
  over: Promise<never>;
  alive: () => void;
  stop: () => void;
} {
  const { promise, reject } = Promise.withResolvers<never>();
  // It may reject between two reads, when nobody is waiting for it.
  promise.catch(() => undefined);
  let heard = true;
  const timer = setInterval(() => {
    if (!heard) reject(new Error('the sender is silent'));
    heard = false;
  }, silenceMs);
  const abort = () => reject(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  return {
    over: promise,
    alive: () => {
      heard = true;
    },
    stop: () => {
      clearInterval(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}
