/**
 * The secrets ring: every signature, token and ciphertext of ours is made with it.
 *
 * `SIGNING_SECRETS` is `id:secret,id:secret`. The first entry signs and encrypts, all entries verify and decrypt,
 * so a secret is replaced by putting a new one in front and dropping the old one when nothing uses it any more.
 * Each purpose has a key of its own, derived by HKDF-SHA-256 (RFC 5869), so a token for one purpose is never
 * valid for another.
 */

import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { fromBase64Url, toBase64Url, utf8 } from './bytes.ts';

/** What a derived key is for. A new purpose is a new line here, never a second use of an old one. */
export type Purpose =
  | 'api-key'
  | 'job-id'
  | 'callback'
  | 'file'
  | 'file-nonce'
  | 'upload'
  | 'webhook-secret'
  | 'webhook-key'
  | 'webhook-headers';

/** One secret of the ring. */
export interface RingEntry {
  /** 1 to 8 of `a-z0-9`; stands in everything made with this secret. */
  readonly id: string;
  readonly secret: string;
}

/** The parsed ring, first entry first. Never empty. */
export interface Ring {
  readonly entries: readonly [RingEntry, ...RingEntry[]];
}

/** Fewest characters of a secret: 32 hex digits are 128 bits. */
const MIN_SECRET_LENGTH = 32;

const RING_ID = /^[a-z0-9]{1,8}$/;

/**
 * Parses `id:secret,id:secret`.
 * @throws {TypeError} that says what is wrong without repeating a secret.
 */
export function parseRing(text: string): Ring {
  const entries = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part, index): RingEntry => {
      const colon = part.indexOf(':');
      const id = part.slice(0, colon);
      const secret = part.slice(colon + 1);
      if (colon < 1 || !RING_ID.test(id)) {
        throw new TypeError(`entry ${index + 1} must be "id:secret" with an id of 1 to 8 characters a-z 0-9`);
      }
      if (secret.length < MIN_SECRET_LENGTH) {
        // By its place, not by its id: a comma inside a secret makes a part of it look like an id.
        throw new TypeError(
          `the secret of entry ${index + 1} must have at least ${MIN_SECRET_LENGTH} characters`,
        );
      }
      return { id, secret };
    });
  const [first, ...rest] = entries;
  if (!first) throw new TypeError('must hold at least one "id:secret"');
  if (new Set(entries.map((entry) => entry.id)).size !== entries.length) {
    throw new TypeError('must not hold the same id twice');
  }
  return { entries: [first, ...rest] };
}

/** The entry that signs and encrypts now. */
export function currentEntry(ring: Ring): RingEntry {
  return ring.entries[0];
}

/** The entry with this id, or null when it was dropped from the ring. */
export function ringEntry(ring: Ring, id: string): RingEntry | null {
  return ring.entries.find((entry) => entry.id === id) ?? null;
}

/** 256 bits: what HMAC-SHA-256 and AES-256-GCM take. */
const KEY_BYTES = 32;

// Derived keys are kept per isolate: deriving costs more than signing, and a ring has a handful of them.
type KeyCache<Key> = WeakMap<RingEntry, Map<Purpose, Key>>;
type Hmac = ReturnType<typeof hmac.create>;
/** `blank` has taken in the key, and is copied into `scratch` for each message. */
const macKeys: KeyCache<{ readonly blank: Hmac; readonly scratch: Hmac }> = new WeakMap();
const aesKeys: KeyCache<Promise<CryptoKey>> = new WeakMap();

function cached<Key>(
  cache: KeyCache<Key>,
  entry: RingEntry,
  purpose: Purpose,
  make: (derived: Uint8Array<ArrayBuffer>) => Key,
): Key {
  const known = cache.get(entry) ?? new Map<Purpose, Key>();
  cache.set(entry, known);
  let key = known.get(purpose);
  if (key === undefined) {
    key = make(
      hkdf(
        sha256,
        utf8(entry.secret),
        undefined,
        utf8(`firstframe/${purpose}`),
        KEY_BYTES,
      ) as Uint8Array<ArrayBuffer>,
    );
    known.set(purpose, key);
  }
  return key;
}

function aesKey(entry: RingEntry, purpose: Purpose): Promise<CryptoKey> {
  return cached(aesKeys, entry, purpose, (derived) =>
    crypto.subtle.importKey('raw', derived, 'AES-GCM', false, ['encrypt', 'decrypt']),
  );
}

/**
 * HMAC-SHA-256 of `message` under the entry's key for `purpose`: 32 bytes. Of a line of text, as all of ours are, the hashing
 * is the least of what a call of Web Crypto and its promise cost, so a library does it here.
 */
