import { describe, expect, it } from 'vitest';
import { fromBase64Url } from '../../src/worker/bytes.ts';
import { homeShard, mintAccountId, mintId } from '../../src/worker/ids.ts';
import { type LinkClaims, linkUrl, readLinkToken } from '../../src/worker/links/token.ts';
import { IMAGE_TYPES } from '../../src/worker/media/contract.ts';
import { REGIONS } from '../../src/worker/region.ts';
import { encrypt, parseRing, signToken } from '../../src/worker/secrets.ts';

const NOW = 1_800_000_000_000;
const PUBLIC_URL = 'https://video.example.com';
const OLD = 'old:ffffffffffffffffffffffffffffffff';
const NEW = 'new:00000000000000000000000000000000';
const config = (ring = OLD, publicUrl = PUBLIC_URL) => ({
  PUBLIC_URL: publicUrl,
  SIGNING_SECRETS: parseRing(ring),
});

const account = mintAccountId('weur');
const uploadId = mintId(config().SIGNING_SECRETS, 'up', homeShard(account), NOW);
const claims: LinkClaims = {
  account,
  uploadId,
  expiresAt: NOW + 1_800_000,
  maxBytes: 20_971_520,
  types: [...IMAGE_TYPES],
};

/** The token of a link's address. */
async function tokenOf(some: LinkClaims = claims, ring = OLD): Promise<string> {
  return (await linkUrl(config(ring), some)).slice(`${PUBLIC_URL}/u/`.length);
}

describe('the address of a link', () => {
  it('says all that is needed to refuse', async () => {
    const url = await linkUrl(config(), claims);
    expect(url).toMatch(/^https:\/\/video\.example\.com\/u\/old\.[A-Za-z0-9_-]+$/);
    expect(await readLinkToken(config(), await tokenOf())).toEqual(claims);
  });

  it('says it for every region, every set of types and every limit', async () => {
    for (const region of REGIONS) {
      const one = mintAccountId(region);
      const id = mintId(config().SIGNING_SECRETS, 'up', homeShard(one), NOW);
      const some = { ...claims, account: one, uploadId: id };
      expect(await readLinkToken(config(), await tokenOf(some))).toEqual(some);
    }
    for (let bits = 1; bits < 1 << IMAGE_TYPES.length; bits++) {
      const some = { ...claims, types: IMAGE_TYPES.filter((_, index) => bits & (1 << index)) };
      expect(await readLinkToken(config(), await tokenOf(some))).toEqual(some);
    }
    for (const maxBytes of [1, 35, 36, 20_971_520, 100 * 1_048_576, 5 * 1_024 ** 4]) {
      expect(await readLinkToken(config(), await tokenOf({ ...claims, maxBytes }))).toMatchObject({
        maxBytes,
      });
    }
  });

  it('is read also when it has expired: who reads it decides', async () => {
    const old = { ...claims, expiresAt: 1_000 };
    expect(await readLinkToken(config(), await tokenOf(old))).toEqual(old);
  });

  it('has at most 256 characters under a PUBLIC_URL of 100, with the longest of everything', async () => {
    const publicUrl = `https://${'a'.repeat(60)}.${'b'.repeat(27)}.com`;
    expect(publicUrl).toHaveLength(100);
    const longest = {
      ...claims,
      // The year 9999, and more bytes than an object of R2 can have.
      expiresAt: 253_402_300_799_000,
      maxBytes: 36 ** 9 - 1,
    };
    const ring = `longring:${'f'.repeat(32)}`;
    const url = await linkUrl(config(ring, publicUrl), longest);
    expect(url.length).toBeLessThanOrEqual(256);
    const token = url.slice(`${publicUrl}/u/`.length);
    expect(await readLinkToken(config(ring, publicUrl), token)).toEqual(longest);
  });

  it('tells nothing of account, upload or place, and differs each time', async () => {
    const [one, other] = [await tokenOf(), await tokenOf()];
    expect(one).not.toBe(other);
    for (const token of [one, other]) {
      const bytes = fromBase64Url(token.slice(token.indexOf('.') + 1)) ?? new Uint8Array();
      expect(bytes.length).toBeGreaterThan(60);
      const readable = `${token} ${new TextDecoder('latin1').decode(bytes)}`;
      expect(readable).not.toContain('acct_');
      // Six characters in a row of an id are met by chance once in some ten million tokens.
      for (const secret of [account.slice(5), uploadId.slice(3), 'firstframe']) {
        for (let at = 0; at + 6 <= secret.length; at++)
          expect(readable).not.toContain(secret.slice(at, at + 6));
      }
    }
  });
});

