/**
 * API keys. Pure but for Web Crypto.
 *
 *   ff_live_<account: 14><secret: 32><MAC: 12><ring id: 1 to 8>
 *
 * The account part is the account id without `acct_`, so the edge knows whose key it is; the MAC is made with the
 * ring's secret of that id, so a forged or mistyped key is refused with no I/O. Whether a key that is ours has been
 * revoked, only a shard or the account can tell. Only the SHA-256 of a key is ever stored.
 */

import { base32OfBytes, sha256Hex, utf8 } from '../bytes.ts';
import { homeRegion } from '../ids.ts';
import { Remembered } from '../remembered.ts';
import { currentEntry, equalBytes, mac, type Ring, type RingEntry, ringEntry } from '../secrets.ts';

/** A key just made. `key` is shown to its owner once and kept nowhere. */
export interface MintedKey {
  readonly key: string;
  /** Lower-case hex SHA-256 of the whole key. */
  readonly hash: string;
  /** The secret of the ring that its MAC was made with. */
  readonly ringId: string;
}

/** Whose key it is, as far as the key itself tells: a `Caller`. */
export interface ParsedKey {
  readonly account: string;
  /** Lower-case hex SHA-256 of the whole key. */
  readonly keyHash: string;
}

const PREFIX = 'ff_live_';
const ACCOUNT_PREFIX = 'acct_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 190 bits: nobody guesses one, and a fast hash of it is enough. */
const SECRET_LENGTH = 32;
/** 60 bits: of 10^18 forged keys one gets past the edge, and is then refused for its hash. */
const MAC_LENGTH = 12;
/** 16 base32 characters, 80 bits: no two keys of an account share an id. */
const KEY_ID_LENGTH = 16;

const KEY = /^ff_live_([0-9a-z]{14})([0-9A-Za-z]{32})([0-9a-z]{12})([0-9a-z]{1,8})$/;

/**
 * A new key of `account`, under the current secret of the ring.
 * @throws {TypeError} when `account` is no account id.
 */
export async function mintKey(ring: Ring, account: string): Promise<MintedKey> {
  if (!homeRegion(account)) throw new TypeError('not an account id');
  const entry = currentEntry(ring);
  const body = PREFIX + account.slice(ACCOUNT_PREFIX.length) + base62(SECRET_LENGTH);
  const key = body + keyMac(entry, body) + entry.id;
  return { key, hash: await sha256Hex(utf8(key)), ringId: entry.id };
}

// By ring, so that a key is checked again when the secrets change. What a key parses to never changes: whether it was
// revoked is not decided here. Two of the three hashes that a submit costs at the edge are spared by this. 1,000 keys: what
// a busy isolate meets in its life.
const checked = new Remembered<Ring, ParsedKey>(1_000);

/** Who is calling, if `text` is a key that we made under a secret still in the ring; else null. Never throws. */
export async function parseKey(ring: Ring, text: string): Promise<ParsedKey | null> {
  const known = checked.get(ring, text);
  if (known) return known;
  const parsed = await checkKey(ring, text);
  if (parsed) checked.set(ring, text, parsed);
  return parsed;
}

async function checkKey(ring: Ring, text: string): Promise<ParsedKey | null> {
  const match = KEY.exec(text);
  if (!match) return null;
  const [, accountPart, , given, ringId] = match as unknown as [string, string, string, string, string];
  const account = ACCOUNT_PREFIX + accountPart;
  const entry = ringEntry(ring, ringId);
  if (!entry || !homeRegion(account)) return null;
  const body = text.slice(0, text.length - MAC_LENGTH - ringId.length);
  if (!equalBytes(utf8(given), utf8(keyMac(entry, body)))) return null;
  return { account, keyHash: await sha256Hex(utf8(text)) };
}

/** A new key id, by which a key is named in lists and revoked. It tells nothing of the key. */
export function mintKeyId(): string {
  return `key_${base32OfBytes(crypto.getRandomValues(new Uint8Array(KEY_ID_LENGTH)), KEY_ID_LENGTH)}`;
}

function keyMac(entry: RingEntry, body: string): string {
  // The ring id needs no place in the message: another id means another secret, under which the MAC is wrong.
  return base32OfBytes(mac(entry, 'api-key', body), MAC_LENGTH);
}

/** `length` characters, each of the 62 equally likely: bytes beyond the last multiple of 62 are thrown away. */
function base62(length: number): string {
  const fair = 256 - (256 % BASE62.length);
  let text = '';
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < fair && text.length < length) text += BASE62[byte % BASE62.length];
    }
  }
  return text;
}
