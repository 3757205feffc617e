/** Webhook secrets and keys as text (Standard Webhooks 1.0.0), and the keys of Web Crypto that are made of them. */

/** What each prefix stands for. */
const PREFIXES = {
  whsec_: 'a webhook secret of scheme v1',
  whsk_: 'a webhook signing key of scheme v1a',
  whpk_: 'a webhook public key of scheme v1a',
} as const;
export type KeyPrefix = keyof typeof PREFIXES;

/** A text that is not the secret or the key that it should be. The message says why and never repeats the text. */
export class WebhookSecretError extends TypeError {
  override readonly name = 'WebhookSecretError';
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The bytes behind `prefix`, from base64 with or without padding.
 * @throws {WebhookSecretError}
 */
export function bytesOfKey(text: string, prefix: KeyPrefix): Uint8Array<ArrayBuffer> {
  const name = PREFIXES[prefix];
  if (!text.startsWith(prefix)) {
    const other = Object.entries(PREFIXES).find(([known]) => text.startsWith(known))?.[1];
    throw new WebhookSecretError(
      `${name} starts with "${prefix}"${other === undefined ? '' : `; this is ${other}`}`,
    );
  }
  const base64 = text.slice(prefix.length);
  const unpadded = base64.replace(/=+$/, '');
  if (!BASE64.test(base64) || unpadded.length % 4 === 1) {
    throw new WebhookSecretError(`${name} is "${prefix}" and base64`);
  }
  return Uint8Array.from(atob(unpadded), (character) => character.charCodeAt(0));
}

/**
 * How many imported keys an isolate keeps: those of a few dozen accounts, each with an endpoint or two. A key is a few
 * hundred bytes.
 */
export const MAX_KEPT_KEYS = 256;

/** Keeps the keys that were used last, by the text they were made of. */
export class KeptKeys {
  readonly #import: (text: string) => Promise<CryptoKey>;
  /** The longest unused one first. */
  readonly #keys = new Map<string, CryptoKey>();

  constructor(importKey: (text: string) => Promise<CryptoKey>) {
    this.#import = importKey;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** The key of `text`, imported unless it is kept. Rejects as the import does, and then keeps nothing. */
  async key(text: string): Promise<CryptoKey> {
    // Keys are kept, not promises of them: in workerd a promise belongs to the request that made it.
    const key = this.#keys.get(text) ?? (await this.#import(text));
    this.#keys.delete(text);
    this.#keys.set(text, key);
    if (this.#keys.size > MAX_KEPT_KEYS) {
      const oldest = this.#keys.keys().next().value;
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
    return key;
  }
}
