/** fal's prices, whose answer's shape is not promised, beside ours. */

import { expect, test } from 'vitest';
import { compare, upstreamPrice } from '../../src/cli/commands/prices.ts';

const ENDPOINT = 'fal-ai/ltx-2.3/image-to-video/fast';
const entry = { endpoint_id: ENDPOINT, unit_price: 0.06, unit: 'seconds', currency: 'USD' };
const model = { defaultPrices: { '1080p': 48_000, '1440p': 96_000 } };

test.each([
  ['a page', { prices: [{ endpoint_id: 'other', unit_price: 1, unit: 'images' }, entry], next_cursor: null }],
  ['a list', [entry]],
  ['the entry alone', entry],
  ['a price in text', { data: [{ ...entry, unit_price: '0.06' }] }],
])('the price is found in %s', (_name, answer) => {
  expect(upstreamPrice(answer, ENDPOINT)).toEqual({ unitPrice: 0.06, unit: 'seconds' });
});

test.each([
  [null],
  ['text'],
  [{}],
  [{ prices: [] }],
  [{ prices: [{ endpoint_id: ENDPOINT }] }],
  [[{ ...entry, unit_price: -1 }]],
])('no price is found in %j', (answer) => {
  expect(upstreamPrice(answer, ENDPOINT)).toBeNull();
});

test.each([
  ['seconds', 0.06, true],
  ['second', 0.048, false],
  ['per second', 0.04, false],
])('by the %s at $%d: below cost is %s', (unit, unitPrice, belowCost) => {
  expect(compare(model, undefined, { unit, unitPrice })).toMatchObject({
    kind: 'compared',
    ours: 0.048,
    belowCost,
  });
});

test('configured prices win over those of the catalogue', () => {
  const upstream = { unit: 'seconds', unitPrice: 0.06 };
  expect(compare(model, { '1080p': 70_000 }, upstream)).toMatchObject({ ours: 0.07, belowCost: false });
});

test('another unit and no price at all are said, not guessed at', () => {
  expect(compare(model, undefined, { unit: 'megapixels', unitPrice: 1 })).toMatchObject({
    kind: 'other_unit',
  });
  expect(compare(model, undefined, null)).toEqual({ kind: 'unknown' });
});
