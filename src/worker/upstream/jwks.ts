/** fal's public keys: fetched, kept for a day, asked for again when a signature fits none of them. */

import * as z from 'zod';
import { fromBase64Url } from '../bytes.ts';
import { exchange, type Fetcher } from './exchange.ts';

/** Where verification gets its keys. */
export interface KeySource {
  /** The keys to try first; fetched when there are none, or when they are old. Empty when they cannot be had. */
  current(now: number): Promise<readonly CryptoKey[]>;
  /** Keys fetched anew because none of the current ones fits; null when that was tried too lately to try again. */
  refreshed(now: number): Promise<readonly CryptoKey[] | null>;
}

/** fal asks receivers to keep its keys for at most 24 hours. */
const KEPT_MS = 86_400_000;
/** Whoever holds a valid token can make us look for keys, so not more often than this. */
const REFRESH_INTERVAL_MS = 60_000;
/** A key has about 100 bytes. */
const MAX_JWKS_BYTES = 65_536;
/** More keys than any rotation needs, and few enough to try them all. */
const MAX_KEYS = 16;
/** The caller waits meanwhile: fal gives its first try of a webhook 15 s. */
const FETCH_TIMEOUT_MS = 5_000;
/** Length of a raw Ed25519 public key. */
const KEY_BYTES = 32;

const Jwks = z.object({ keys: z.array(z.unknown()) });
/** Of a key only `x` is needed; what says to be of another kind is left out. */
const Jwk = z.object({
  kty: z.literal('OKP').optional(),
  crv: z.literal('Ed25519').optional(),
  x: z.string(),
});

/** The keys in a JWKS document, the malformed ones left out; null when it is no JWKS. */
export async function keysOfJwks(document: unknown): Promise<readonly CryptoKey[] | null> {
  const parsed = Jwks.safeParse(document);
  if (!parsed.success) return null;
  const raw = parsed.data.keys.flatMap((candidate) => {
    const jwk = Jwk.safeParse(candidate);
    const bytes = jwk.success ? fromBase64Url(jwk.data.x.replace(/=+$/, '')) : null;
    return bytes?.length === KEY_BYTES ? [bytes] : [];
  });
  const imports = raw
    .slice(0, MAX_KEYS)
    .map((bytes) => crypto.subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify']));
  // A runtime may refuse bytes that are no point of the curve: malformed like the others.
  return (await Promise.allSettled(imports)).flatMap((key) =>
    key.status === 'fulfilled' ? [key.value] : [],
  );
}

/** A source of the keys at `url`. Hold one per isolate: {@link sharedJwks}. */
export function jwksSource(url: string, fetcher: Fetcher = (request) => fetch(request)): KeySource {
  return new JwksCache(url, fetcher);
}

const shared = new Map<string, KeySource>();

/** The isolate's own source for `url`. */
export function sharedJwks(url: string): KeySource {
  const source = shared.get(url) ?? jwksSource(url);
  shared.set(url, source);
  return source;
}

class JwksCache implements KeySource {
  readonly #url: string;
  readonly #fetcher: Fetcher;
  #keys: readonly CryptoKey[] = [];
  #fetchedAt = Number.NEGATIVE_INFINITY;
  /** When a fetch last ended, well or not. */
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, fetcher: Fetcher) {
    this.#url = url;
    this.#fetcher = fetcher;
  }

  async current(now: number): Promise<readonly CryptoKey[]> {
    if (now - this.#fetchedAt >= KEPT_MS) await this.refreshed(now);
    return this.#keys;
  }

  // Requests that find no keys at once fetch them each: a promise shared between requests would die with the one
  // that made it, and a cold isolate has few.
  async refreshed(now: number): Promise<readonly CryptoKey[] | null> {
    if (now - this.#triedAt < REFRESH_INTERVAL_MS) return null;
    const request = new Request(this.#url, {
      redirect: 'manual',
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    const answer = await exchange(this.#fetcher, request, MAX_JWKS_BYTES);
    const keys = answer.kind === 'answer' && answer.status === 200 ? await keysOfJwks(answer.body) : null;
    this.#triedAt = now;
    if (keys && keys.length > 0) {
      this.#keys = keys;
      this.#fetchedAt = now;
    }
    // A fetch that failed leaves the old keys: an outage there must not turn genuine callbacks away.
    return this.#keys;
  }
}
