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

const NAMES = {
  'image/png': 'PNG',
  'image/jpeg': 'JPEG',
  'image/webp': 'WebP',
  'image/avif': 'AVIF',
  'image/heif': 'HEIF',
} as const satisfies Record<ImageType, string>;

/** Types as people name them: `PNG, JPEG or WebP`. */
export function namesOf(types: readonly ImageType[]): string {
  const names = types.map((type) => NAMES[type]);
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' or ');
}

/** The media type that a header declares: lower-case, without parameters; empty when it declares none. */
export function mediaTypeOf(header: string | null | undefined): string {
  return (header ?? '').split(';', 1).join('').trim().toLowerCase();
}

/** Whether a declared media type, lower-case and without parameters, names what the bytes are. */
export function agreesWith(declared: string, type: ImageType): boolean {
  return (ALIASES[declared] ?? declared) === type;
}

/** The ending of a file's name, without the dot. */
export function extensionOf(type: ImageType): string {
  return EXTENSIONS[type];
}
