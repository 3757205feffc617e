/**
 * Signatures of Standard Webhooks 1.0.0: scheme `v1`, HMAC-SHA-256 over `id.timestamp.body`, and the headers of a
 * delivery, which may carry several signatures of this scheme and of `v1a` (sign-v1a.ts).
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { toBase64 } from '../bytes.ts';
import { bytesOfKey, KeptKeys, WebhookSecretError } from './key-text.ts';
import { signedBytes, type WebhookMessage } from './message.ts';
import { signV1a } from './sign-v1a.ts';

export { WebhookSecretError } from './key-text.ts';
export type { WebhookMessage } from './message.ts';

/** The three headers of a delivery. */
export interface WebhookHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

const SECRET_PREFIX = 'whsec_';
/** Bytes of a secret (the standard: 24 to 64). */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
/** Bytes of the secrets that we make: as many as SHA-256 puts out. */
const NEW_SECRET_BYTES = 32;

/** A new secret, `whsec_` and 32 random bytes in base64. */
export function newWebhookSecret(): string {
  return SECRET_PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(NEW_SECRET_BYTES)));
}

/** @throws {WebhookSecretError} */
async function importSecret(secret: string): Promise<CryptoKey> {
  const bytes = bytesOfKey(secret, SECRET_PREFIX);
  if (bytes.length < MIN_SECRET_BYTES || bytes.length > MAX_SECRET_BYTES) {
    throw new WebhookSecretError(
      `a webhook secret of scheme v1 has ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, not ${bytes.length}`,
    );
  }
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

const keys = new KeptKeys(importSecret);

/**
 * One signature, `v1,<base64>`.
 * @throws {WebhookSecretError} for a secret that is none.
 * @throws {TypeError} as {@link signedBytes}.
 */
export async function signV1(secret: string, message: WebhookMessage): Promise<string> {
  const signed = signedBytes(message);
  const key = await keys.key(secret);
  return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed)))}`;
}

/**
 * The headers of one try, signed with each of `secrets`, `whsec_` and `whsk_` in any order: while one is being rotated
 * the receiver may know the old or the new one, and takes the first signature that matches. Those of `v1` come first:
 * every library knows that scheme, and passes over the ones behind it.
 * @throws as {@link signV1} and {@link signV1a}, and {TypeError} when there is no secret.
 */
export async function webhookHeaders(
  secrets: readonly string[],
  message: WebhookMessage,
): Promise<WebhookHeaders> {
  if (secrets.length === 0) throw new TypeError('a webhook is signed with at least one secret');
  const isV1a = (secret: string) => secret.startsWith('whsk_');
  const signatures = await Promise.all([
    ...secrets.filter((secret) => !isV1a(secret)).map((secret) => signV1(secret, message)),
    ...secrets.filter(isV1a).map((secret) => signV1a(secret, message)),
  ]);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
