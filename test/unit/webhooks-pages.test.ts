/** An account's deliveries over several shards as one list: whatever the pages, nothing twice and nothing missing. */

import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { base32OfNumber } from '../../src/worker/bytes.ts';
import { shardPrefix } from '../../src/worker/webhooks/ids.ts';
import {
  byNewest,
  endBefore,
  fitting,
  type Listed,
  mergePages,
  PAGE_CHARS,
  type Page,
} from '../../src/worker/webhooks/pages.ts';
import { soakOr } from '../support/soak.ts';

// Run again with SEED=<what was printed> to see the same lists.
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = soakOr(20_000, 1_000);

const WEUR = shardPrefix({ region: 'weur', n: 0 });
const WEUR_1 = shardPrefix({ region: 'weur', n: 1 });
const APAC = shardPrefix({ region: 'apac', n: 0 });

/** The id of a delivery minted `at`; `tail` tells those of one millisecond apart. */
function idOf(prefix: string, at: number, tail: number): string {
  return `${prefix}${base32OfNumber(at, 9)}${base32OfNumber(tail, 19)}zw`;
}

const listed = (deliveryId: string, chars = 0): Listed => ({
  deliveryId,
  attempts: chars === 0 ? [] : [{ response: null }, { response: 'x'.repeat(chars) }],
});

const page = (next: string | null, ...ids: string[]): Page<Listed> => ({
  deliveries: ids.map((id) => listed(id)),
  next,
});

describe('the order of a list', () => {
  it('is by time, and by the text of the ids within a millisecond', () => {
    const ids = [
      idOf(WEUR, 9, 0),
      idOf(WEUR_1, 8, 1),
      idOf(WEUR, 8, 7),
      idOf(WEUR, 8, 1),
      idOf(APAC, 8, 9),
      idOf(WEUR, 7, 5),
    ];
    expect(ids.toReversed().toSorted(byNewest)).toEqual(ids);
  });

  it.each<[string, string, string, string]>([
    ['the same shard', WEUR, idOf(WEUR, 8, 5), idOf(WEUR, 8, 5)],
    ['a shard that comes after this one', WEUR_1, idOf(WEUR, 8, 5), `${WEUR_1}${base32OfNumber(8, 9)}`],
    ['a shard that comes before this one', WEUR, idOf(WEUR_1, 8, 5), `${WEUR}${base32OfNumber(8, 9)}~`],
  ])('goes on behind a delivery of %s', (_, prefix, after, end) => {
    expect(endBefore(prefix, after)).toBe(end);
  });

  it('begins with everything', () => {
    expect(endBefore(WEUR, undefined)).toBe(`${WEUR}~`);
  });
});

describe('one page of several', () => {
  const [a9, a5, a3] = [idOf(APAC, 9, 0), idOf(APAC, 5, 0), idOf(APAC, 3, 0)];
  const [w8, w6, w4] = [idOf(WEUR, 8, 0), idOf(WEUR, 6, 0), idOf(WEUR, 4, 0)];

  it.each<[string, Page<Listed>[], number, string[], string | null]>([
    ['of no shard is empty', [], 3, [], null],
    ['of empty ones is empty', [page(null), page(null)], 3, [], null],
    ['of whole ones is whole', [page(null, a9, a5), page(null, w8)], 3, [a9, w8, a5], null],
    ['is cut at its limit', [page(null, a9, a5), page(null, w8, w6)], 3, [a9, w8, w6], w6],
    ['goes as far as the shard that stopped first', [page(a9, a9), page(w4, w8, w6, w4)], 9, [a9], a9],
    ['keeps what lies before the stop', [page(null, a9, a5, a3), page(w6, w8)], 9, [a9, w8], w6],
    ['may be empty, and goes on', [page(a5), page(null, w4)], 9, [], a5],
    ['that ends where a shard stopped goes on there', [page(a5, a9, a5), page(null, w4)], 2, [a9, a5], a5],
  ])('%s', (_, pages, limit, ids, next) => {
    const merged = mergePages(pages, limit);
    expect(merged.deliveries.map(({ deliveryId }) => deliveryId)).toEqual(ids);
    expect(merged.next).toBe(next);
  });

  it('ends with the delivery that makes it too long, and has one at least', () => {
    const long = [listed(a9, PAGE_CHARS - 1), listed(a5, 1), listed(a3)];
    expect(mergePages([{ deliveries: long, next: null }], 9)).toEqual({
      deliveries: long.slice(0, 2),
      next: a5,
    });
    expect(fitting([3 * PAGE_CHARS, 1], 9, (size) => size)).toEqual([3 * PAGE_CHARS]);
  });
});

/** A shard as it answers: at most `limit` deliveries, and no more than it will look at. */
function pageOf(
  prefix: string,
  ids: readonly string[],
  after: string | undefined,
  limit: number,
  looks: number,
) {
  const rest = ids
    .filter((id) => id < endBefore(prefix, after))
    .toSorted()
    .toReversed();
  const looked = rest.slice(0, looks);
  const matching = looked.filter((id) => matches(id));
  const deliveries = matching.slice(0, limit).map((id) => listed(id));
  const last = matching.length >= limit ? deliveries.at(-1)?.deliveryId : looked.at(-1);
  return { deliveries, next: last !== undefined && last !== rest.at(-1) ? last : null };
}

/** What the list is narrowed to: about half. */
const matches = (id: string): boolean => '135'.includes(id.at(-3) as string);

const minted = fc.record({ at: fc.nat({ max: 6 }), tail: fc.nat({ max: 5 }) });

test(`pages over several shards are the whole list, in order (SEED=${seed})`, async () => {
  const shards = fc.array(
    fc.uniqueArray(minted, { selector: ({ at, tail }) => `${at} ${tail}`, maxLength: 25 }),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  await fc.assert(
    fc.property(
      shards,
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 1, max: 5 })),
      (all, limit, looks) => {
        const prefixes = [WEUR, APAC, WEUR_1];
        const rows = all.map((mints, n) =>
          mints.map(({ at, tail }) => idOf(prefixes[n] as string, at, tail)),
        );
        const whole = rows.flat().filter(matches).toSorted(byNewest);
        const seen: string[] = [];
        let after: string | undefined;
        for (let pages = 0; ; pages++) {
          // Every page looks at one more row at least.
          expect(pages).toBeLessThanOrEqual(rows.flat().length);
          const answers = rows.map((ids, n) =>
            pageOf(prefixes[n] as string, ids, after, limit, looks[(pages + n) % looks.length] ?? 100),
          );
          const merged = mergePages(answers, limit);
          expect(merged.deliveries.length).toBeLessThanOrEqual(limit);
          seen.push(...merged.deliveries.map(({ deliveryId }) => deliveryId));
          if (merged.next === null) break;
          after = merged.next;
        }
        expect(seen).toEqual(whole);
      },
    ),
    { seed, numRuns: RUNS },
  );
});
