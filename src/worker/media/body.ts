/** Reading a body with a limit that holds while reading: neither Content-Length nor the sender's patience is trusted. */

import { ApiError } from '../errors.ts';
import { byobReader } from './byob.ts';

/** First allocation, in bytes. A declared length is not allocated ahead: declaring costs the sender nothing. */
const FIRST_CAPACITY = 65_536;

/** Bytes collected in one buffer that doubles, so each byte is copied about once on average. */
class Collector {
  /** A body that comes in one chunk, as most requests do, is that chunk: no buffer, no copy. */
  #only: Uint8Array<ArrayBuffer> | null = null;
  #buffer = new ArrayBuffer(0);
  #length = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Appends a chunk; false, and nothing appended, when it would pass the limit. */
  append(chunk: Uint8Array<ArrayBuffer>): boolean {
    const end = this.#length + chunk.byteLength;
    if (end > this.#limit) return false;
    if (this.#length === 0) {
      this.#only = chunk;
      this.#length = end;
      return true;
    }
    if (this.#only) {
      const first = this.#only;
      this.#only = null;
      this.#buffer = new ArrayBuffer(Math.min(this.#limit, Math.max(FIRST_CAPACITY, first.byteLength)));
      new Uint8Array(this.#buffer).set(first);
    }
    if (end > this.#buffer.byteLength) {
      const capacity = Math.min(this.#limit, Math.max(end, this.#buffer.byteLength * 2));
      this.#buffer = this.#buffer.transfer(capacity);
    }
    new Uint8Array(this.#buffer).set(chunk, this.#length);
    this.#length = end;
    return true;
  }

  /** All bytes, in a buffer of exactly their length. The collector is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    if (this.#only) return this.#only;
    const exact = this.#buffer.transfer(this.#length);
    this.#buffer = new ArrayBuffer(0);
    this.#length = 0;
    return new Uint8Array(exact);
  }
}

/**
 * Why a body was not read to its end. `too_large`: it passed the limit. `ended_early`: the stream failed, as when its
 * sender hangs up, or the time for it was over.
 */
export type BodyFault = 'too_large' | 'ended_early';

/**
 * All bytes of `stream`, or `too_large` as soon as they pass `limit`: the chunk that passes it is the last one read
 * and the stream is canceled.
 * @param signal ends the reading, also between two chunks: a stream does not everywhere know of its request's signal.
 */
export async function readLimited(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | BodyFault> {
  const collected = new Collector(limit);
  if (stream === null) return collected.take();
  const reader = stream.getReader();
  // What was read is judged already; that a sender cannot be told to stop changes nothing about it.
  const cancel = (reason: unknown) => reader.cancel(reason).catch(() => undefined);
  const aborted = abortOf(signal);
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted.promise]);
      if (done) return collected.take();
      // A body's chunks are never shared memory, which is all that the wider type allows beside.
      if (!collected.append(value as Uint8Array<ArrayBuffer>)) {
        await cancel('too large');
        return 'too_large';
      }
    }
  } catch (cause) {
    // Frees the connection. Not awaited: one that hangs would keep us past the time that is over.
    void cancel(cause);
    return 'ended_early';
  } finally {
    aborted.stop();
  }
}

/** A promise that rejects when the signal fires. */
function abortOf(signal?: AbortSignal): { promise: Promise<never>; stop: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  if (!signal) return { promise, stop: () => undefined };
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return { promise, stop: () => signal.removeEventListener('abort', abort) };
}

/** The length that a message declares, in bytes; null when it declares none, or nonsense. */
export function declaredLength(headers: Headers): number | null {
  const text = headers.get('Content-Length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * As {@link readLimited}, for a request or response: one that declares too much is refused before it is read, and a
 * small one that keeps to what it declares is read at once.
 */
export async function readBody(
  message: Request | Response,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | BodyFault> {
  const { body } = message;
  const declared = declaredLength(message.headers) ?? 0;
  if (declared > limit) {
    await body?.cancel('too large').catch(() => undefined);
    return 'too_large';
  }
  const reader = body && declared > 0 && declared < FIRST_CAPACITY ? wholeReader(body) : null;
  return reader ? readDeclared(reader, declared) : readLimited(body, limit);
}

/** What a reader of workerd can do beyond the standard. */
interface WholeReader {
  /** Fills `view` with at least `bytes` bytes; fewer mean that the stream has ended. */
  readAtLeast(bytes: number, view: Uint8Array): Promise<{ readonly value?: Uint8Array | undefined }>;
  cancel(reason: string): Promise<void>;
}

/** A reader that fills a buffer in one call; null where the stream has none. */
function wholeReader(stream: ReadableStream<Uint8Array>): WholeReader | null {
  const reader = byobReader(stream);
  if (reader === null || 'readAtLeast' in reader) return reader as WholeReader | null;
  (reader as ReadableStreamBYOBReader).releaseLock();
  return null;
}

/**
 * The whole body in one call: a chunk and then its end are two, which costs a small request more than all its parsing.
 * The buffer is the limit: it has room for one byte more than was declared, so that one that comes is noticed.
 */
async function readDeclared(
  reader: WholeReader,
  declared: number,
): Promise<Uint8Array<ArrayBuffer> | BodyFault> {
  try {
    const { value } = await reader.readAtLeast(declared + 1, new Uint8Array(declared + 1));
    if (value === undefined || value.byteLength < declared) return 'ended_early';
    if (value.byteLength === declared) return value as Uint8Array<ArrayBuffer>;
    await reader.cancel('longer than declared').catch(() => undefined);
    return 'too_large';
  } catch {
    // The sender hung up: the stream has failed, and there is nothing left to cancel.
    return 'ended_early';
  }
}

/** What a caller is told whose body could not be read within `limit` bytes. */
export function bodyError(fault: BodyFault, limit: number): ApiError {
  return new ApiError(
    fault === 'too_large'
      ? { tag: 'body_too_large', limit }
      : { tag: 'malformed_body', detail: 'The body ended early.' },
  );
}

/** A text body, or why there is none. */
export type TextBody =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: BodyFault | 'not_utf8' };

/** One for all bodies: making it costs a small one more than decoding. `fatal`: bytes that are no UTF-8 are refused. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** The body as UTF-8 text of at most `limit` bytes. A byte order mark is dropped, as JSON parsers want it. */
export async function readText(message: Request | Response, limit: number): Promise<TextBody> {
  const bytes = await readBody(message, limit);
  if (typeof bytes === 'string') return { ok: false, reason: bytes };
  try {
    return { ok: true, text: decoder.decode(bytes) };
  } catch {
    // `fatal` has no other way to say that the bytes are no UTF-8.
    return { ok: false, reason: 'not_utf8' };
  }
}
