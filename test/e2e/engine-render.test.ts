import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RenderedFile, RenderRequest } from '../../src/engine/contract.ts';
import { makeHeic } from '../support/heic.ts';
import { dataUri, picture, pictureRgb } from '../support/pictures.ts';
import { frameAt, psnr } from '../support/probe.ts';
import { fileOf, renderJob, type Scratch, SMALL, scratch, smallJob } from '../support/render.ts';
import { expectVideo } from '../support/render-video.ts';

/** A render takes some tenths of a second, many times that on a machine that does other work. */
const TIMEOUT = 60_000;

let directory: Scratch;
beforeEach(async () => {
  directory = await scratch();
});
afterEach(() => directory.remove());

async function render(request: Partial<RenderRequest>): Promise<RenderedFile> {
  return fileOf(await renderJob(await smallJob(request), { outputPath: directory.output() }));
}

/** What a frame shows at the full framing of an image: its largest middle part of the frame's shape. */
async function framing(image: Sharp, width: number, height: number): Promise<Sharp> {
  return sharp(await image.png().toBuffer()).resize(width, height);
}

describe('each input format', () => {
  const encoders: Record<string, () => Promise<Buffer>> = {
    png: () => picture(640, 400).png().toBuffer(),
    jpeg: () => picture(640, 400).jpeg().toBuffer(),
    webp: () => picture(640, 400).webp().toBuffer(),
    avif: () => picture(640, 400).avif({ effort: 0 }).toBuffer(),
    heic: async () => makeHeic({ width: 640, height: 400, rgb: pictureRgb(640, 400) }),
  };

  test.each(Object.keys(encoders))(
    '%s becomes a video that begins with it',
    { timeout: TIMEOUT },
    async (format) => {
      const bytes = await encoders[format]?.();
      const file = await render({ image_url: dataUri(bytes ?? Buffer.alloc(0)) });
      await expectVideo(file, false);
      const first = await frameAt(file.path, 0);
      expect(await psnr(first, await framing(picture(640, 400), SMALL.width, SMALL.height))).toBeGreaterThan(
        30,
      );
      expect(await directory.files()).toEqual(['video.mp4']);
    },
  );

  test('a JPEG that lies on its side gives an upright video', { timeout: TIMEOUT }, async () => {
    const upright = picture(400, 640);
    const bytes = await upright.clone().rotate(270).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const file = await render({ image_url: dataUri(bytes) });
    expect([file.width, file.height]).toEqual([180, 320]);
    expect(await psnr(await frameAt(file.path, 0), await framing(upright, 180, 320))).toBeGreaterThan(30);
  });
});

describe('shape, rate, length and sound', () => {
  test.each([
    ['auto', 640, 400, 24, 320, 180],
    ['auto', 400, 640, 25, 180, 320],
    ['16:9', 400, 640, 48, 320, 180],
    ['9:16', 640, 400, 50, 180, 320],
  ] as const)(
    '%s of %i by %i, %i frames a second',
    { timeout: TIMEOUT },
    async (aspect_ratio, width, height, fps, ...size) => {
      const image_url = dataUri(await picture(width, height).png().toBuffer());
      const file = await render({ image_url, aspect_ratio, fps });
      expect([file.width, file.height]).toEqual(size);
      await expectVideo(file, false);
    },
  );

  test.each([6, 20])('%i seconds with sound', { timeout: TIMEOUT }, async (duration) => {
    await expectVideo(await render({ duration, generate_audio: true }), true);
  });

  test('the same request gives the same file', { timeout: TIMEOUT }, async () => {
    const request = { prompt: 'handheld, pan left', generate_audio: true };
    const one = await readFile((await render(request)).path);
    expect(one.equals(await readFile((await render(request)).path))).toBe(true);
  });
});

