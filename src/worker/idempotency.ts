/** The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header-07), and what it stands for. */

import { parseItem } from 'structured-headers';
import { sha256Hex, utf8 } from './bytes.ts';

/** 1 to 255 printable ASCII characters, after unquoting. */
const KEY = /^[\x20-\x7e]{1,255}$/;

function unquoted(text: string): string | null {
  try {
    const [value] = parseItem(text);
    return typeof value === 'string' ? value : null;
  } catch {
    // The parser reports every malformed item by throwing; a malformed key is an answer here, not an error.
    return null;
  }
}

/**
 * Reads the header's value, bare as most clients send it, or quoted as the draft wants it. Both spellings of one text
 * are the same key. Parameters of a quoted key are ignored (RFC 9651 §1.2 leaves them to the field; the draft has none).
 * Null when there is no key. The key comes in an object, because `invalid` is a valid key.
 */
export function parseIdempotencyKey(
  header: string | null | undefined,
): { readonly key: string } | 'invalid' | null {
  if (header === null || header === undefined) return null;
  const text = header.trim();
  const key = text.startsWith('"') ? unquoted(text) : text;
  return key !== null && KEY.test(key) ? { key } : 'invalid';
}

/** JSON with the members of every object in the order of their names (as RFC 8785), so that equal values are equal texts. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  const plain = value === null || typeof value === 'string' || typeof value === 'boolean';
  if (!plain && !Number.isFinite(value)) {
    throw new TypeError(`a ${typeof value} that JSON cannot hold has no fingerprint`);
  }
  return JSON.stringify(value);
}

/**
 * What tells one request from another under the same key: lower-case hex SHA-256 of the parsed request, with defaults,
 * without the API key, images by their sha256. A member that is undefined counts as absent.
 * @throws {TypeError} for values that JSON cannot hold.
 */
export async function fingerprint(request: unknown): Promise<string> {
  return sha256Hex(utf8(canonicalJson(request)));
}
