/**
 * Identifiers. Each names the object that owns the thing, so no lookup table exists, and each carries a short MAC,
 * so a guessed id is refused at the edge and touches no object. Pure but for randomness.
 *
 *   account  acct_<region letter><13 random>                 its home region is inside
 *   job      job_<region letter><n: 2><time: 9><random: 11><MAC: 8>   the MAC covers the account too
 *   shard    <account>/<region>/<n>                          the object's name
 */

import { base32OfBytes, base32OfNumber, numberOfBase32 } from './bytes.ts';
import { isRegion, type Region, regionLetter, regionOfLetter } from './region.ts';
import { currentEntry, mac, type Ring } from './secrets.ts';

/** The shard that owns a job: one Durable Object. */
export interface ShardRef {
  readonly account: string;
  readonly region: Region;
  /** 0 unless an account needs several shards in one region. */
  readonly n: number;
}

/** Kinds of identifiers that are minted for a shard. */
export type MintedKind = 'job' | 'up' | 'evt';

const ACCOUNT = /^acct_([a-z])[0-9a-hjkmnp-tv-z]{13}$/;
const MINTED = /^(job|up|evt)_([a-z])([0-9a-z]{2})([0-9a-z]{9})([0-9a-z]{11})([0-9a-z]{8})$/;

const ACCOUNT_RANDOM_LENGTH = 13;
/** 45 bits of milliseconds: enough until the year 3084. */
const TIME_LENGTH = 9;
/** 55 random bits: two ids of one shard and one millisecond collide once in 10^16. */
const RANDOM_LENGTH = 11;
/** 40 bits: a guess hits once in 10^12 tries, and then finds nothing but an empty shard's answer. */
const MAC_LENGTH = 8;
const SHARD_N_LENGTH = 2;

/** Random bytes that are drawn at once, since drawing costs a short id more than all the rest of it. */
const pool = new Uint8Array(1_024);
let used = pool.length;

function random(length: number): string {
  if (used + length > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += length;
  return base32OfBytes(pool.subarray(used - length, used), length);
}

/** A new account id whose home is `region`. */
export function mintAccountId(region: Region): string {
  return `acct_${regionLetter(region)}${random(ACCOUNT_RANDOM_LENGTH)}`;
}

/** The home region of an account id; null when the text is no account id. */
export function homeRegion(account: string): Region | null {
  const letter = ACCOUNT.exec(account)?.[1];
  return letter === undefined ? null : regionOfLetter(letter);
}

/** A new id of `kind` owned by `shard`, later in text order than any minted before `now` (ms). */
export function mintId(ring: Ring, kind: MintedKind, shard: ShardRef, now: number): string {
  const body =
    regionLetter(shard.region) +
    base32OfNumber(shard.n, SHARD_N_LENGTH) +
    base32OfNumber(now, TIME_LENGTH) +
    random(RANDOM_LENGTH);
  return `${kind}_${body}${idMac(ring, 0, kind, shard.account, body)}`;
}

function idMac(ring: Ring, index: number, kind: string, account: string, body: string): string {
  const entry = ring.entries[index] ?? currentEntry(ring);
  return base32OfBytes(mac(entry, 'job-id', `${kind}.${account}.${body}`), MAC_LENGTH);
}

/**
 * The shard of an id that we minted for `account` under any secret of the ring; null for any other text, and so for
 * every id of another account.
 */
export function shardOfId(ring: Ring, kind: MintedKind, account: string, id: string): ShardRef | null {
  const match = MINTED.exec(id);
  if (match?.[1] !== kind) return null;
  const region = regionOfLetter(match[2] as string);
  const n = numberOfBase32(match[3] as string);
  if (!region || !Number.isInteger(n)) return null;
  const body = id.slice(kind.length + 1, -MAC_LENGTH);
  for (let index = 0; index < ring.entries.length; index++) {
    if (id.endsWith(idMac(ring, index, kind, account, body))) return { account, region, n };
  }
  return null;
}

/** When an id was minted, in ms. The id must have the minted shape. */
export function mintedAt(id: string): number {
  const match = MINTED.exec(id);
  return match ? numberOfBase32(match[4] as string) : Number.NaN;
}

/** Every id of this kind and shard that was minted before `now` (ms) is lower than this in text order, and no other. */
export function idBound(
  kind: MintedKind,
  { region, n }: Pick<ShardRef, 'region' | 'n'>,
  now: number,
): string {
  const time = base32OfNumber(Math.max(0, now), TIME_LENGTH);
  return `${kind}_${regionLetter(region)}${base32OfNumber(n, SHARD_N_LENGTH)}${time}`;
}

/** The object name of a shard. */
export function shardName(shard: ShardRef): string {
  return `${shard.account}/${shard.region}/${shard.n}`;
}

/** The shard that an object name stands for; null when the text is no shard name. */
export function parseShardName(name: string): ShardRef | null {
  const [account, region, n, ...more] = name.split('/');
  if (!account || !region || !n || more.length > 0) return null;
  if (!isRegion(region) || !homeRegion(account) || !/^\d{1,3}$/.test(n)) return null;
  return { account, region, n: Number(n) };
}

/** The object name of a region's directory. */
export function directoryName(region: Region, n = 0): string {
  return `directory/${region}/${n}`;
}

/** The shard that takes keyed (idempotent) submits of an account: one place in the world decides them. */
export function homeShard(account: string): ShardRef {
  const region = homeRegion(account);
  if (!region) throw new TypeError('not an account id');
  return { account, region, n: 0 };
}
