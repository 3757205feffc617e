import { describe, expect, test } from 'vitest';
import { Kernel } from '../../../src/engine/kernel/kernel.ts';
import { allocateFrame, allocatePlanes, writeI420 } from '../../../src/engine/render/i420.ts';
import { randomFrom } from '../../../src/engine/render/random.ts';

const SIZE = { width: 16, height: 4 };

function convert(rgb: Uint8Array): [y: Uint8Array, cb: Uint8Array, cr: Uint8Array] {
  const kernel = new Kernel();
  const planes = allocatePlanes(kernel, SIZE);
  writeI420(kernel, rgb, planes);
  const [y, cb, cr] = planes.map(({ address, width, height }) => kernel.view(address, width * height));
  if (!y || !cb || !cr) throw new Error('three planes');
  return [y, cb, cr];
}

describe('writeI420', () => {
  // BT.709 limited range, as ITU-R BT.709-6 and every test pattern has them.
  test.each([
    ['black', [0, 0, 0], [16, 128, 128]],
    ['white', [255, 255, 255], [235, 128, 128]],
    ['grey', [128, 128, 128], [126, 128, 128]],
    ['red', [255, 0, 0], [63, 102, 240]],
    ['green', [0, 255, 0], [173, 42, 26]],
    ['blue', [0, 0, 255], [32, 240, 118]],
    ['yellow', [255, 255, 0], [219, 16, 138]],
  ])('%s', (_name, rgb, expected) => {
    const pixels = Uint8Array.from(
      { length: SIZE.width * SIZE.height * 3 },
      (_, index) => rgb[index % 3] ?? 0,
    );
    const planes = convert(pixels);
    expect(planes.map((plane) => [...new Set(plane)])).toEqual(expected.map((value) => [value]));
  });

  test('random pixels, to the nearest step, chroma from the mean of four', () => {
    const random = randomFrom(7);
    const { width, height } = SIZE;
    const rgb = Uint8Array.from({ length: width * height * 3 }, () => random() * 256);
    const [y, cb, cr] = convert(rgb);
    const pixel = (row: number, column: number): number[] =>
      [0, 1, 2].map((c) => rgb[(row * width + column) * 3 + c] ?? 0);
    const luma = ([r = 0, g = 0, b = 0]: number[]): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const exact = 16 + (219 / 255) * luma(pixel(row, column));
        expect(Math.abs((y[row * width + column] ?? 0) - exact)).toBeLessThan(0.51);
      }
    }
    for (let row = 0; row < height / 2; row++) {
      for (let column = 0; column < width / 2; column++) {
        const four = [0, 1].flatMap((down) =>
          [0, 1].map((across) => pixel(2 * row + down, 2 * column + across)),
        );
        const mean = [0, 1, 2].map((c) => four.reduce((sum, p) => sum + (p[c] ?? 0), 0) / 4);
        const at = (row * width) / 2 + column;
        expect(
          Math.abs((cb[at] ?? 0) - (128 + (224 / 255) * (((mean[2] ?? 0) - luma(mean)) / 1.8556))),
        ).toBeLessThan(0.52);
        expect(
          Math.abs((cr[at] ?? 0) - (128 + (224 / 255) * (((mean[0] ?? 0) - luma(mean)) / 1.5748))),
        ).toBeLessThan(0.52);
      }
    }
  });

  test('refuses pixels of another size', () => {
    const kernel = new Kernel();
    expect(() => writeI420(kernel, new Uint8Array(10), allocatePlanes(kernel, SIZE))).toThrow(RangeError);
  });
});

test('a frame is its three planes without a gap', () => {
  const { planes, bytes } = allocateFrame(new Kernel(), SIZE);
  const [y, cb, cr] = planes;
  expect([cb.address - y.address, cr.address - y.address, bytes]).toEqual([64, 80, 96]);
});