export function mac(entry: RingEntry, purpose: Purpose, message: string): Uint8Array<ArrayBuffer> {
  const { blank, scratch } = cached(macKeys, entry, purpose, (derived) => {
    const keyed = hmac.create(sha256, derived);
    return { blank: keyed, scratch: keyed.clone() };
  });
  return blank._cloneInto(scratch).update(utf8(message)).digest() as Uint8Array<ArrayBuffer>;
}

/** Whether two byte strings are equal, in time that depends on their lengths alone. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** AES-GCM nonce length in bytes (NIST SP 800-38D recommends 96 bits). */
const NONCE_BYTES = 12;

/** Encrypts under the current entry: `ringId.base64url(nonce || ciphertext)`. `context` must be given again to decrypt. */
export async function encrypt(
  ring: Ring,
  purpose: Purpose,
  plaintext: string,
  context: string,
): Promise<string> {
  return seal(currentEntry(ring), purpose, plaintext, {
    context,
    nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
  });
}

async function seal(
  entry: RingEntry,
  purpose: Purpose,
  plaintext: string,
  { context, nonce }: { readonly context: string; readonly nonce: Uint8Array<ArrayBuffer> },
): Promise<string> {
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: utf8(context) },
    await aesKey(entry, purpose),
    utf8(plaintext),
  );
  const bytes = new Uint8Array(NONCE_BYTES + sealed.byteLength);
  bytes.set(nonce);
  bytes.set(new Uint8Array(sealed), NONCE_BYTES);
  return `${entry.id}.${toBase64Url(bytes)}`;
}

/** The plaintext, or null when the text was changed, made for another context, or under a secret that was dropped. */
export async function decrypt(
  ring: Ring,
  purpose: Purpose,
  text: string,
  context: string,
): Promise<string | null> {
  const dot = text.indexOf('.');
  const entry = ringEntry(ring, text.slice(0, dot));
  const bytes = fromBase64Url(text.slice(dot + 1));
  if (!entry || !bytes || bytes.length < NONCE_BYTES) return null;
  try {
    const plain = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: bytes.subarray(0, NONCE_BYTES), additionalData: utf8(context) },
      await aesKey(entry, purpose),
      bytes.subarray(NONCE_BYTES),
    );
    return new TextDecoder().decode(plain);
  } catch {
    // Web Crypto reports a failed authentication tag by rejecting; it has no other way to say "not ours".
    return null;
  }
}

/**
 * A signed token `payload.ringId.mac`, where the payload is the JSON of `claims` in base64url. The reader learns
 * the claims; nobody but us can change them. Put an expiry inside.
 */
export async function signToken(ring: Ring, purpose: Purpose, claims: unknown): Promise<string> {
  const entry = currentEntry(ring);
  const payload = toBase64Url(utf8(JSON.stringify(claims)));
  return `${payload}.${entry.id}.${toBase64Url(mac(entry, purpose, `${payload}.${entry.id}`))}`;
}

/** The claims of a token of ours, not yet checked for shape or expiry; null for anything else. */
export async function readToken(ring: Ring, purpose: Purpose, token: string): Promise<unknown> {
  const [payload, ringId, signature, ...more] = token.split('.');
  if (payload === undefined || ringId === undefined || signature === undefined || more.length > 0)
    return null;
  const entry = ringEntry(ring, ringId);
  const given = fromBase64Url(signature);
  const claims = fromBase64Url(payload);
  if (!entry || !given || !claims) return null;
  if (!equalBytes(given, mac(entry, purpose, `${payload}.${ringId}`))) return null;
  return JSON.parse(new TextDecoder().decode(claims));
}

/** What a sealed token is, beside its purpose: no other ciphertext passes for one. */
const TOKEN = 'token/1';

/**
 * A token that tells whoever has it nothing: `ringId.base64url(nonce || ciphertext)`. The same claims are the same token,
 * so that what is sent again is sent alike: the nonce is a MAC of the claims, as in SIV (RFC 5297), under a key of its own.
 */
export async function sealToken(ring: Ring, purpose: 'file', claims: unknown): Promise<string> {
  const entry = currentEntry(ring);
  const plaintext = JSON.stringify(claims);
  const nonce = mac(entry, `${purpose}-nonce`, plaintext).slice(0, NONCE_BYTES);
  return seal(entry, purpose, plaintext, { context: TOKEN, nonce });
}

/** The claims of a sealed token of ours, not yet checked for shape or expiry; null for anything else. */
export async function openToken(ring: Ring, purpose: 'file', token: string): Promise<unknown> {
  const plaintext = await decrypt(ring, purpose, token, TOKEN);
  return plaintext === null ? null : JSON.parse(plaintext);
}
