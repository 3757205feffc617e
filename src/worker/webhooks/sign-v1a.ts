/**
 * Signatures of Standard Webhooks 1.0.0, scheme `v1a`: Ed25519 (RFC 8032) over `id.timestamp.body`.
 *
 * A signing key is `whsk_` and the base64 of 64 bytes, the seed and then the public key; a public key is `whpk_` and the
 * base64 of its 32 bytes.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { fromBase64Url, toBase64 } from '../bytes.ts';
import { bytesOfKey, KeptKeys, WebhookSecretError } from './key-text.ts';
import { signedBytes, type WebhookMessage } from './message.ts';

/** A key pair as text. */
export interface SigningKeyPair {
  /** `whsk_…`: the seed and the public key. Whoever has it signs in our name. */
  readonly secret: string;
  /** `whpk_…` */
  readonly publicKey: string;
}

const ALGORITHM = 'Ed25519';
const SEED_BYTES = 32;
/** Bytes of a public key. */
const PUBLIC_BYTES = 32;
/** DER before the 32-byte seed of a PKCS #8 Ed25519 private key (RFC 8410 §7). */
const PKCS8_HEADER = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** `whpk_` and the base64 of `bytes`. */
function publicKeyText(bytes: Uint8Array): string {
  return `whpk_${toBase64(bytes)}`;
}

/** @throws {WebhookSecretError} */
function halvesOf(secret: string) {
  const bytes = bytesOfKey(secret, 'whsk_');
  if (bytes.length !== SEED_BYTES + PUBLIC_BYTES) {
    throw new WebhookSecretError(
      `a webhook signing key of scheme v1a has ${SEED_BYTES + PUBLIC_BYTES} bytes, not ${bytes.length}`,
    );
  }
  return { seed: bytes.slice(0, SEED_BYTES), publicBytes: bytes.slice(SEED_BYTES) };
}

/** A new key pair, from the runtime's random numbers. */
export async function newSigningKeyPair(): Promise<SigningKeyPair> {
  const made = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair;
  const { d = '', x = '' } = (await crypto.subtle.exportKey('jwk', made.privateKey)) as JsonWebKey;
  const [seed, publicBytes] = [fromBase64Url(d), fromBase64Url(x)];
  if (seed?.length !== SEED_BYTES || publicBytes?.length !== PUBLIC_BYTES) {
    throw new TypeError('the runtime made an Ed25519 key that is none');
  }
  const both = new Uint8Array([...seed, ...publicBytes]);
  return { secret: `whsk_${toBase64(both)}`, publicKey: publicKeyText(publicBytes) };
}

/**
 * The public key, `whpk_…`, of a signing key.
 * @throws {WebhookSecretError} for a text that is no signing key.
 */
export function publicKeyOf(secret: string): string {
  return publicKeyText(halvesOf(secret).publicBytes);
}

/**
 * The 32 bytes of a public key, `whpk_…`.
 * @throws {WebhookSecretError} for a text that is no public key.
 */
export function publicKeyBytes(publicKey: string): Uint8Array<ArrayBuffer> {
  const bytes = bytesOfKey(publicKey, 'whpk_');
  if (bytes.length !== PUBLIC_BYTES) {
    throw new WebhookSecretError(
      `a webhook public key of scheme v1a has ${PUBLIC_BYTES} bytes, not ${bytes.length}`,
    );
  }
  return bytes;
}

/** @throws {WebhookSecretError} also when the two halves do not belong together: what it signs nobody could verify. */
async function importSigningKey(secret: string): Promise<CryptoKey> {
  const { seed, publicBytes } = halvesOf(secret);
  const pkcs8 = new Uint8Array([...PKCS8_HEADER, ...seed]);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  const publicKey = await crypto.subtle.importKey('raw', publicBytes, ALGORITHM, false, ['verify']);
  const probe = await crypto.subtle.sign(ALGORITHM, key, publicBytes);
  if (!(await crypto.subtle.verify(ALGORITHM, publicKey, probe, publicBytes))) {
    throw new WebhookSecretError('a webhook signing key of scheme v1a is a seed and its own public key');
  }
  return key;
}

// Importing one costs four operations on the curve, a signature one.
const keys = new KeptKeys(importSigningKey);

/**
 * One signature, `v1a,<base64>`.
 * @throws {WebhookSecretError} for a secret that is no signing key.
 * @throws {TypeError} as {@link signedBytes}.
 */
export async function signV1a(secret: string, message: WebhookMessage): Promise<string> {
  const signed = signedBytes(message);
  const key = await keys.key(secret);
  return `v1a,${toBase64(new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, signed)))}`;
}
