import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupsOf } from '../../src/worker/links/tus/merge.ts';
import { soakOr } from '../support/soak.ts';

const MIB = 1_048_576;

/** What pieces of these sizes end as, each a request of its own, and what it took. */
function arrive(pieces: readonly number[], limit = MIB) {
  const sizes: number[] = [];
  let written = 0;
  let reads = 0;
  let most = 0;
  const note = (...objects: number[]) => {
    sizes.push(...objects);
    written += objects.reduce((sum, size) => sum + size);
    most = Math.max(most, sizes.length);
  };
  for (const piece of pieces) {
    // What fills a part is put as it comes in; only what is left over may join what was there.
    let rest = piece;
    for (; rest >= limit; rest -= limit) note(limit);
    if (rest === 0) continue;
    const groups = groupsOf(sizes, rest, limit);
    const from = sizes.length + 1 - groups.reduce((sum, count) => sum + count);
    const all = [...sizes.splice(from), rest];
    reads += all.length - 1;
    note(...groups.map((count) => all.splice(0, count).reduce((sum, size) => sum + size)));
    expect(all).toEqual([]);
  }
  const total = pieces.reduce((sum, piece) => sum + piece, 0);
  return { sizes, total, most, copies: written / total, reads: reads / pieces.length };
}

/** 1 MiB less one byte in pieces that fall from class to class, so that none joins another. */
const FALLING = Array.from({ length: 20 }, (_, n) => 2 ** (19 - n));

/** As many of the pieces as make `limit` bytes. */
function upTo(limit: number, pieces: readonly number[]): number[] {
  let left = limit;
  return pieces.filter((piece) => {
    left -= piece;
    return left >= 0;
  });
}

describe('parts of a resumable upload', () => {
  it.each([
    { sizes: [], piece: 1, groups: [1] },
    { sizes: [1, 1, 1, 1, 1, 1, 1], piece: 1, groups: [1] },
    { sizes: [1, 1, 1, 1, 1, 1, 1, 1], piece: 1, groups: [9] },
    // What came before is bigger than all that follows, and stays.
    { sizes: [99, 1, 1, 1, 1, 1, 1, 1, 1], piece: 1, groups: [9] },
    { sizes: [9, 1, 1, 1, 1, 1, 1, 1, 1], piece: 1, groups: [10] },
    { sizes: [8, 1, 8, 1, 8, 1, 8, 1], piece: 1, groups: [1] },
    // Together they are a full part, however few they are.
    { sizes: [500, 300], piece: 400, groups: [2] },
    { sizes: [600], piece: 600, groups: [1] },
    { sizes: [1_000], piece: 1_000, groups: [1] },
    // Smaller than what came before, but not by half.
    { sizes: [15, 14, 13, 12, 11, 10, 9, 8], piece: 8, groups: [9] },
  ])('$sizes and $piece: $groups', ({ sizes, piece, groups }) => {
    expect(groupsOf(sizes, piece, 1_000)).toEqual(groups);
  });

  it('that wait between full parts are joined where they are, when they are very many', () => {
    const falling = [256, 128, 64, 32, 16, 8, 4, 2, 1, 1_000];
    const sizes = Array.from({ length: 8 }, () => falling).flat();
    expect(groupsOf(sizes, 7, 1_000)).toEqual([...new Array(8).fill([9, 1]).flat(), 1]);
    expect(groupsOf(sizes.slice(20), 7, 1_000)).toEqual([1]);
    // What is there already in full stays as it is.
    expect(groupsOf([1_000, 1_000, ...sizes], 7, 1_000)).toEqual([...new Array(8).fill([9, 1]).flat(), 1]);
  });

  it('of 2,000 bytes that come alone are few, and cost two reads each', () => {
    const { sizes, total, most, copies, reads } = arrive(new Array(2_000).fill(1));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(total);
    expect(most).toBeLessThan(24);
    expect(copies).toBeLessThan(11);
    expect(reads).toBeLessThan(2);
  });

  it('of 20 MiB in pieces of 10 kB are few', () => {
    const { most, copies } = arrive(new Array(2_098).fill(10_000));
    expect(most).toBeLessThan(50);
    expect(copies).toBeLessThan(8);
  });

  it('of pieces that are each a little smaller than the one before are few', () => {
    const { most, copies } = arrive(Array.from({ length: 700 }, (_, n) => 700 - n));
    expect(most).toBeLessThan(30);
    expect(copies).toBeLessThan(8);
  });

  it('are few also where full parts follow those that wait for more', () => {
    const { most, copies } = arrive(Array.from({ length: 10 }, () => [...FALLING, MIB]).flat());
    expect(most).toBeLessThan(100);
    expect(copies).toBeLessThan(3);
  });

  it('are few, and each byte is written a few times, whatever comes', () => {
    const piece = fc.oneof(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 1, max: MIB }),
      fc.constant(MIB),
      // Just more or less than half of a part.
      fc.integer({ min: MIB / 2 - 2, max: MIB / 2 + 2 }),
    );
    // Runs of like pieces, long and short: the orders that a rule by size could fail on.
    const same = fc
      .tuple(piece, fc.integer({ min: 1, max: 40 }))
      .map(([size, count]) => new Array<number>(count).fill(size));
    // And runs that fall, by a little each or to a share each, perhaps before a full part.
    const falling = fc
      .tuple(piece, fc.oneof(fc.double({ min: 0.3, max: 1, noNaN: true }), fc.constant(0.5)), fc.boolean())
      .map(([first, share, full]) => {
        const sizes = [];
        for (let size = first; size >= 1 && sizes.length < 100; size = Math.floor(size * share) || size - 1) {
          sizes.push(size);
        }
        return full ? [...sizes, MIB] : sizes;
      });
    fc.assert(
      fc.property(fc.array(fc.oneof(same, falling), { minLength: 1, maxLength: 60 }), (runs) => {
        const pieces = upTo(20 * MIB, runs.flat());
        const { sizes, total, most, copies } = arrive(pieces);
        expect(sizes.reduce((sum, size) => sum + size)).toBe(total);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(MIB);
        expect(most).toBeLessThan(100);
        // As often as a size of up to 2^20 can double, and a few times more.
        expect(copies).toBeLessThan(24);
      }),
      { numRuns: soakOr(20_000, 1_000) },
    );
  });
});
