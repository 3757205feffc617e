/** Base64, comparing, and reading bodies up to a limit. */

import { type RequestLike, WebhookVerificationError } from './contract.ts';

/** A view with a buffer of its own, as Web Crypto wants it. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** UTF-8 of `text`. */
export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/** The bytes of base64, with or without padding; null when it is none. */
export function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const bare = text.replace(/=+$/, '');
  if (bare.length % 4 === 1) return null;
  return Uint8Array.from(atob(bare), (character) => character.charCodeAt(0));
}

/** The bytes of unpadded base64url, as JSON Web Keys have it; null when it is none. */
export function fromBase64Url(text: string): Bytes | null {
  return /^[A-Za-z0-9_-]*$/.test(text) ? fromBase64(text.replaceAll('-', '+').replaceAll('_', '/')) : null;
}

/** Whether two byte strings are equal, in time that depends on their lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** The parts one after the other. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * The body of a request or a response, read once and no further than the limit.
 * @throws {WebhookVerificationError} `body_too_large`.
 */
export async function readBody(from: RequestLike, maxBytes: number): Promise<Bytes> {
  const announced = Number(from.headers.get('content-length') ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  if (from.body === null) return new Uint8Array(0);
  if (!from.body) return within(new Uint8Array(await from.arrayBuffer()), maxBytes);
  const reader = from.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(parts);
    if (!value) continue;
    length += value.length;
    if (length > maxBytes) {
      // The rest is of no interest, nor is whether the sender minds.
      await reader.cancel().catch(() => undefined);
      throw tooLarge(maxBytes);
    }
    parts.push(value);
  }
}

/** @throws {WebhookVerificationError} `body_too_large`. */
export function within(bytes: Bytes, maxBytes: number): Bytes {
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

function tooLarge(maxBytes: number): WebhookVerificationError {
  return new WebhookVerificationError('body_too_large', `the body has more than ${maxBytes} bytes`);
}
