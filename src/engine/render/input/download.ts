/** Fetches an image from a URL that a stranger named. */

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { guardedLookup, isForbiddenLiteral } from './address.ts';
import { InputError } from './error.ts';

/** As large as an upload may be. */
export const MAX_IMAGE_BYTES = 20 * 1024 * 1024;

/** For the whole download, redirects included. */
const TIMEOUT_MS = 60_000;

/** Image hosts redirect once or twice. */
const MAX_REDIRECTS = 5;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface DownloadOptions {
  /** Whether this machine may be reached. */
  readonly allowLoopback: boolean;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Downloads a file of at most MAX_IMAGE_BYTES.
 *
 * @throws {InputError} `file_too_large`, or `file_download_error` for every other failure.
 */
export async function download(url: string, options: DownloadOptions): Promise<Buffer> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  try {
    let target = parse(url, options.allowLoopback);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await get(target, options.allowLoopback, AbortSignal.any([options.signal, deadline]));
      const { statusCode = 0, headers } = response;
      if (REDIRECTS.has(statusCode) && headers.location !== undefined) {
        response.destroy();
        target = parse(new URL(headers.location, target), options.allowLoopback);
        continue;
      }
      if (statusCode !== 200) {
        response.destroy();
        throw new Error(`the server answered ${statusCode}`);
      }
      return await read(response);
    }
    throw new Error('there were too many redirects');
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const reason = deadline.aborted
      ? 'it took too long'
      : cause instanceof Error
        ? cause.message
        : String(cause);
    throw new InputError('file_download_error', `Failed to download the file: ${reason}. Is the URL public?`);
  }
}

/** Checks a URL before anything is sent to it. */
function parse(url: string | URL, allowLoopback: boolean): URL {
  const target = URL.parse(url);
  if (!target) throw new Error('the URL is malformed');
  if (target.protocol !== 'http:' && target.protocol !== 'https:') throw new Error('the URL is not http(s)');
  if (target.username || target.password) throw new Error('the URL carries credentials');
  if (isForbiddenLiteral(target.hostname, allowLoopback)) throw new Error('the host has no public address');
  return target;
}

/** Sends a GET and gives the response once its head is there. */
function get(target: URL, allowLoopback: boolean, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = send(
      target,
      {
        // One request a connection: the process ends with the render, and no socket must outlive its check.
        agent: false,
        lookup: guardedLookup(allowLoopback),
        signal,
        headers: { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'firstframe' },
      },
      resolve,
    );
    outgoing.once('error', reject);
    outgoing.end();
  });
}

/** Reads a body, and stops as soon as it is too large. */
async function read(response: IncomingMessage): Promise<Buffer> {
  const tooLarge = (): InputError =>
    new InputError('file_too_large', `The file exceeds ${MAX_IMAGE_BYTES} bytes.`, {
      max_size: MAX_IMAGE_BYTES,
    });
  if (Number(response.headers['content-length'] ?? 0) > MAX_IMAGE_BYTES) {
    response.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the response.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_IMAGE_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
