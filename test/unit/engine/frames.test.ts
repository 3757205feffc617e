import { describe, expect, test } from 'vitest';
import { Kernel } from '../../../src/engine/kernel/kernel.ts';
import { film } from '../../../src/engine/render/frames.ts';
import type { InputImage } from '../../../src/engine/render/input/image.ts';
import { layOut } from '../../../src/engine/render/picture.ts';

const OUTPUT = { width: 320, height: 180 };
const SECONDS = 6;
const FRAMES = 150;

/** A soft bright spot on black, at a place from 0, 0 to 1, 1; or a plain grey where no place is given. */
function image(width: number, height: number, spot?: { x: number; y: number }, grey = 0): InputImage {
  const radius = width / 25;
  return {
    size: { width, height },
    pixels: async (region, size) => {
      const rgb = Buffer.alloc(size.width * size.height * 3, grey);
      for (let row = 0; spot && row < size.height; row++) {
        for (let column = 0; column < size.width; column++) {
          const x = region.x + ((column + 0.5) * region.width) / size.width - spot.x * width;
          const y = region.y + ((row + 0.5) * region.height) / size.height - spot.y * height;
          const light = Math.round(255 * Math.exp(-(x * x + y * y) / radius ** 2));
          rgb.fill(light, (row * size.width + column) * 3, (row * size.width + column + 1) * 3);
        }
      }
      return rgb;
    },
  };
}

/** Where the light of a frame's luma lies, in pixels: to a hundredth of one. */
function centroid(frame: Uint8Array): { x: number; y: number } {
  let [sum, x, y] = [0, 0, 0];
  for (let row = 0; row < OUTPUT.height; row++) {
    for (let column = 0; column < OUTPUT.width; column++) {
      const light = Math.max(0, (frame[row * OUTPUT.width + column] ?? 0) - 20);
      sum += light;
      x += light * (column + 0.5);
      y += light * (row + 0.5);
    }
  }
  return { x: x / sum, y: y / sum };
}

async function shootAll(prompt: string, start: InputImage, end?: InputImage): Promise<Uint8Array[]> {
  const kernel = new Kernel();
  const scene = {
    kernel,
    output: OUTPUT,
    prompt,
    seconds: SECONDS,
    frames: FRAMES,
    start: await layOut(start, OUTPUT, kernel),
    end: end && (await layOut(end, OUTPUT, kernel)),
  };
  return Array.from(film(scene), (frame) => Uint8Array.from(frame));
}

/** The mean of a plane's samples. */
const mean = (samples: Uint8Array): number => samples.reduce((sum, value) => sum + value, 0) / samples.length;

describe('film', () => {
  test('a spot in the image is where the view says, in the first frame', async () => {
    const [first] = await shootAll('zoom in', image(640, 360, { x: 0.3, y: 0.6 }));
    const { x, y } = centroid(first ?? new Uint8Array());
    expect(x).toBeCloseTo(0.3 * OUTPUT.width, 1);
    expect(y).toBeCloseTo(0.6 * OUTPUT.height, 1);
  });

  test.each(['zoom in slowly', 'zoom out', 'pan left', 'tilt down', 'orbit around it'])(
    '%s: what is filmed moves smoothly, to a fraction of a pixel, and does move',
    async (prompt) => {
      const places = (await shootAll(prompt, image(640, 400, { x: 0.45, y: 0.45 }))).map(centroid);
      expect(places).toHaveLength(FRAMES);
      for (const axis of ['x', 'y'] as const) {
        for (let index = 2; index < FRAMES; index++) {
          const [a, b, c] = [places[index - 2], places[index - 1], places[index]].map(
            (place) => place?.[axis] ?? 0,
          );
          expect(Math.abs((a ?? 0) - 2 * (b ?? 0) + (c ?? 0))).toBeLessThan(0.1);
        }
      }
      const [from, to] = [places[0], places.at(-1)];
      expect(Math.hypot((to?.x ?? 0) - (from?.x ?? 0), (to?.y ?? 0) - (from?.y ?? 0))).toBeGreaterThan(1);
    },
  );

  test('a still camera gives the same frame again and again', async () => {
    const frames = await shootAll('static shot', image(640, 360, { x: 0.5, y: 0.5 }));
    const [first] = frames;
    expect(frames.every((frame) => Buffer.from(frame).equals(Buffer.from(first ?? [])))).toBe(true);
  });

  test('from one image to another: all of the first, then less and less of it, then none', async () => {
    const frames = await shootAll('zoom in', image(640, 360, undefined, 40), image(500, 500, undefined, 200));
    const pixels = OUTPUT.width * OUTPUT.height;
    const lights = frames.map((frame) => mean(frame.subarray(0, pixels)));
    const luma = (grey: number): number => Math.round(16 + (grey * 219) / 255);
    expect(lights[0]).toBe(luma(40));
    expect(lights.at(-1)).toBe(luma(200));
    expect(lights).toEqual(lights.toSorted((a, b) => a - b));
    // A wipe, not a cross-fade: half-way, some pixels have changed wholly and some not at all.
    const half = frames[FRAMES >> 1]?.subarray(0, pixels) ?? new Uint8Array();
    expect([Math.min(...half.subarray(0, 1_000)), Math.max(...half)]).toEqual([luma(40), luma(200)]);
  });

  test('colours are as the image has them: grey has none', async () => {
    const [first] = await shootAll('zoom in', image(640, 360, undefined, 90));
    expect(new Set(first?.subarray(OUTPUT.width * OUTPUT.height))).toEqual(new Set([128]));
  });
});
