/** fal's webhook signatures: Ed25519 under a key of fal's JWKS. */

import { sha256Hex, utf8 } from '../bytes.ts';
import type { KeySource } from './jwks.ts';

/** fal's own rule for how far a timestamp may be from now, either way, in seconds. */
const TOLERANCE_S = 300;

const SIGNATURE = /^[0-9a-f]{128}$/i;
const TIMESTAMP = /^\d{1,12}$/;

/** A signed body, and what it is checked against. */
export interface SignedBody {
  readonly headers: Pick<Headers, 'get'>;
  /** The raw bytes, as received. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly keys: KeySource;
  /** Milliseconds. */
  readonly now: number;
}

/**
 * Verifies the four `X-Fal-Webhook-*` headers over `request_id \n user_id \n timestamp \n hex(sha256(body))`.
 * Every known key is tried; when none fits, the keys are asked for once more, since fal may have changed them.
 */
export async function verifyFalSignature({
  headers,
  body,
  keys,
  now,
}: SignedBody): Promise<'valid' | 'signature' | 'keys_unavailable'> {
  const requestId = headers.get('x-fal-webhook-request-id');
  const userId = headers.get('x-fal-webhook-user-id');
  const timestamp = headers.get('x-fal-webhook-timestamp');
  const signature = headers.get('x-fal-webhook-signature');
  if (!requestId || !userId || !timestamp || !signature) return 'signature';
  if (!TIMESTAMP.test(timestamp) || !SIGNATURE.test(signature)) return 'signature';
  if (Math.abs(now / 1_000 - Number(timestamp)) > TOLERANCE_S) return 'signature';
  const message = utf8([requestId, userId, timestamp, await sha256Hex(body)].join('\n'));
  const given = Uint8Array.from(signature.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

  const known = await keys.current(now);
  if (await anyVerifies(known, given, message)) return 'valid';
  const fresh = await keys.refreshed(now);
  if (fresh && (await anyVerifies(fresh, given, message))) return 'valid';
  return known.length === 0 && !fresh?.length ? 'keys_unavailable' : 'signature';
}

async function anyVerifies(
  keys: readonly CryptoKey[],
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  for (const key of keys) {
    if (await crypto.subtle.verify({ name: 'Ed25519' }, key, signature, message)) return true;
  }
  return false;
}