describe('a token that is none of ours', () => {
  it('is any with a character changed, left out or added', async () => {
    const token = await tokenOf();
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(await readLinkToken(config(), token.slice(0, at) + other + token.slice(at + 1))).toBeNull();
      expect(await readLinkToken(config(), token.slice(0, at) + token.slice(at + 1))).toBeNull();
      expect(await readLinkToken(config(), `${token.slice(0, at)}A${token.slice(at)}`)).toBeNull();
    }
  });

  it.each(['', '.', '..', 'old', 'old.', 'old.A', 'old.AAAA', '.AAAA', 'a.b.c', 'x'.repeat(10_000)])(
    'is %j',
    async (text) => {
      expect(await readLinkToken(config(), text)).toBeNull();
    },
  );

  it('is one in another spelling', async () => {
    const token = await tokenOf();
    for (const text of [
      `${token}=`,
      `${token} `,
      ` ${token}`,
      token.toUpperCase(),
      `${token}.`,
      `/${token}`,
    ]) {
      expect(await readLinkToken(config(), text)).toBeNull();
    }
  });

  it('is one of another secret under the same name', async () => {
    const forged = await tokenOf(claims, `old:${'e'.repeat(32)}`);
    expect(await readLinkToken(config(), forged)).toBeNull();
  });

  it('is one made for another use, whatever it says', async () => {
    const ring = config().SIGNING_SECRETS;
    const plain = `${account.slice(5)}${uploadId.slice(3)}.abc.abc.v`;
    const token = await encrypt(ring, 'upload', plain, 'upload-link/1');
    expect(await readLinkToken(config(), token)).not.toBeNull();
    expect(await readLinkToken(config(), await encrypt(ring, 'upload', plain, 'upload-link/2'))).toBeNull();
    expect(await readLinkToken(config(), await encrypt(ring, 'upload', plain, ''))).toBeNull();
    expect(
      await readLinkToken(config(), await encrypt(ring, 'webhook-secret', plain, 'upload-link/1')),
    ).toBeNull();
    expect(await readLinkToken(config(), await signToken(ring, 'upload', claims))).toBeNull();
    expect(await readLinkToken(config(), await signToken(ring, 'file', claims))).toBeNull();
  });

  it.each([
    ['nothing', ''],
    ['an id that is too short', `${account.slice(5)}${uploadId.slice(3, -1)}.a.a.v`],
    ['no types', `${account.slice(5)}${uploadId.slice(3)}.a.a.`],
    ['no account', `${uploadId.slice(3)}.a.a.v`],
    ['a number that is none', `${account.slice(5)}${uploadId.slice(3)}.-a.a.v`],
    ['more than it should', `${account.slice(5)}${uploadId.slice(3)}.a.a.v.a`],
  ])('is one that says %s', async (_, plain) => {
    const token = await encrypt(config().SIGNING_SECRETS, 'upload', plain, 'upload-link/1');
    expect(await readLinkToken(config(), token)).toBeNull();
  });
});

describe('the ring', () => {
  it('may turn: a link outlives a new secret, and not the dropping of its own', async () => {
    const token = await tokenOf();
    expect(await readLinkToken(config(`${NEW},${OLD}`), token)).toEqual(claims);
    expect(await readLinkToken(config(NEW), token)).toBeNull();
    expect(await tokenOf(claims, `${NEW},${OLD}`)).toMatch(/^new\./);
  });
});
