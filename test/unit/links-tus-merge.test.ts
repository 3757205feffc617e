import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partsToJoin } from '../../src/worker/links/tus-merge.ts';
import { soakOr } from '../support/soak.ts';

const MIB = 1_048_576;

/** The parts that pieces of these sizes end as, how often each byte was written on average, and most parts at any time. */
function arrive(pieces: readonly number[], limit = MIB) {
  const sizes: number[] = [];
  let written = 0;
  let reads = 0;
  let most = 0;
  for (const piece of pieces) {
    const joined = partsToJoin(sizes, piece, limit);
    const object = sizes.splice(sizes.length - joined).reduce((sum, size) => sum + size, piece);
    sizes.push(object);
    written += object;
    reads += joined;
    most = Math.max(most, sizes.length);
  }
  const total = pieces.reduce((sum, piece) => sum + piece, 0);
  return { sizes, total, most, copies: written / total, reads: reads / pieces.length };
}

describe('parts of a resumable upload', () => {
  it.each([
    { sizes: [], piece: 1, joined: 0 },
    { sizes: [1, 1, 1, 1, 1, 1, 1], piece: 1, joined: 0 },
    { sizes: [1, 1, 1, 1, 1, 1, 1, 1], piece: 1, joined: 8 },
    // What came before is bigger than all that follows, and stays.
    { sizes: [99, 1, 1, 1, 1, 1, 1, 1, 1], piece: 1, joined: 8 },
    { sizes: [9, 1, 1, 1, 1, 1, 1, 1, 1], piece: 1, joined: 9 },
    { sizes: [8, 1, 8, 1, 8, 1, 8, 1], piece: 1, joined: 0 },
    // Together they are a full part, however few they are.
    { sizes: [500, 300], piece: 400, joined: 1 },
    { sizes: [600], piece: 600, joined: 0 },
    { sizes: [1_000], piece: 1_000, joined: 0 },
  ])('$sizes and $piece: $joined join', ({ sizes, piece, joined }) => {
    expect(partsToJoin(sizes, piece, 1_000)).toBe(joined);
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
    const run = fc.tuple(piece, fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 60 }), (runs) => {
        const pieces = runs.flatMap(([size, count]) => new Array<number>(count).fill(size));
        const { sizes, total, most, copies } = arrive(pieces);
        expect(sizes.reduce((sum, size) => sum + size)).toBe(total);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(MIB);
        expect(most).toBeLessThanOrEqual((2 * total) / MIB + 80);
        expect(copies).toBeLessThan(21);
      }),
      { numRuns: soakOr(20_000, 1_000) },
    );
  });
});
