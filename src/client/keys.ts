/** Secrets and public keys as texts and JSON Web Keys, and what each of them says of a signature. */

import { type Bytes, equalBytes, fromBase64, fromBase64Url } from './bytes.ts';
import { WebhookVerificationError } from './contract.ts';

/** Bytes of a secret (the standard: 24 to 64). A shorter one has been cut off. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

/** Bytes of an Ed25519 public key (RFC 8032 §5.1.5). */
const PUBLIC_KEY_BYTES = 32;

/** Keys of one set that are tried: each costs a verification. */
const MAX_JWKS_KEYS = 32;

/** One or several, as a list. */
function listOf(given: string | readonly string[] | undefined): readonly unknown[] {
  if (given === undefined || given === null) return [];
  return typeof given === 'string' ? [given] : given;
}

/** @throws {WebhookVerificationError} `bad_secret`, without repeating it. */
export function readSecrets(given: string | readonly string[] | undefined): Bytes[] {
  return listOf(given).map((secret) => {
    if (typeof secret !== 'string') throw badSecret('is a text');
    if (/^wh[ps]k_/.test(secret)) throw badSecret('starts with "whsec_"; this is a key of scheme v1a');
    const bytes = fromBase64(secret.replace(/^whsec_/, ''));
    if (!bytes) throw badSecret('is "whsec_" and base64');
    if (bytes.length < MIN_SECRET_BYTES || bytes.length > MAX_SECRET_BYTES) {
      throw badSecret(`has ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, not ${bytes.length}`);
    }
    return bytes;
  });
}

/** @throws {WebhookVerificationError} `bad_key`. */
export function readPublicKeys(given: string | readonly string[] | undefined): Bytes[] {
  return listOf(given).map((key) => {
    if (typeof key !== 'string') throw badKey('is a text');
    if (key.startsWith('whsk_'))
      throw badKey('starts with "whpk_"; this is the private key, which stays secret');
    if (key.startsWith('whsec_')) throw badKey('starts with "whpk_"; this is a secret of scheme v1');
    const bytes = fromBase64(key.replace(/^whpk_/, ''));
    if (!bytes) throw badKey('is "whpk_" and base64');
    if (bytes.length !== PUBLIC_KEY_BYTES) {
      throw badKey(`has ${PUBLIC_KEY_BYTES} bytes, not ${bytes.length}`);
    }
    return bytes;
  });
}

/** The Ed25519 keys of a set that are for signatures. Null when it is no set, or has none: other keys are passed over. */
export function readJwks(set: unknown): Bytes[] | null {
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys)) return null;
  const found = set.keys.flatMap((jwk: unknown) => {
    const key = ed25519Of(jwk);
    return key ? [key] : [];
  });
  return found.length > 0 ? found.slice(0, MAX_JWKS_KEYS) : null;
}

/** RFC 8037 §2; what it is for, and by which algorithm, may be left out (RFC 7517 §4). */
function ed25519Of(jwk: unknown): Bytes | null {
  if (typeof jwk !== 'object' || jwk === null) return null;
  const { kty, crv, x, use = 'sig', alg = 'EdDSA' } = jwk as Record<string, unknown>;
  if (kty !== 'OKP' || crv !== 'Ed25519' || use !== 'sig' || typeof x !== 'string') return null;
  if (alg !== 'EdDSA' && alg !== 'Ed25519') return null;
  const bytes = fromBase64Url(x);
  return bytes?.length === PUBLIC_KEY_BYTES ? bytes : null;
}

/** Whether one of the signatures is the HMAC-SHA-256 of `signed` with one of the secrets. */
export async function matchesV1(
  secrets: readonly Bytes[],
  signatures: readonly Bytes[],
  signed: Bytes,
): Promise<boolean> {
  for (const secret of signatures.length > 0 ? secrets : []) {
    const key = await subtle().importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const own = new Uint8Array(await subtle().sign('HMAC', key, signed));
    if (signatures.some((signature) => equalBytes(signature, own))) return true;
  }
  return false;
}

/**
 * Whether one of the signatures is the Ed25519 signature of `signed` by one of the keys.
 * @throws {WebhookVerificationError} `unsupported`, `bad_key`.
 */
export async function matchesV1a(
  keys: readonly Bytes[],
  signatures: readonly Bytes[],
  signed: Bytes,
): Promise<boolean> {
  for (const bytes of signatures.length > 0 ? keys : []) {
    const key = await importEd25519(bytes);
    for (const signature of signatures) {
      if (await subtle().verify('Ed25519', key, signature, signed)) return true;
    }
  }
  return false;
}

async function importEd25519(bytes: Bytes): Promise<CryptoKey> {
  try {
    return await subtle().importKey('raw', bytes, 'Ed25519', false, ['verify']);
  } catch (cause) {
    if (cause instanceof WebhookVerificationError) throw cause;
    // Some runtimes look whether the bytes are a point of the curve; those without Ed25519 say "NotSupportedError".
    if ((cause as { name?: unknown } | null)?.name !== 'NotSupportedError') {
      throw new WebhookVerificationError('bad_key', 'a public key is a point of Ed25519', { cause });
    }
    const message = 'this runtime has no Ed25519: take scheme v1 with "secret", or a newer runtime';
    throw new WebhookVerificationError('unsupported', message, { cause });
  }
}

function subtle(): SubtleCrypto {
  const found = (globalThis as unknown as { readonly crypto?: Crypto }).crypto?.subtle;
  if (found) return found;
  throw new WebhookVerificationError(
    'unsupported',
    'this runtime, or a page without https, has no Web Crypto',
  );
}

function badSecret(what: string): WebhookVerificationError {
  return new WebhookVerificationError('bad_secret', `a webhook secret ${what}`);
}

function badKey(what: string): WebhookVerificationError {
  return new WebhookVerificationError('bad_key', `a public key of webhooks ${what}`);
}
