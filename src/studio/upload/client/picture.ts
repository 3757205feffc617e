/** Whether a file can be sent, before any of it is: the service looks again, and has the last word. */

import { limitInWords, sizeInWords, typesInWords } from '../formats.ts';

/** What a link takes. */
export interface Limits {
  readonly maxBytes: number;
  readonly types: readonly string[];
}

/** Bytes that tell all types apart: the longest look is at an ISO file's first box. */
const HEAD_BYTES = 64;

const ALIASES: Readonly<Record<string, string>> = { 'image/jpg': 'image/jpeg', 'image/heic': 'image/heif' };

/**
 * The type of a file by its first bytes, since names lie: pictures from messengers often end in the wrong letters. What
 * is none that we know has the type that the browser guesses from its name; '' when that is nothing.
 * @throws {DOMException} when the file cannot be read (any more).
 */
export async function typeOf(file: Blob): Promise<string> {
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  return sniff(head) ?? ALIASES[file.type] ?? file.type;
}

/** The type that the first bytes of a file tell; null for none that we know. */
export function sniff(head: Uint8Array): string | null {
  const text = String.fromCharCode(...head);
  if (text.startsWith('\x89PNG\r\n')) return 'image/png';
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image/webp';
  if (text.slice(4, 8) !== 'ftyp') return null;
  const size = new DataView(head.buffer, head.byteOffset).getUint32(0);
  // Major brand, a version, compatible brands.
  const brands = [text.slice(8, 12)];
  for (let at = 16; at + 4 <= Math.min(size, head.length); at += 4) brands.push(text.slice(at, at + 4));
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return 'image/avif';
  return brands.some((brand) => HEIF_BRANDS.has(brand)) ? 'image/heif' : null;
}

const HEIF_BRANDS: ReadonlySet<string> = new Set([
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'],
  ...['mif1', 'msf1'],
]);

/** Why a file of this type and size is not sent, in a sentence; null when nothing speaks against it. */
export function whyNot(type: string, bytes: number, { maxBytes, types }: Limits): string | null {
  if (bytes === 0) return 'This file is empty. Choose another.';
  if (!types.includes(type)) {
    const wanted = typesInWords(types);
    return type.startsWith('image/')
      ? `This kind of picture does not work here. Choose one that is ${wanted}.`
      : `This file is not a picture that works here. Choose one that is ${wanted}.`;
  }
  if (bytes > maxBytes) {
    return `This picture is too large: it has ${sizeInWords(bytes)}, and the link takes at most ${limitInWords(maxBytes)}.`;
  }
  return null;
}
