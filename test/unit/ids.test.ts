import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  directoryName,
  homeRegion,
  homeShard,
  mintAccountId,
  mintedAt,
  mintId,
  parseShardName,
  type ShardRef,
  shardName,
  shardOfId,
} from '../../src/worker/ids.ts';
import { REGIONS } from '../../src/worker/region.ts';
import { parseRing } from '../../src/worker/secrets.ts';

const NOW = 1_790_000_000_000;
const ring = (...ids: string[]) =>
  parseRing(ids.map((id) => `${id}:${id.repeat(32).slice(0, 32)}`).join(','));
const RING = ring('one');
const account = mintAccountId('weur');
const shard: ShardRef = { account, region: 'apac', n: 7 };

describe('an account id', () => {
  it('says where its home is', () => {
    for (const region of REGIONS) {
      const id = mintAccountId(region);
      expect(id).toMatch(/^acct_[a-z][0-9a-hjkmnp-tv-z]{13}$/);
      expect(homeRegion(id)).toBe(region);
      expect(homeShard(id)).toEqual({ account: id, region, n: 0 });
    }
  });

  it('is no other text', () => {
    const body = account.slice(6);
    const texts = [
      '',
      'acct_',
      `acct_q${body}`,
      `${account}0`,
      account.slice(0, -1),
      account.toUpperCase(),
      ` ${account}`,
      `${account}\n`,
      `acct_u${'i'.repeat(13)}`,
      `../${account}`,
    ];
    for (const text of texts) {
      expect(homeRegion(text), text).toBeNull();
      expect(() => homeShard(text)).toThrow(TypeError);
    }
  });
});

describe('a job id', () => {
  it('leads back to its shard, and only for its account', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...REGIONS),
        fc.integer({ min: 0, max: 999 }),
        fc.integer({ min: 0, max: 2 ** 45 - 1 }),
        (region, n, now) => {
          const place = { account, region, n };
          const id = mintId(RING, 'job', place, now);
          expect(id).toMatch(/^job_[0-9a-z]{31}$/);
          expect(shardOfId(RING, 'job', account, id)).toEqual(place);
          expect(mintedAt(id)).toBe(now);
          expect(shardOfId(RING, 'job', mintAccountId('weur'), id)).toBeNull();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is later in text order when it was minted later', () => {
    const times = [0, 1, 31, 32, 1_023, NOW, NOW + 1, NOW + 1_000_000, 2 ** 45 - 1];
    const ids = times.map((now) => mintId(RING, 'job', shard, now));
    expect([...ids].sort()).toEqual(ids);
  });

  it('is new each time', () => {
    const ids = Array.from({ length: 200 }, () => mintId(RING, 'job', shard, NOW));
    expect(new Set(ids).size).toBe(200);
  });

  it('is of one kind', () => {
    for (const kind of ['job', 'up', 'evt'] as const) {
      const id = mintId(RING, kind, shard, NOW);
      for (const other of ['job', 'up', 'evt'] as const) {
        expect(shardOfId(RING, other, account, id)).toEqual(other === kind ? shard : null);
      }
      expect(shardOfId(RING, 'job', account, id.replace(/^\w+_/, 'job_'))).toEqual(
        kind === 'job' ? shard : null,
      );
    }
  });

  it('cannot be changed in any character', () => {
    const id = mintId(RING, 'job', shard, NOW);
    for (let at = 0; at < id.length; at++) {
      const changed = id.slice(0, at) + (id[at] === '7' ? '8' : '7') + id.slice(at + 1);
      expect(shardOfId(RING, 'job', account, changed), changed).toBeNull();
    }
  });

  it.each([
    '',
    'job_',
    `job_${'0'.repeat(31)}`,
    `job_u00${'0'.repeat(28)}`,
    `job_q00${'0'.repeat(28)}`,
    `job_ull${'0'.repeat(28)}`,
    'x'.repeat(100_000),
  ])('is not a guess (%#)', (text) => {
    expect(shardOfId(RING, 'job', account, text)).toBeNull();
    expect(shardOfId(RING, 'job', '', text)).toBeNull();
  });

  it('outlives a new secret in front, and not the dropping of its own', () => {
    const id = mintId(ring('old'), 'job', shard, NOW);
    expect(shardOfId(ring('new', 'old'), 'job', account, id)).toEqual(shard);
    expect(shardOfId(ring('new', 'mid', 'old'), 'job', account, id)).toEqual(shard);
    expect(shardOfId(ring('new'), 'job', account, id)).toBeNull();
    const renewed = mintId(ring('new', 'old'), 'job', shard, NOW);
    expect(shardOfId(ring('new'), 'job', account, renewed)).toEqual(shard);
  });
});

it('what was not minted has no time', () => {
  for (const text of ['', 'job_x', 'job_01ARZ3NDEKTSV4RRFFQ69G5FAV']) expect(mintedAt(text)).toBeNaN();
});

describe('an object name', () => {
  it('of a shard leads back to it', () => {
    for (const region of REGIONS) {
      const place = { account, region, n: 3 };
      expect(shardName(place)).toBe(`${account}/${region}/3`);
      expect(parseShardName(shardName(place))).toEqual(place);
    }
  });

  it.each([
    '',
    '/',
    `${account}/weur`,
    `${account}/weur/`,
    `${account}/mars/0`,
    `${account}/weur/0/0`,
    `${account}/weur/x`,
    `${account}/weur/-1`,
    `${account}/weur/1000`,
    'acct_x/weur/0',
    `/${account}/weur/0`,
  ])('is none of a shard: %s', (name) => {
    expect(parseShardName(name)).toBeNull();
  });

  it('of a directory says its region', () => {
    expect(directoryName('oc')).toBe('directory/oc/0');
    expect(directoryName('oc', 2)).toBe('directory/oc/2');
  });
});
