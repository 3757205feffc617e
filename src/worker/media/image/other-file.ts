/**
 * Whether an image is another kind of file as well, for readers that do not begin at its first byte. Pure, and linear
 * in the bytes.
 *
 * ZIP is read from its end, PDF from anywhere in the first 1,024 bytes, and HTML by browsers and servers that guess. We
 * serve images with their type, `nosniff` and a sandbox, but what becomes of them elsewhere is not for us to say. What
 * is looked for in a whole file is long, or has more to it than its letters, so that no picture has it by chance.
 */

import { utf8 } from '../../bytes.ts';
import { ByteReader } from '../byte-reader.ts';

/** Where PDF readers look, and about what browsers look at when they guess. */
const HEAD_BYTES = 1_024;
const PDF = '%PDF-';
/** Of markup, in the first bytes. XMP, which is XML, begins with `<?xpacket` or `<x:xmpmeta`. */
const HEAD_MARKUP = /<(?:script|!doctype html|html|head|body|iframe|svg|\?php)\b/i;
/** Of markup, anywhere: seven letters and more, which chance does not write. Lower-case. */
const ANY_MARKUP = ['<script', '<iframe', '<!doctype html'].map((text) => utf8(text));
const LESS_THAN = 0x3c;
/** Upper case to lower case in ASCII. */
const LOWER_BIT = 0x20;

/** `PK\5\6`, the end of a ZIP's central directory, as a little-endian number. */
const ZIP_END = 0x06054b50;
const ZIP_END_BYTES = 22;
const LETTER_P = 0x50;

/** Whether the bytes are a ZIP, a PDF or markup, too. */
export function isOtherFile(bytes: Uint8Array): boolean {
  const head = new ByteReader(bytes).latin1(0, Math.min(HEAD_BYTES, bytes.length));
  return head.includes(PDF) || HEAD_MARKUP.test(head) || hasMarkup(bytes) || hasZipEnd(bytes);
}

function hasMarkup(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(LESS_THAN); at >= 0; at = bytes.indexOf(LESS_THAN, at + 1)) {
    for (const letters of ANY_MARKUP) if (standsAt(bytes, at, letters)) return true;
  }
  return false;
}

/** In any case of its letters. */
function standsAt(bytes: Uint8Array, at: number, letters: Uint8Array): boolean {
  for (let i = 1; i < letters.length; i++) {
    if (((bytes[at + i] ?? 0) | LOWER_BIT) !== letters[i]) return false;
  }
  return true;
}

/** An end record that is one: on one disk, with as many entries there as altogether, and room for its comment. */
function hasZipEnd(bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes);
  for (let at = bytes.indexOf(LETTER_P); at >= 0; at = bytes.indexOf(LETTER_P, at + 1)) {
    if (at + ZIP_END_BYTES > bytes.length) return false;
    if (
      reader.u32le(at) === ZIP_END &&
      reader.u32le(at + 4) === 0 &&
      reader.u16le(at + 8) === reader.u16le(at + 10) &&
      at + ZIP_END_BYTES + reader.u16le(at + 20) <= bytes.length
    ) {
      return true;
    }
  }
  return false;
}
