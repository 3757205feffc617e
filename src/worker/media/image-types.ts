/** The names of image types: as declared by a sender, and as an ending of a file name. Pure. */

import type { ImageType } from './contract.ts';

/** Other names in use for a type: the common misspelling, and HEIC, which is HEIF with one codec. */
const ALIASES: Readonly<Record<string, ImageType>> = {
  'image/jpg': 'image/jpeg',
  'image/heic': 'image/heif',
};

const EXTENSIONS = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/avif': 'avif',
  'image/heif': 'heic',
} as const satisfies Record<ImageType, string>;

/** Whether a declared media type, lower-case and without parameters, names what the bytes are. */
export function agreesWith(declared: string, type: ImageType): boolean {
  return (ALIASES[declared] ?? declared) === type;
}

/** The ending of a file's name, without the dot. */
export function extensionOf(type: ImageType): string {
  return EXTENSIONS[type];
}
