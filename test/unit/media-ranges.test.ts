import { describe, expect, it } from 'vitest';
import { bytesOf, isNotModified, parseRange, rangeApplies } from '../../src/worker/media/ranges.ts';

describe('Range', () => {
  it.each([
    ['bytes=0-', { kind: 'from', first: 0 }],
    ['bytes=0-0', { kind: 'from', first: 0, last: 0 }],
    ['bytes=5-9', { kind: 'from', first: 5, last: 9 }],
    ['BYTES=5-9', { kind: 'from', first: 5, last: 9 }],
    ['bytes=-5', { kind: 'suffix', length: 5 }],
    ['bytes=-0', { kind: 'suffix', length: 0 }],
    // All below: the header is not for us, or nonsense, and the whole file is the answer.
    [null, null],
    ['', null],
    ['bytes=', null],
    ['bytes=-', null],
    ['bytes=9-5', null],
    ['bytes=a-b', null],
    ['bytes=0-1,3-4', null],
    ['items=0-1', null],
    ['bytes=1', null],
    ['bytes=+1-2', null],
    ['bytes=0x1-2', null],
  ])('%s', (header, expected) => {
    expect(parseRange(header)).toEqual(expected);
  });

  it.each([
    ['bytes=0-', 10, { first: 0, last: 9 }],
    ['bytes=9-', 10, { first: 9, last: 9 }],
    ['bytes=2-4', 10, { first: 2, last: 4 }],
    ['bytes=2-4000', 10, { first: 2, last: 9 }],
    ['bytes=0-99999999999999999999999', 10, { first: 0, last: 9 }],
    ['bytes=-3', 10, { first: 7, last: 9 }],
    ['bytes=-3000', 10, { first: 0, last: 9 }],
    ['bytes=10-', 10, null],
    ['bytes=10-20', 10, null],
    ['bytes=-0', 10, null],
    ['bytes=0-', 0, null],
    ['bytes=-1', 0, null],
  ])('%s of %i bytes', (header, size, expected) => {
    const range = parseRange(header);
    expect(range && bytesOf(range, size)).toEqual(expected);
  });
});

it.each([
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['"b",W/"a"', true],
  ['*', true],
  [' * ', true],
  ['"b"', false],
  ['a', false],
  ['""', false],
  ['', false],
  [null, false],
])('If-None-Match: %s', (header, expected) => {
  expect(isNotModified(header, '"a"')).toBe(expected);
});

it.each([
  [null, true],
  ['"a"', true],
  ['W/"a"', false],
  ['"b"', false],
  ['Sun, 22 Nov 2026 10:00:00 GMT', false],
])('If-Range: %s', (header, expected) => {
  expect(rangeApplies(header, '"a"')).toBe(expected);
});
