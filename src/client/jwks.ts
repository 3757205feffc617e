/** Key sets from an address: fetched when needed, kept for minutes, and asked for anew when no key matches. */

import { type Bytes, readBody } from './bytes.ts';
import { type FetchLike, type JwkSet, WebhookVerificationError } from './contract.ts';
import { readJwks } from './keys.ts';

/** A set is used without asking for so long, in ms: so long may a key that was taken back be believed. */
const FRESH_MS = 300_000;
/** A set that cannot be fetched anew is used for so long, in ms, so that an outage there is none here. */
const STALE_MS = 3_600_000;
/** Between two fetches while there is a set, in ms: what strangers send must not make us hammer anybody. */
const REFETCH_MS = 60_000;
/** Between two fetches while there is none, in ms. */
const RETRY_MS = 5_000;
/** A fetch that has not ended by then has failed, in ms. Senders wait for an answer for 15 to 30 s. */
const TIMEOUT_MS = 5_000;
/** Of an answer: hundreds of keys. */
const MAX_BYTES = 65_536;
/** Addresses that are remembered: more than an account or two is a receiver for many tenants. */
const MAX_ADDRESSES = 100;

/** What a fetch needs: the time in ms, and a `fetch`. */
export interface JwksContext {
  readonly now: number;
  readonly fetch: FetchLike;
}

/** What is known of one address. */
interface Entry {
  keys: readonly Bytes[] | null;
  fetchedAt: number;
  askedAt: number;
  /** Null when no fetch is under way. It never rejects. */
  asking: Promise<WebhookVerificationError | null> | null;
}

const entries = new Map<string, Entry>();

/**
 * The address of a key set, or the keys of a set that was given.
 * @throws {WebhookVerificationError} `bad_key`.
 */
export function readJwksOption(given: string | URL | JwkSet): URL | Bytes[] {
  if (typeof given !== 'string' && !(given instanceof URL)) {
    const keys = readJwks(given);
    if (keys) return keys;
    throw new WebhookVerificationError('bad_key', '"jwks" is an address, or a set with a key of Ed25519');
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  const here = url && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && here))) return url;
  throw new WebhookVerificationError('bad_key', 'the address of "jwks" is an https URL');
}

/**
 * The keys at an address.
 * @throws {WebhookVerificationError} `jwks_unavailable`.
 */
export async function keysOf(url: URL, context: JwksContext): Promise<readonly Bytes[]> {
  const entry = entryOf(url.href);
  const age = () => Math.abs(context.now - entry.fetchedAt);
  if (entry.keys && age() <= FRESH_MS) return entry.keys;
  const failure = await ask(url, entry, context);
  if (entry.keys && age() <= STALE_MS) return entry.keys;
  throw failure ?? unavailable('could not be fetched a moment ago');
}

/**
 * The keys at an address, newer than those that were `tried`; null when it was asked a moment ago.
 * @throws {WebhookVerificationError} `jwks_unavailable`.
 */
export async function newerKeysOf(
  url: URL,
  tried: readonly Bytes[],
  context: JwksContext,
): Promise<readonly Bytes[] | null> {
  const entry = entryOf(url.href);
  const failure = entry.keys === tried ? await ask(url, entry, context) : null;
  if (failure) throw failure;
  return entry.keys === tried ? null : entry.keys;
}

function entryOf(href: string): Entry {
  let entry = entries.get(href);
  if (!entry) {
    const [oldest] = entries.keys();
    if (oldest !== undefined && entries.size >= MAX_ADDRESSES) entries.delete(oldest);
    entry = { keys: null, fetchedAt: 0, askedAt: Number.NEGATIVE_INFINITY, asking: null };
    entries.set(href, entry);
  }
  return entry;
}

/** Fetches into the entry, unless that was tried a moment ago; whoever comes meanwhile waits for the same answer. */
async function ask(url: URL, entry: Entry, context: JwksContext): Promise<WebhookVerificationError | null> {
  const since = Math.abs(context.now - entry.askedAt);
  // In Workers a request that is given up takes its fetch along, without a word to those who wait for it.
  if (entry.asking && since <= TIMEOUT_MS) return inTime(entry.asking);
  if (since < (entry.keys ? REFETCH_MS : RETRY_MS)) return null;
  entry.askedAt = context.now;
  const asking = fetchKeys(url, context.fetch).then(
    (keys) => {
      entry.keys = keys;
      entry.fetchedAt = context.now;
      return null;
    },
    (thrown: unknown) => (isUnavailable(thrown) ? thrown : unavailable('could not be fetched', thrown)),
  );
  entry.asking = asking;
  const failure = await asking;
  if (entry.asking === asking) entry.asking = null;
  return failure;
}

async function fetchKeys(url: URL, fetch: FetchLike): Promise<readonly Bytes[]> {
  const response = await fetch(url.href, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    // Workers have no 'error'; what is answered with a redirect is no set.
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw unavailable(`were answered with ${response.status}`);
  const text = new TextDecoder().decode(await readBody(response, MAX_BYTES));
  const keys = readJwks(JSON.parse(text));
  if (!keys) throw unavailable('are no set with a key of Ed25519');
  return keys;
}

async function inTime(asking: Promise<WebhookVerificationError | null>) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<WebhookVerificationError>((resolve) => {
    timer = setTimeout(() => resolve(unavailable('take too long')), TIMEOUT_MS);
  });
  try {
    return await Promise.race([asking, late]);
  } finally {
    clearTimeout(timer);
  }
}

function isUnavailable(thrown: unknown): thrown is WebhookVerificationError {
  return thrown instanceof WebhookVerificationError && thrown.code === 'jwks_unavailable';
}

function unavailable(what: string, cause?: unknown): WebhookVerificationError {
  const message = `the keys at the address of "jwks" ${what}`;
  return new WebhookVerificationError('jwks_unavailable', message, cause === undefined ? {} : { cause });
}
