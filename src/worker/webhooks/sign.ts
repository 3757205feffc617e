/**
 * Signatures of Standard Webhooks 1.0.0, scheme `v1`: HMAC-SHA-256 over `id.timestamp.body`.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { toBase64, utf8 } from '../bytes.ts';

/** What is signed. The body is signed byte for byte as it is sent. */
export interface WebhookMessage {
  /** The event's id: the same on every try, so that the receiver can drop repeats. */
  readonly id: string;
  /** Unix seconds of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/** The three headers of a delivery. */
export interface WebhookHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** A text that is no `whsec_` secret. The message says why and never repeats the secret. */
export class WebhookSecretError extends TypeError {
  override readonly name = 'WebhookSecretError';
}

const SECRET_PREFIX = 'whsec_';
/** Bytes of a secret (the standard: 24 to 64). */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
/** Bytes of the secrets that we make: as many as SHA-256 puts out. */
const NEW_SECRET_BYTES = 32;

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** What an id may consist of: the full stop separates the signed parts, so it must not stand inside one. */
const MESSAGE_ID = /^[A-Za-z0-9_-]{1,255}$/;

/** A new secret, `whsec_` and 32 random bytes in base64. */
export function newWebhookSecret(): string {
  return SECRET_PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(NEW_SECRET_BYTES)));
}

function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  if (secret.startsWith('whpk_') || secret.startsWith('whsk_')) {
    throw new WebhookSecretError('a webhook secret of scheme v1 starts with "whsec_"; this is a v1a key');
  }
  if (!secret.startsWith(SECRET_PREFIX)) {
    throw new WebhookSecretError('a webhook secret starts with "whsec_"');
  }
  const text = secret.slice(SECRET_PREFIX.length);
  if (!BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) {
    throw new WebhookSecretError('a webhook secret is "whsec_" and base64');
  }
  const bytes = Uint8Array.from(atob(text.replace(/=+$/, '')), (character) => character.charCodeAt(0));
  if (bytes.length < MIN_SECRET_BYTES || bytes.length > MAX_SECRET_BYTES) {
    throw new WebhookSecretError(
      `a webhook secret has ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, not ${bytes.length}`,
    );
  }
  return bytes;
}

/**
 * One signature, `v1,<base64>`.
 * @throws {WebhookSecretError} for a secret that is none.
 * @throws {TypeError} for an id or a timestamp that cannot be signed unambiguously.
 */
export async function signV1(secret: string, message: WebhookMessage): Promise<string> {
  if (!MESSAGE_ID.test(message.id))
    throw new TypeError('a webhook id has 1 to 255 characters A-Z a-z 0-9 _ -');
  if (!Number.isSafeInteger(message.timestamp) || message.timestamp < 0) {
    throw new TypeError('a webhook timestamp is a whole number of unix seconds');
  }
  const key = await crypto.subtle.importKey(
    'raw',
    secretBytes(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const signed = utf8(`${message.id}.${message.timestamp}.${message.body}`);
  return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed)))}`;
}

/**
 * The headers of one try, signed with each of `secrets`: while a secret is being rotated the receiver may know the old
 * or the new one, and takes the first signature that matches.
 * @throws as {@link signV1}, and {TypeError} when there is no secret.
 */
export async function webhookHeaders(
  secrets: readonly string[],
  message: WebhookMessage,
): Promise<WebhookHeaders> {
  if (secrets.length === 0) throw new TypeError('a webhook is signed with at least one secret');
  const signatures = await Promise.all(secrets.map((secret) => signV1(secret, message)));
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
