import { expect, test } from 'vitest';
import { mintKey, mintKeyId, parseKey } from '../../src/worker/accounts/keys.ts';
import { sha256Hex, utf8 } from '../../src/worker/bytes.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { parseRing } from '../../src/worker/secrets.ts';

const OLD = 'a:0123456789abcdef0123456789abcdef';
const NEW = 'bb2:fedcba9876543210fedcba9876543210';
const ring = parseRing(OLD);
const account = mintAccountId('weur');

test('a key tells its account, and the hash is of the whole key', async () => {
  const { key, hash, ringId } = await mintKey(ring, account);
  expect(key).toMatch(/^ff_live_[0-9a-z]{14}[0-9A-Za-z]{32}[0-9a-z]{12}a$/);
  expect(key).toContain(account.slice('acct_'.length));
  expect(hash).toBe(await sha256Hex(utf8(key)));
  expect(ringId).toBe('a');
  expect(await parseKey(ring, key)).toEqual({ account, keyHash: hash });
});

test('two keys of an account differ', async () => {
  const keys = await Promise.all(Array.from({ length: 50 }, () => mintKey(ring, account)));
  expect(new Set(keys.map(({ key }) => key)).size).toBe(50);
  expect(mintKeyId()).not.toBe(mintKeyId());
});

test('a key with any one character changed is refused', async () => {
  const { key } = await mintKey(ring, account);
  for (let i = 0; i < key.length; i++) {
    const forged = `${key.slice(0, i)}${key[i] === 'w' ? 'e' : 'w'}${key.slice(i + 1)}`;
    expect(await parseKey(ring, forged), forged).toBeNull();
  }
});

test('a key cut off, grown or put in other words is refused', async () => {
  const { key } = await mintKey(ring, account);
  const others = [
    '',
    'ff_live_',
    key.slice(0, -1),
    `${key}a`,
    ` ${key}`,
    `${key}\n`,
    key.toUpperCase(),
    'x'.repeat(100_000),
  ];
  for (const other of others) expect(await parseKey(ring, other)).toBeNull();
});

test('a key of one account is none of another', async () => {
  const { key } = await mintKey(ring, account);
  const stolen = key.replace(account.slice('acct_'.length), mintAccountId('enam').slice('acct_'.length));
  expect(await parseKey(ring, stolen)).toBeNull();
});

test('a key made for another ring with the same ids is refused', async () => {
  const { key } = await mintKey(parseRing('a:ffffffffffffffffffffffffffffffff'), account);
  expect(await parseKey(ring, key)).toBeNull();
});

test('a key lives as long as its secret is in the ring', async () => {
  const { key } = await mintKey(ring, account);
  const renewed = parseRing(`${NEW},${OLD}`);
  expect(await parseKey(renewed, key)).toMatchObject({ account });
  expect((await mintKey(renewed, account)).ringId).toBe('bb2');
  expect(await parseKey(parseRing(NEW), key)).toBeNull();
});

test('no key is made for what is no account', async () => {
  await expect(mintKey(ring, 'acct_nonsense')).rejects.toThrow('not an account id');
});
