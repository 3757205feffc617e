import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coverCrop, keepOf } from '../../../src/engine/render/geometry.ts';
import { frameCount, outputSize, type RenderJob } from '../../../src/engine/render/job.ts';

const HD = { width: 1920, height: 1080 };

function job(request: Partial<RenderJob['request']>): RenderJob {
  return {
    request: {
      prompt: '',
      image_url: '',
      duration: 6,
      resolution: '1080p',
      aspect_ratio: 'auto',
      fps: 25,
      generate_audio: true,
      ...request,
    },
  };
}

describe('outputSize', () => {
  test.each([
    ['1080p', '16:9', 1920, 1080],
    ['1080p', '9:16', 1080, 1920],
    ['1440p', '16:9', 2560, 1440],
    ['1440p', '9:16', 1440, 2560],
    ['2160p', '16:9', 3840, 2160],
    ['2160p', '9:16', 2160, 3840],
  ] as const)('%s at %s is %i by %i, whatever the image', (resolution, aspect_ratio, width, height) => {
    for (const image of [HD, { width: 100, height: 900 }]) {
      expect(outputSize(job({ resolution, aspect_ratio }), image)).toEqual({ width, height });
    }
  });

  test.each([
    [1200, 800, 1920, 1080],
    [800, 1200, 1080, 1920],
    [800, 801, 1080, 1920],
    [800, 800, 1920, 1080],
  ])('auto of %i by %i is %i by %i', (width, height, w, h) => {
    expect(outputSize(job({}), { width, height })).toEqual({ width: w, height: h });
  });

  test('a test may choose small frames', () => {
    const small = { ...job({}), landscape: { width: 320, height: 180 } };
    expect(outputSize(small, { width: 1, height: 2 })).toEqual({ width: 180, height: 320 });
  });
});

test.each([
  [6, 24, 144],
  [6, 25, 150],
  [20, 25, 500],
  [10, 50, 500],
  [8, 48, 384],
])('%i s at %i fps are %i frames', (seconds, fps, frames) => {
  expect(frameCount(seconds, fps)).toBe(frames);
});

describe('keepOf', () => {
  test('the cover crop is the largest in the middle', () => {
    expect(coverCrop({ width: 4800, height: 3200 }, HD)).toEqual({ x: 0, y: 250, width: 4800, height: 2700 });
    expect(coverCrop({ width: 1000, height: 4000 }, HD)).toEqual({
      x: 0,
      y: 1718.75,
      width: 1000,
      height: 562.5,
    });
  });

  test('of a photo all is kept: what lies above and below is room to tilt into', () => {
    const kept = keepOf({ width: 4800, height: 3200 }, HD);
    expect(kept.region).toEqual({ x: 0, y: 0, width: 4800, height: 3200 });
    expect(kept.size).toEqual({ width: 2400, height: 1600 });
    expect(kept.frame).toEqual({ x: 0, y: 125, width: 2400, height: 1350 });
    expect(kept.room).toEqual({ x: 0, y: 250 / 2700 });
  });

  test('of a panorama a quarter of a frame is kept on each side', () => {
    const kept = keepOf({ width: 20_000, height: 900 }, HD);
    expect(kept.region).toEqual({ x: 8_800, y: 0, width: 2_400, height: 900 });
    expect(kept.room).toEqual({ x: 0.25, y: 0 });
  });

  test('any image: the frame lies in what is kept, the planes are even and bounded', () => {
    const sides = fc.integer({ min: 64, max: 32_768 });
    const outputs = fc.constantFrom(HD, { width: 1080, height: 1920 }, { width: 3840, height: 2160 });
    fc.assert(
      fc.property(sides, sides, outputs, (width, height, output) => {
        const { region, size, frame, room } = keepOf({ width, height }, output);
        expect(region.x).toBeGreaterThanOrEqual(0);
        expect(region.y).toBeGreaterThanOrEqual(0);
        expect(region.x + region.width).toBeLessThanOrEqual(width);
        expect(region.y + region.height).toBeLessThanOrEqual(height);
        expect([size.width % 2, size.height % 2]).toEqual([0, 0]);
        expect(size.width * size.height).toBeLessThan(output.width * output.height * 1.25 ** 2 * 2.6);
        expect(frame.x).toBeGreaterThanOrEqual(-1e-6);
        expect(frame.y).toBeGreaterThanOrEqual(-1e-6);
        expect(frame.x + frame.width).toBeLessThanOrEqual(size.width + 1e-6);
        expect(frame.y + frame.height).toBeLessThanOrEqual(size.height + 1e-6);
        expect(Math.min(room.x, room.y)).toBeGreaterThanOrEqual(0);
        expect(frame.width / size.width).toBeCloseTo(
          1 / (region.width / coverCrop({ width, height }, output).width),
          6,
        );
      }),
    );
  });
});
