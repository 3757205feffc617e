/** The image that a command was given: an address to pass on, or a file to upload. */

import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError, messageOf } from '../errors.ts';

/** The bundled picture (see `sample/generate.ts`). */
export const SAMPLE_IMAGE = fileURLToPath(new URL('../sample/dawn.jpg', import.meta.url));

/** By extension. The service looks at the bytes; this only has to be plausible. */
const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.heic': 'image/heic',
  '.heif': 'image/heif',
};

/** An image to animate. */
export type ImageSource =
  | { readonly kind: 'url'; readonly url: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** Content type. */
      readonly type: string;
    };

/**
 * Reads what an argument names.
 * @throws {CliError} when it is a file that cannot be read.
 */
export async function imageSource(argument: string): Promise<ImageSource> {
  if (/^https?:\/\//i.test(argument)) return { kind: 'url', url: argument };
  try {
    const type = TYPES[extname(argument).toLowerCase()] ?? 'application/octet-stream';
    return { kind: 'file', path: argument, bytes: new Uint8Array(await readFile(argument)), type };
  } catch (cause) {
    throw new CliError(`The image ${argument} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}
