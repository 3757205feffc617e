/** What a sender says that its bytes are: `Content-Digest` and `Repr-Digest` (RFC 9530). Pure. */

import { parseDictionary } from 'structured-headers';
import { toHex } from '../../bytes.ts';
import { ApiError } from '../../errors.ts';

const HEADERS = ['Content-Digest', 'Repr-Digest'] as const;
/** The one algorithm that we look at; others are ignored, as the RFC has it. */
const ALGORITHM = 'sha-256';
const SHA256_BYTES = 32;

/**
 * The SHA-256 digests that a request without content coding announces, in lower-case hex: both headers mean its body.
 * @throws {ApiError} `invalid_request` for a header that cannot be read: who sends one wants it checked.
 */
export function declaredDigests(headers: Headers): string[] {
  return HEADERS.flatMap((name) => {
    const text = headers.get(name);
    return text === null ? [] : (digestIn(name, text) ?? []);
  });
}

function digestIn(name: string, text: string): string | null {
  const wrong = () =>
    new ApiError({
      tag: 'invalid_request',
      errors: [{ pointer: name, detail: `must be ${ALGORITHM}=:base64: as in RFC 9530` }],
    });
  let value: unknown;
  try {
    const item = parseDictionary(text).get(ALGORITHM);
    if (item === undefined) return null;
    value = item[0];
  } catch {
    // The library has no other way to say that it is no dictionary.
    throw wrong();
  }
  if (!(value instanceof ArrayBuffer) || value.byteLength !== SHA256_BYTES) throw wrong();
  return toHex(new Uint8Array(value));
}
