import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildKernel, KERNEL_FILE } from '../../../src/engine/kernel/build.ts';
import { type Axis, Kernel, MAX_STEP, type Plane } from '../../../src/engine/kernel/kernel.ts';

/** The kernel's rounding of a blend by 128ths. */
const mix = (a: number, b: number, weight: number): number => a + (((b - a) * weight + 64) >> 7);

/** Where an output sample lies: the source sample before it, the one after, and the weight of the latter. */
function place(axis: Axis, index: number, limit: number): [number, number, number] {
  const last = (limit - 1) * 128;
  const position = Math.floor((axis.origin + index * axis.step) * 128 + 0.5);
  const mirrored = position < 0 ? -position : position > last ? 2 * last - position : position;
  const clamped = Math.max(0, Math.min(mirrored, last));
  return [clamped >> 7, Math.min((clamped >> 7) + 1, limit - 1), clamped & 127];
}

/** The reference: the same arithmetic, one sample at a time. */
function sampleSlowly(source: Uint8Array, from: Plane, to: Plane, x: Axis, y: Axis): Uint8Array {
  const result = new Uint8Array(to.width * to.height);
  const at = (row: number, column: number): number => source[row * from.width + column] ?? Number.NaN;
  for (let row = 0; row < to.height; row++) {
    const [top, bottom, down] = place(y, row, from.height);
    for (let column = 0; column < to.width; column++) {
      const [left, right, across] = place(x, column, from.width);
      const before = mix(at(top, left), at(bottom, left), down);
      const after = mix(at(top, right), at(bottom, right), down);
      result[row * to.width + column] = mix(before, after, across);
    }
  }
  return result;
}

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

describe('the kernel', () => {
  // The compiler takes two seconds, and far more on a machine that does other work.
  test('is what its source compiles to', { timeout: 60_000 }, async () => {
    expect(Buffer.from(await buildKernel()).equals(await readFile(KERNEL_FILE))).toBe(true);
  });

  test('samples as the reference does, on any plane, anywhere, at any step', () => {
    const axis = fc.record({
      origin: fc.double({ min: -20, max: 60, noNaN: true }),
      step: fc.double({ min: 0, max: MAX_STEP, noNaN: true }),
    });
    const shapes = fc.record({
      source: fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 })),
      target: fc.tuple(fc.integer({ min: 8, max: 45 }), fc.integer({ min: 1, max: 9 })),
    });
    fc.assert(
      fc.property(shapes, axis, axis, fc.infiniteStream(fc.nat(255)), (shape, x, y, stream) => {
        const kernel = new Kernel();
        const plane = ([width, height]: [number, number]): Plane => ({
          address: kernel.allocate(width * height),
          width,
          height,
        });
        const [source, target] = [plane(shape.source), plane(shape.target)];
        kernel.prepare(target.width, source.width);
        const guard = kernel.allocate(64);
        const samples = Uint8Array.from(stream.take(source.width * source.height));
        kernel.view(source.address, samples.length).set(samples);
        kernel.sample(source, target, x, y);
        expect(Buffer.from(kernel.view(target.address, target.width * target.height))).toEqual(
          Buffer.from(sampleSlowly(samples, source, target, x, y)),
        );
        expect(kernel.view(guard, 64).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('a step of one from the first sample copies', () => {
    const kernel = new Kernel();
    const source: Plane = { address: kernel.allocate(640), width: 32, height: 20 };
    const target: Plane = { address: kernel.allocate(640), width: 32, height: 20 };
    kernel.prepare(32, 32);
    const samples = Uint8Array.from({ length: 640 }, (_, index) => (index * 37) & 255);
    kernel.view(source.address, 640).set(samples);
    kernel.sample(source, target, { origin: 0, step: 1 }, { origin: 0, step: 1 });
    expect(Buffer.from(kernel.view(target.address, 640)).equals(Buffer.from(samples))).toBe(true);
  });

  test('refuses a step that it cannot take', () => {
    const kernel = new Kernel();
    const plane: Plane = { address: kernel.allocate(640), width: 32, height: 20 };
    kernel.prepare(32, 32);
    for (const step of [2.001, Number.NaN]) {
      expect(() => kernel.sample(plane, plane, { origin: 0, step }, { origin: 0, step: 1 })).toThrow(
        RangeError,
      );
    }
  });

  test('dissolves as the reference does', () => {
    const wipes = fc.record({
      shift: fc.constantFrom(2, 3, 4),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(bytes(48), bytes(48), bytes(48), wipes, (leaving, arriving, ramp, { shift, part }) => {
        const kernel = new Kernel();
        const [a, b, r] = [leaving, arriving, ramp].map((plane) => {
          const address = kernel.allocate(48);
          kernel.view(address, 48).set(plane);
          return address;
        }) as [number, number, number];
        const offset = Math.round(part * (255 * 16 + (128 << shift)));
        kernel.dissolve(a, b, r, 48, { offset, shift });
        const expected = leaving.map((value, index) => {
          const weight = Math.min(Math.max(offset - (ramp[index] ?? 0) * 16, 0), 128 << shift) >> shift;
          return mix(value, arriving[index] ?? 0, weight);
        });
        expect(Buffer.from(kernel.view(a, 48))).toEqual(Buffer.from(expected));
      }),
    );
  });

  test('memory grows as planes are laid out, each 16-byte aligned and apart', () => {
    const kernel = new Kernel();
    const addresses = [1, 65_536, 3_000_000, 16].map((size) => kernel.allocate(size));
    expect(addresses.every((address) => address % 16 === 0)).toBe(true);
    kernel.view(addresses[2] ?? 0, 3_000_000).fill(255);
    expect(kernel.view(addresses[3] ?? 0, 16).every((byte) => byte === 0)).toBe(true);
  });
});
