/** The bytes of an input image, wherever they are. */

import { type DownloadOptions, download, MAX_IMAGE_BYTES } from './download.ts';
import { InputError } from './error.ts';

/**
 * Reads an image from a base64 data URI or an http(s) URL.
 *
 * @throws {InputError}
 */
export async function readSource(url: string, options: DownloadOptions): Promise<Buffer> {
  const bytes = /^data:/i.test(url) ? decodeDataUri(url) : await download(url, options);
  if (bytes.length === 0) throw new InputError('image_load_error', 'The file is empty.');
  return bytes;
}

/** Decodes a base64 data URI. Its media type is not believed: the bytes are looked at later. */
export function decodeDataUri(uri: string): Buffer {
  const comma = uri.indexOf(',');
  const head = comma < 0 ? '' : uri.slice(0, comma);
  const body = uri.slice(comma + 1);
  if (!/;base64$/i.test(head) || !/^[A-Za-z0-9+/]*={0,2}$/.test(body)) {
    throw new InputError('image_load_error', 'The data URI is not valid base64.');
  }
  if ((body.length / 4) * 3 > MAX_IMAGE_BYTES + 2) {
    throw new InputError('file_too_large', `The file exceeds ${MAX_IMAGE_BYTES} bytes.`, {
      max_size: MAX_IMAGE_BYTES,
    });
  }
  return Buffer.from(body, 'base64');
}
