/** Reading the beginning of a body that somebody else controls. */

/**
 * The first `limit` bytes of `body` as UTF-8 text; then the rest is canceled, so an endless body costs nothing. Bytes
 * that are no UTF-8 become U+FFFD, and a character cut by the limit is left out. What came before a broken connection
 * or an abort is kept. Never throws.
 */
export async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  signal: AbortSignal,
): Promise<string> {
  if (!body) return '';
  const reader = body.getReader();
  // Canceling also ends a read that is waiting, so an abort is heeded even by a body that does not know the signal.
  const cancel = () => {
    // Nothing is lost when a body that we no longer want cannot be canceled: it has failed by itself.
    reader.cancel(signal.reason).catch(() => undefined);
  };
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });

  const decoder = new TextDecoder();
  let text = '';
  let left = limit;
  try {
    while (left > 0) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      const part = value.subarray(0, left);
      left -= part.length;
      text += decoder.decode(part, { stream: true });
    }
  } catch {
    // The connection broke or the try was aborted: what has come so far is the answer.
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
  return text;
}
