/** Reading a stream into memory of the reader's own. */

/** A reader that brings its own buffers; null where the stream is not one of bytes, as one that JavaScript made. */
export function byobReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return stream.getReader({ mode: 'byob' });
  } catch {
    // Such a stream says so by throwing; it has no other way.
    return null;
  }
}
