/** Base64 data URIs (RFC 2397) of images. Pure. */

declare global {
  // In V8 since 14.0 and so in workerd; the compiler's es2024 library does not know it yet.
  interface Uint8ArrayConstructor {
    /** @throws {SyntaxError} */
    fromBase64(text: string, options: { lastChunkHandling: 'strict' }): Uint8Array<ArrayBuffer>;
  }
}

/** A data URI, decoded. */
export type DataUri =
  | { readonly ok: true; readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Completes "image_url …". */
  | { readonly ok: false; readonly detail: string };

/** Longest part before the comma that is looked at: a media type is never longer. */
const MAX_HEAD_LENGTH = 100;
const HEAD = /^data:(image\/[a-z0-9.+-]+);base64$/i;

/** Whether a text means to be a data URI. */
export function isDataUri(text: string): boolean {
  return /^data:/i.test(text);
}

/** Bytes that so many characters of base64 decode to, before padding is known: never too low. */
function decodedBytes(characters: number): number {
  return Math.ceil(characters / 4) * 3;
}

/**
 * Decodes `data:image/…;base64,…` strictly: padded standard base64, nothing else between or behind. One that must
 * decode to more than `limit` bytes is refused before it is decoded.
 */
export function decodeDataUri(text: string, limit: number): DataUri {
  const comma = text.slice(0, MAX_HEAD_LENGTH).indexOf(',');
  const type = comma < 0 ? undefined : HEAD.exec(text.slice(0, comma))?.[1];
  if (type === undefined) return { ok: false, detail: 'must be of the form data:image/…;base64,…' };
  const tooLarge = { ok: false, detail: `may have at most ${limit} bytes` } as const;
  // Padding stands for up to two bytes that are not there.
  if (decodedBytes(text.length - comma - 1) - 2 > limit) return tooLarge;
  const payload = text.slice(comma + 1);
  // The decoder below skips white space, which no data URI has.
  if (/\s/.test(payload)) return { ok: false, detail: 'must be valid base64 without white space' };
  try {
    const bytes = Uint8Array.fromBase64(payload, { lastChunkHandling: 'strict' });
    return bytes.length > limit ? tooLarge : { ok: true, type: type.toLowerCase(), bytes };
  } catch {
    // The decoder throws a SyntaxError at the first character that is none of the alphabet.
    return { ok: false, detail: 'must be valid base64' };
  }
}
