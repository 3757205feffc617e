import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { serializeItem } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { fingerprint, parseIdempotencyKey } from '../../src/worker/idempotency.ts';

describe('Idempotency-Key', () => {
  it.each([null, undefined])('%s is no key, which is fine', (header) => {
    expect(parseIdempotencyKey(header)).toBeNull();
  });

  it.each([
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['a', 'a'],
    ['"a"', 'a'],
    ['  a  ', 'a'],
    ['  "a"  ', 'a'],
    ['" a "', ' a '],
    ['"a";version=1', 'a'],
    ['order 7', 'order 7'],
    ['order:7/try,1', 'order:7/try,1'],
    ['say "hi"', 'say "hi"'],
    ['"say \\"hi\\""', 'say "hi"'],
    ['"back\\\\slash"', 'back\\slash'],
    ['invalid', 'invalid'],
    ['null', 'null'],
    ['~'.repeat(255), '~'.repeat(255)],
    [`"${'~'.repeat(255)}"`, '~'.repeat(255)],
    [`"${'\\\\'.repeat(255)}"`, '\\'.repeat(255)],
  ])('%j is %j', (header, key) => {
    expect(parseIdempotencyKey(header)).toEqual({ key });
  });

  it.each([
    '',
    ' ',
    '\t',
    '""',
    '"',
    '"a',
    '"a"b',
    '"a", "b"',
    '"a" "b"',
    '"a\\nb"',
    '"a\\',
    'a\tb',
    'a\u0000b',
    'a\u007fb',
    'schlüssel',
    '"schlüssel"',
    'ключ',
    '🦊',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])('%j is refused', (header) => {
    expect(parseIdempotencyKey(header)).toBe('invalid');
  });

  it('reads back every key that a client quotes by the standard', () => {
    const printable = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
      minLength: 1,
      maxLength: 255,
    });
    fc.assert(
      fc.property(printable, (key) => {
        expect(parseIdempotencyKey(serializeItem(key))).toEqual({ key });
      }),
    );
  });
});

describe('fingerprint', () => {
  it('is the SHA-256 of the JSON with sorted members', async () => {
    const canonical = '{"a":[1,{"b":null,"c":true}],"z":"Füchse 🦊"}';
    const hash = createHash('sha256').update(canonical).digest('hex');
    expect(await fingerprint({ z: 'Füchse 🦊', a: [1, { c: true, b: null }] })).toBe(hash);
  });

  it('does not depend on the order of members, at any depth', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ depthSize: 'medium' }), async (value) => {
        const reversed = (part: unknown): unknown => {
          if (Array.isArray(part)) return part.map(reversed);
          if (typeof part !== 'object' || part === null) return part;
          return Object.fromEntries(
            Object.entries(part)
              .reverse()
              .map(([name, member]) => [name, reversed(member)]),
          );
        };
        expect(await fingerprint(reversed(value))).toBe(await fingerprint(value));
      }),
    );
  });

  it('takes an undefined member for an absent one', async () => {
    expect(await fingerprint({ a: 1, b: undefined })).toBe(await fingerprint({ a: 1 }));
  });

  it.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: null }, {}],
    [{ a: true }, { a: 'true' }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [{ a: { b: 1 } }, { 'a.b': 1 }],
    [{ a: 'x","b":"y' }, { a: 'x', b: 'y' }],
    [{ a: ['b', 'c'] }, { a: ['b,c'] }],
    ['\u00e9', 'e\u0301'],
  ])('%j differs from %j', async (one, other) => {
    expect(await fingerprint(one)).not.toBe(await fingerprint(other));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, Symbol('x'), () => 1, undefined])(
    'refuses %s, which would be lost in JSON',
    async (value) => {
      await expect(fingerprint([value])).rejects.toThrow(TypeError);
    },
  );
});
