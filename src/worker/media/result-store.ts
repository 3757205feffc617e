/** A stream into R2, never held whole: in one put when its length is known and modest, else in parts. */

/** What became of a stream. */
export type StoreOutcome =
  | { readonly kind: 'stored'; readonly bytes: number }
  | { readonly kind: 'too_large' }
  /** The stream ended early or failed, or R2 did. Nothing is left behind. The detail is for logs. */
  | { readonly kind: 'broken'; readonly detail: string };

/** A file on its way. */
export interface IncomingFile {
  readonly body: ReadableStream<Uint8Array>;
  /** Bytes promised, or null. */
  readonly length: number | null;
  readonly contentType: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Up to here one put takes the file: Cloudflare advises parts for objects above about 100 MB. */
export const SINGLE_PUT_BYTES = 100 * 1_024 * 1_024;
/** Bytes of a part, and of the one buffer in memory. R2 wants equal parts of at least 5 MiB, 10,000 at most. */
export const PART_BYTES = 8 * 1_024 * 1_024;

/** Puts the file at `key`. The object appears whole or not at all. */
export async function storeStream(bucket: R2Bucket, key: string, file: IncomingFile): Promise<StoreOutcome> {
  if (file.length !== null && file.length > file.maxBytes) {
    await file.body.cancel('too large').catch(() => undefined);
    return { kind: 'too_large' };
  }
  try {
    return file.length !== null && file.length <= SINGLE_PUT_BYTES
      ? await putWhole(bucket, key, file, file.length)
      : await putParts(bucket, key, file);
  } catch (cause) {
    return { kind: 'broken', detail: cause instanceof Error ? cause.message : 'unknown' };
  }
}

/** A pipe of exactly `length` bytes: a stream that ends early, or goes on, fails on both ends, and R2 stores nothing. */
async function putWhole(
  bucket: R2Bucket,
  key: string,
  file: IncomingFile,
  length: number,
): Promise<StoreOutcome> {
  const pipe = new FixedLengthStream(length);
  const failed = new AbortController();
  const put = bucket
    .put(key, pipe.readable, { httpMetadata: { contentType: file.contentType } })
    .catch((cause: unknown) => {
      // R2 no longer reads: without this the copying would wait for it until the time-out.
      failed.abort(cause);
      throw cause;
    });
  const signal = AbortSignal.any([file.signal, failed.signal]);
  const copying = Promise.allSettled([file.body.pipeTo(pipe.writable, { signal }), put]);
  const [copied, stored] = await Promise.race([copying, abortionOf(signal)]);
  if (copied.status === 'rejected') throw copied.reason;
  if (stored.status === 'rejected') throw stored.reason;
  return { kind: 'stored', bytes: length };
}

/**
 * Rejects when the signal aborts. workerd's pipe between its own streams looks at the signal only between two chunks,
 * so a sender that hangs would otherwise hold it; an aborted `fetch` also breaks the body, which ends the pipe for good.
 */
function abortionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Parts of {@link PART_BYTES}, one at a time; a file smaller than one part is put whole. */
async function putParts(bucket: R2Bucket, key: string, file: IncomingFile): Promise<StoreOutcome> {
  const options = { httpMetadata: { contentType: file.contentType } };
  const reader = file.body.getReader();
  const parts = new PartReader(reader, file.maxBytes);
  // A time-out ends the stream, which the check after the loop tells from the file's own end.
  const stop = () => void reader.cancel('aborted').catch(() => undefined);
  file.signal.addEventListener('abort', stop);
  let upload: R2MultipartUpload | null = null;
  try {
    const uploaded: R2UploadedPart[] = [];
    for (let part = await parts.next(); ; part = await parts.next()) {
      file.signal.throwIfAborted();
      if (part.last && uploaded.length === 0) {
        checkLength(file, parts.bytes);
        await bucket.put(key, part.bytes, options);
        break;
      }
      upload ??= await bucket.createMultipartUpload(key, options);
      if (part.bytes.length > 0) uploaded.push(await upload.uploadPart(uploaded.length + 1, part.bytes));
      if (!part.last) continue;
      checkLength(file, parts.bytes);
      await upload.complete(uploaded);
      break;
    }
    return { kind: 'stored', bytes: parts.bytes };
  } catch (cause) {
    await reader.cancel('given up').catch(() => undefined);
    // Parts that cannot be dropped now are dropped by R2 itself after seven days.
    await upload?.abort().catch(() => undefined);
    if (cause instanceof TooLarge) return { kind: 'too_large' };
    throw cause;
  } finally {
    file.signal.removeEventListener('abort', stop);
  }
}

/** A promised length that was not kept means a cut connection. */
function checkLength(file: IncomingFile, bytes: number): void {
  if (file.length !== null && file.length !== bytes) throw new Error('the stream ended early');
}

class TooLarge extends Error {}

/** Cuts a stream into parts of equal size. */
class PartReader {
  /** Bytes read so far. */
  bytes = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #maxBytes: number;
  readonly #buffer = new Uint8Array(PART_BYTES);
  /** What a chunk had beyond the part before. */
  #rest = new Uint8Array(0);

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number) {
    this.#reader = reader;
    this.#maxBytes = maxBytes;
  }

  /** The next part, valid until the next call: the buffer is used again. The last one may be short, or empty. */
  async next(): Promise<{ bytes: Uint8Array; last: boolean }> {
    let filled = 0;
    for (;;) {
      const taken = this.#rest.subarray(0, PART_BYTES - filled);
      this.#buffer.set(taken, filled);
      filled += taken.length;
      this.#rest = this.#rest.subarray(taken.length);
      if (filled === PART_BYTES) return { bytes: this.#buffer, last: false };
      const { done, value } = await this.#reader.read();
      if (done) return { bytes: this.#buffer.subarray(0, filled), last: true };
      this.bytes += value.length;
      if (this.bytes > this.#maxBytes) throw new TooLarge();
      this.#rest = value as Uint8Array<ArrayBuffer>;
    }
  }
}
