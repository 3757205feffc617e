/** Bytes as text: UTF-8, base64 (RFC 4648 §4, padded), base64url (§5, unpadded), hex, and Crockford's base32 for identifiers. */

const encoder = new TextEncoder();

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** Unpadded base64url of `bytes`. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Whole groups of four, then none, two or three characters, the last of which stands for no bits beyond the last byte
 * (RFC 4648 §3.5): every byte string has one spelling, and so has every token.
 */
const CANONICAL_BASE64URL =
  /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/;

/** The bytes of unpadded base64url text; null when it is none, or not in its one spelling. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  return CANONICAL_BASE64URL.test(text) ? decode(text.replaceAll('-', '+').replaceAll('_', '/')) : null;
}

/** As {@link CANONICAL_BASE64URL}, padded, in the other alphabet. */
const CANONICAL_BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;

/** Whether a text is padded base64 (RFC 4648 §4) in its one spelling. */
export function isBase64(text: string): boolean {
  return CANONICAL_BASE64.test(text);
}

/** The bytes of padded base64 text; null when it is none, or not in its one spelling. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  return isBase64(text) ? decode(text) : null;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** Padded base64 of `bytes`. For short values: it builds one argument list. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Lower-case Crockford base32: no i, l, o, u, so nothing reads like something else. */
const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/** `length` base32 characters, five bits each, from the low bits of successive bytes. */
export function base32OfBytes(bytes: Uint8Array, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += BASE32[(bytes[i] as number) & 31];
  return text;
}

/** A non-negative integer as exactly `length` base32 characters, so that text order is number order. */
export function base32OfNumber(value: number, length: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = (BASE32[rest % 32] as string) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The number that base32 `text` stands for; NaN when a character is none of ours. */
export function numberOfBase32(text: string): number {
  let value = 0;
  for (const character of text) {
    const digit = BASE32.indexOf(character);
    if (digit < 0) return Number.NaN;
    value = value * 32 + digit;
  }
  return value;
}

/** SHA-256 of `bytes` in lower-case hex. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}