describe('motion', () => {
  test.each([
    ['static', 'stands', 'a static shot'],
    ['gentle by default', 'moves', 'waves'],
    ['pan', 'moves', 'pan left'],
    ['orbit', 'moves', 'orbit around it'],
    ['handheld', 'moves', 'handheld'],
  ])('%s: begins with the start image, then %s', { timeout: TIMEOUT }, async (_name, how, prompt) => {
    const file = await render({ prompt, duration: 6 });
    const start = await framing(picture(640, 360), SMALL.width, SMALL.height);
    const [first, last] = [await frameAt(file.path, 0), await frameAt(file.path, file.frames - 1)];
    expect(await psnr(first, start)).toBeGreaterThan(30);
    if (how === 'stands') expect(await psnr(last, first)).toBeGreaterThan(46);
    else expect(await psnr(last, first)).toBeLessThan(42);
  });

  test('a zoom out ends with the start image whole', { timeout: TIMEOUT }, async () => {
    const file = await render({ prompt: 'zoom out', duration: 6 });
    const start = await framing(picture(640, 360), SMALL.width, SMALL.height);
    expect(await psnr(await frameAt(file.path, file.frames - 1), start)).toBeGreaterThan(30);
  });
});

describe('a transition', () => {
  const [start, end] = [() => picture(640, 400, 2), () => picture(500, 500, 3)];

  test.each(['zoom in fast', 'zoom out', 'tilt up, handheld', 'static'])(
    'prompt %j: from the start image to the end image',
    { timeout: TIMEOUT },
    async (prompt) => {
      const file = await render({
        prompt,
        image_url: dataUri(await start().png().toBuffer()),
        end_image_url: dataUri(await end().webp().toBuffer()),
        duration: 2,
      });
      await expectVideo(file, false);
      const [a, b] = [
        await framing(start(), SMALL.width, SMALL.height),
        await framing(end(), SMALL.width, SMALL.height),
      ];
      const [first, middle, last] = [
        await frameAt(file.path, 0),
        await frameAt(file.path, file.frames >> 1),
        await frameAt(file.path, file.frames - 1),
      ];
      expect(await psnr(first, a)).toBeGreaterThan(30);
      expect(await psnr(last, b)).toBeGreaterThan(30);
      expect(await psnr(middle, a)).toBeLessThan(25);
      expect(await psnr(middle, b)).toBeLessThan(25);
    },
  );

  test('is no plain cross-fade: the side that the camera turns to arrives first', {
    timeout: TIMEOUT,
  }, async () => {
    const plain = async (background: string): Promise<string> =>
      dataUri(
        await sharp({ create: { width: 640, height: 360, channels: 3, background } })
          .png()
          .toBuffer(),
      );
    const [image_url, end_image_url] = [await plain('#000000'), await plain('#ffffff')];
    const file = await render({ prompt: 'pan right', image_url, end_image_url });
    const frame = await (await frameAt(file.path, file.frames >> 1)).greyscale().raw().toBuffer();
    const mean = (from: number, to: number): number => {
      let sum = 0;
      for (let y = 0; y < SMALL.height; y++) {
        for (let x = from; x < to; x++) sum += frame[y * SMALL.width + x] ?? 0;
      }
      return sum / ((to - from) * SMALL.height);
    };
    expect(mean(0, 64)).toBeLessThan(70);
    expect(mean(256, 320)).toBeGreaterThan(185);
  });
});

describe('inputs that cannot be rendered', () => {
  test('both are told of, each at its place, and nothing is left', { timeout: TIMEOUT }, async () => {
    const job = await smallJob({
      image_url: dataUri(Buffer.from('GIF89a')),
      end_image_url: 'http://127.0.0.1:1/nothing.png',
    });
    expect(await renderJob(job, { outputPath: directory.output() })).toEqual({
      kind: 'failed',
      status: 422,
      detail: [
        expect.objectContaining({ loc: ['body', 'image_url'], type: 'unsupported_image_format' }),
        expect.objectContaining({ loc: ['body', 'end_image_url'], type: 'file_download_error' }),
      ],
    });
    expect(await directory.files()).toEqual([]);
  });

  test('an image that breaks while its pixels are decoded is named', { timeout: TIMEOUT }, async () => {
    const whole = await picture(640, 400).jpeg().toBuffer();
    const job = await smallJob({ end_image_url: dataUri(whole.subarray(0, whole.length >> 1)) });
    expect(await renderJob(job, { outputPath: directory.output() })).toMatchObject({
      kind: 'failed',
      detail: [{ loc: ['body', 'end_image_url'], type: 'image_load_error' }],
    });
    expect(await directory.files()).toEqual([]);
  });
});
