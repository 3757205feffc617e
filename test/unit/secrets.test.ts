import { describe, expect, it } from 'vitest';
import { fromBase64Url, toBase64Url, utf8 } from '../../src/worker/bytes.ts';
import {
  currentEntry,
  decrypt,
  encrypt,
  equalBytes,
  mac,
  parseRing,
  readToken,
  ringEntry,
  signToken,
} from '../../src/worker/secrets.ts';

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);
const OLD = parseRing(`old:${A}`);
const BOTH = parseRing(`new:${B},old:${A}`);
const NEW = parseRing(`new:${B}`);

describe('base64url', () => {
  it.each([0, 1, 2, 3, 4, 32])('has one spelling of %i bytes', (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => 7 + 37 * i);
    const text = toBase64Url(bytes);
    expect(fromBase64Url(text)).toEqual(bytes);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const same = [...alphabet].filter((last) => {
      const read = fromBase64Url(text.slice(0, -1) + last);
      return read !== null && equalBytes(read, bytes);
    });
    expect(same).toEqual(length === 0 ? [] : [text.at(-1)]);
  });
});

describe('the ring', () => {
  it.each([
    [`k1:${A}`, [{ id: 'k1', secret: A }]],
    [
      ` k1:${A} , k2:${B} `,
      [
        { id: 'k1', secret: A },
        { id: 'k2', secret: B },
      ],
    ],
    [`,k1:${A},,`, [{ id: 'k1', secret: A }]],
    [`k1:${A}:with:colons`, [{ id: 'k1', secret: `${A}:with:colons` }]],
    [`12345678:${A}`, [{ id: '12345678', secret: A }]],
  ])('is read (%#)', (text, entries) => {
    expect(parseRing(text).entries).toEqual(entries);
  });

  it('signs with its first, and finds all', () => {
    expect(currentEntry(BOTH)).toEqual({ id: 'new', secret: B });
    expect(ringEntry(BOTH, 'old')).toEqual({ id: 'old', secret: A });
    for (const id of ['', 'mid', 'OLD']) expect(ringEntry(BOTH, id)).toBeNull();
  });

  it.each([
    ['', 'must hold at least one "id:secret"'],
    [' , ,', 'must hold at least one "id:secret"'],
    ['hunter2-and-more', 'entry 1 must be "id:secret" with an id of 1 to 8 characters a-z 0-9'],
    [`:${A}`, 'entry 1 must be "id:secret" with an id of 1 to 8 characters a-z 0-9'],
    [`K1:${A}`, 'entry 1 must be "id:secret" with an id of 1 to 8 characters a-z 0-9'],
    [`123456789:${A}`, 'entry 1 must be "id:secret" with an id of 1 to 8 characters a-z 0-9'],
    [`k1:${A},hunter2`, 'entry 2 must be "id:secret" with an id of 1 to 8 characters a-z 0-9'],
    [`k1:${A.slice(1)}`, 'the secret of entry 1 must have at least 32 characters'],
    [`k1:${A},hunter2:short`, 'the secret of entry 2 must have at least 32 characters'],
    [`k1:${A},k1:${B}`, 'must not hold the same id twice'],
  ])('says what is wrong, and repeats nothing of it (%#)', (text, message) => {
    expect(() => parseRing(text)).toThrow(new TypeError(message));
    expect(message).not.toMatch(/hunter2|aaaa|bbbb/);
  });
});

describe('a MAC', () => {
  it('is another for another purpose, secret, or message', async () => {
    const macs = await Promise.all([
      mac(currentEntry(OLD), 'job-id', 'm'),
      mac(currentEntry(OLD), 'api-key', 'm'),
      mac(currentEntry(NEW), 'job-id', 'm'),
      mac({ id: 'other', secret: A }, 'job-id', 'n'),
    ]);
    expect(new Set(macs.map(toBase64Url)).size).toBe(4);
    for (const bytes of macs) expect(bytes).toHaveLength(32);
    expect(mac(currentEntry(OLD), 'job-id', 'm')).toEqual(macs[0]);
  });

  it('is HMAC-SHA-256 under a key made by HKDF-SHA-256', async () => {
    const base = await crypto.subtle.importKey('raw', utf8(A), 'HKDF', false, ['deriveBits']);
    const info = utf8('firstframe/file');
    const bits = await crypto.subtle.deriveBits(
      { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info },
      base,
      256,
    );
    const key = await crypto.subtle.importKey('raw', bits, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    for (const message of ['message', '', 'a'.repeat(55), 'a'.repeat(64), 'ü'.repeat(200), 'message']) {
      const expected = new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(message)));
      expect(mac(currentEntry(OLD), 'file', message)).toEqual(expected);
    }
  });

  it('is compared byte by byte', () => {
    expect(equalBytes(utf8('abc'), utf8('abc'))).toBe(true);
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
    for (const other of ['', 'ab', 'abd', 'bbc', 'abcd'])
      expect(equalBytes(utf8('abc'), utf8(other))).toBe(false);
  });
});

