/** Opening the file that an upstream made, and what each answer to it means. */

import type { JobFailure } from '../errors.ts';
import { declaredLength } from './body.ts';

/** `fetch`, or a stand-in. It must reject when the request's signal aborts. */
export type Fetcher = (request: Request) => Promise<Response>;

export type Download =
  | {
      readonly kind: 'open';
      readonly body: ReadableStream<Uint8Array>;
      /** Bytes that the sender promises; null when it promises none. */
      readonly length: number | null;
    }
  /** No file now. The detail is for logs and names no URL: result URLs can be secrets. */
  | { readonly kind: 'retry'; readonly detail: string }
  | { readonly kind: 'failed'; readonly failure: JobFailure };

const UNAVAILABLE: Download = {
  kind: 'failed',
  failure: {
    code: 'result_unavailable',
    message: 'The finished video could not be fetched from the renderer.',
  },
};

/** Answers that a later try can change: time-outs, too early, too many, and whatever is wrong on the other side. */
function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/**
 * Asks for the file at `url`. Only http and https, only where `allow` agrees, and no redirects: they would lead where
 * nobody has looked.
 */
export async function openDownload(
  url: string,
  allow: (url: string) => boolean,
  fetcher: Fetcher,
  signal: AbortSignal,
): Promise<Download> {
  const target = URL.canParse(url) ? new URL(url) : null;
  if (!target || !/^https?:$/.test(target.protocol) || !allow(target.href)) return UNAVAILABLE;
  let response: Response;
  try {
    signal.throwIfAborted();
    // Compressed in transit, the declared length would not be that of the file.
    const headers = { Accept: 'video/mp4, */*;q=0.1', 'Accept-Encoding': 'identity' };
    response = await fetcher(new Request(target, { headers, redirect: 'manual', signal }));
  } catch (cause) {
    return { kind: 'retry', detail: `no answer: ${cause instanceof Error ? cause.name : 'unknown'}` };
  }
  if (response.status === 200 && response.body) {
    const encoded = response.headers.has('Content-Encoding');
    return { kind: 'open', body: response.body, length: encoded ? null : declaredLength(response.headers) };
  }
  // The answer is judged by its status; what becomes of its body changes nothing.
  await response.body?.cancel().catch(() => undefined);
  if (isTransient(response.status)) return { kind: 'retry', detail: `status ${response.status}` };
  return UNAVAILABLE;
}