describe('a token', () => {
  const claims = { k: 'up/a/b', e: 1_800_000_000_000, ü: '☃' };

  it('says what was signed', async () => {
    for (const value of [claims, [], 'text', 5, null]) {
      const token = await signToken(OLD, 'file', value);
      expect(token).toMatch(/^[\w-]+\.old\.[\w-]{43}$/);
      expect(await readToken(OLD, 'file', token)).toEqual(value);
    }
  });

  it('outlives a new secret in front, and not the dropping of its own', async () => {
    const token = await signToken(OLD, 'file', claims);
    expect(await readToken(BOTH, 'file', token)).toEqual(claims);
    expect(await readToken(NEW, 'file', token)).toBeNull();
    expect(await readToken(parseRing(`old:${B}`), 'file', token)).toBeNull();
    expect(await signToken(BOTH, 'file', claims)).toMatch(/\.new\./);
  });

  it('is of one purpose', async () => {
    const token = await signToken(OLD, 'file', claims);
    for (const purpose of ['upload', 'callback', 'api-key', 'job-id', 'webhook-secret'] as const) {
      expect(await readToken(OLD, purpose, token)).toBeNull();
    }
  });

  it('cannot be changed or made up', async () => {
    const token = await signToken(BOTH, 'file', claims);
    const [payload = '', id = '', signature = ''] = token.split('.');
    const forged = toBase64Url(utf8(JSON.stringify({ ...claims, e: 0 })));
    const wrong = [
      '',
      '.',
      '..',
      '...',
      payload,
      `${payload}.${id}`,
      `${token}.x`,
      `${forged}.${id}.${signature}`,
      `${payload}.old.${signature}`,
      `${payload}..${signature}`,
      `${payload}.${id}.`,
      `${payload}.${id}.${signature.slice(1)}`,
      `.${id}.${signature}`,
      `${payload}=.${id}.${signature}`,
      `${payload}.${id}.!`,
      '☃.new.☃',
    ];
    for (const text of wrong) expect(await readToken(BOTH, 'file', text), text).toBeNull();
  });
});

describe('a ciphertext', () => {
  const seal = (ring = OLD) => encrypt(ring, 'webhook-secret', 'whsec_☃', 'acct_1');

  it('is read again in its context', async () => {
    const sealed = await seal();
    expect(sealed).toMatch(/^old\.[\w-]+$/);
    expect(sealed).not.toContain('whsec');
    expect(await decrypt(OLD, 'webhook-secret', sealed, 'acct_1')).toBe('whsec_☃');
    expect(
      await encrypt(OLD, 'webhook-secret', '', 'c').then((text) => decrypt(OLD, 'webhook-secret', text, 'c')),
    ).toBe('');
  });

  it('is another each time', async () => {
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => seal()))).size).toBe(20);
  });

  it('outlives a new secret in front, and not the dropping of its own', async () => {
    const sealed = await seal();
    expect(await decrypt(BOTH, 'webhook-secret', sealed, 'acct_1')).toBe('whsec_☃');
    expect(await decrypt(NEW, 'webhook-secret', sealed, 'acct_1')).toBeNull();
    expect(await decrypt(parseRing(`old:${B}`), 'webhook-secret', sealed, 'acct_1')).toBeNull();
    expect(await seal(BOTH)).toMatch(/^new\./);
  });

  it('is of one context and one purpose', async () => {
    const sealed = await seal();
    expect(await decrypt(OLD, 'webhook-secret', sealed, 'acct_2')).toBeNull();
    expect(await decrypt(OLD, 'upload', sealed, 'acct_1')).toBeNull();
  });

  it('cannot be changed in any byte, or made up', async () => {
    const sealed = await seal();
    const bytes = Uint8Array.from(atob(sealed.slice(4).replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await decrypt(OLD, 'webhook-secret', `old.${toBase64Url(changed)}`, 'acct_1')).toBeNull();
    }
    for (const text of [
      '',
      'old',
      'old.',
      '.',
      sealed.slice(4),
      `new.${sealed.slice(4)}`,
      sealed.slice(0, 15),
      `${sealed}!`,
    ]) {
      expect(await decrypt(OLD, 'webhook-secret', text, 'acct_1'), text).toBeNull();
    }
  });
});
