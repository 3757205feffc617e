import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/engine/render/input/error.ts';
import { openImage } from '../../../src/engine/render/input/image.ts';
import { sniff } from '../../../src/engine/render/input/sniff.ts';
import { makeHeic } from '../../support/heic.ts';
import { picture, pictureRgb } from '../../support/pictures.ts';
import { psnr } from '../../support/probe.ts';

const [WIDTH, HEIGHT] = [240, 160];

/** What an image decodes to, whole. */
async function decode(bytes: Buffer): Promise<Sharp> {
  const image = await openImage(bytes);
  const { width, height } = image.size;
  const pixels = await image.pixels({ x: 0, y: 0, width, height }, { width, height });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The error that an image is refused with. */
async function refusal(bytes: Buffer): Promise<InputError> {
  const cause = await decode(bytes).catch((error: unknown) => error);
  if (!(cause instanceof InputError)) throw new Error(`Not refused: ${cause}`);
  return cause;
}

describe('each format', () => {
  test.each([
    ['png', picture(WIDTH, HEIGHT).png()],
    ['png, 16 bits', picture(WIDTH, HEIGHT).toColourspace('rgb16').png()],
    ['png, palette', picture(WIDTH, HEIGHT).png({ palette: true })],
    ['png, interlaced', picture(WIDTH, HEIGHT).png({ progressive: true })],
    ['jpeg', picture(WIDTH, HEIGHT).jpeg()],
    ['jpeg, progressive', picture(WIDTH, HEIGHT).jpeg({ progressive: true })],
    ['webp', picture(WIDTH, HEIGHT).webp()],
    ['webp, lossless', picture(WIDTH, HEIGHT).webp({ lossless: true })],
    ['avif', picture(WIDTH, HEIGHT).avif({ effort: 0 })],
  ])('%s is decoded', async (_name, encoder) => {
    const image = await decode(await encoder.toBuffer());
    expect(await psnr(image, picture(WIDTH, HEIGHT))).toBeGreaterThan(27);
  });

  test('CMYK is decoded, as near as its inks come', async () => {
    const bytes = await picture(WIDTH, HEIGHT).toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    expect(await psnr(await decode(bytes), picture(WIDTH, HEIGHT))).toBeGreaterThan(20);
  });

  test('grey is decoded', async () => {
    const grey = picture(WIDTH, HEIGHT).greyscale();
    expect(await psnr(await decode(await grey.clone().png().toBuffer()), grey)).toBeGreaterThan(30);
  });

  test.each(['heic', 'mif1', 'heix', 'heim'])('HEIC of brand %s is decoded', async (majorBrand) => {
    const rgb = pictureRgb(WIDTH, HEIGHT);
    const bytes = makeHeic({ width: WIDTH, height: HEIGHT, rgb, majorBrand });
    expect(await psnr(await decode(bytes), picture(WIDTH, HEIGHT))).toBeGreaterThan(30);
  });

  test.each([1, 2, 3])('HEIC turned %i quarters is set upright', async (turns) => {
    const upright = picture(WIDTH, HEIGHT);
    const { data, info } = await upright
      .clone()
      .rotate(90 * turns)
      .raw()
      .toBuffer({ resolveWithObject: true });
    const bytes = makeHeic({ width: info.width, height: info.height, rgb: data, turns });
    const image = await decode(bytes);
    expect(await psnr(image, upright)).toBeGreaterThan(30);
  });

  test('of an animation the first frame is taken', async () => {
    const frames = [0, 1, 2].map((seed) => pictureRgb(64, 64, seed));
    const animation = sharp(Buffer.concat(frames), {
      raw: { width: 64, height: 192, channels: 3, pageHeight: 64 },
    });
    const bytes = await animation.webp({ loop: 0, delay: [100, 100, 100], lossless: true }).toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(3);
    expect((await openImage(bytes)).size).toEqual({ width: 64, height: 64 });
    expect(await psnr(await decode(bytes), picture(64, 64))).toBeGreaterThan(30);
  });

  test('what shines through is white', async () => {
    const clear = sharp({ create: { width: 64, height: 64, channels: 4, background: '#ff000000' } });
    const white = sharp({ create: { width: 64, height: 64, channels: 3, background: '#ffffff' } });
    expect(await psnr(await decode(await clear.png().toBuffer()), white)).toBe(Number.POSITIVE_INFINITY);
  });

  test('colours of another profile are converted', async () => {
    const wide = await picture(WIDTH, HEIGHT).withIccProfile('p3').png().toBuffer();
    expect((await sharp(wide).metadata()).icc).toBeDefined();
    expect(await psnr(await decode(wide), picture(WIDTH, HEIGHT))).toBeGreaterThan(35);
  });
});

describe('EXIF orientation', () => {
  /** How each orientation's stored pixels come from the upright ones (TIFF 6.0, tag 274). */
  const stored: Record<number, (upright: Sharp) => Sharp> = {
    1: (upright) => upright,
    2: (upright) => upright.flop(),
    3: (upright) => upright.rotate(180),
    4: (upright) => upright.flip(),
    5: (upright) => upright.rotate(270).flop(),
    6: (upright) => upright.rotate(270),
    7: (upright) => upright.rotate(90).flop(),
    8: (upright) => upright.rotate(90),
  };

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i is set upright', async (orientation) => {
    const turned = await (stored[orientation] ?? ((image) => image))(picture(WIDTH, HEIGHT)).png().toBuffer();
    // Mirrored and rotated in two steps: sharp applies them in an order of its own within one.
    const bytes = await sharp(turned).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    const image = await openImage(bytes);
    expect(image.size).toEqual({ width: WIDTH, height: HEIGHT });
    expect(await psnr(await decode(bytes), picture(WIDTH, HEIGHT))).toBeGreaterThan(30);
    // A part is a part of the upright image.
    const region = { x: 40, y: 20, width: 120, height: 60 };
    const part = await image.pixels(region, { width: 120, height: 60 });
    const expected = sharp(
      await picture(WIDTH, HEIGHT).extract({ left: 40, top: 20, width: 120, height: 60 }).png().toBuffer(),
    );
    expect(
      await psnr(sharp(part, { raw: { width: 120, height: 60, channels: 3 } }), expected),
    ).toBeGreaterThan(30);
  });
});

describe('refused', () => {
  test.each([
    ['garbage', Buffer.from('this is not an image, whatever it says')],
    ['a page', Buffer.from('<!doctype html><title>404</title>')],
    ['a PNG that ends in its header', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0', 'latin1')],
    ['a HEIC without boxes', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
    ['one byte', Buffer.from([0xff])],
  ])('%s: image_load_error', async (_name, bytes) => {
    expect((await refusal(bytes)).type).toBe('image_load_error');
  });

  test.each(['png', 'jpeg', 'webp', 'avif', 'heic'] as const)(
    'a cut-off %s: image_load_error',
    async (format) => {
      const whole =
        format === 'heic'
          ? makeHeic({ width: 640, height: 480, rgb: pictureRgb(640, 480) })
          : await picture(640, 480).toFormat(format, { effort: 1 }).toBuffer();
      for (const part of [0.3, 0.6, 0.9]) {
        expect((await refusal(whole.subarray(0, Math.floor(whole.length * part)))).type).toBe(
          'image_load_error',
        );
      }
    },
  );

  test('a PNG with a bit turned over: image_load_error', async () => {
    const bytes = await picture(WIDTH, HEIGHT).png().toBuffer();
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    expect((await refusal(bytes)).type).toBe('image_load_error');
  });

  test.each([
    [
      'GIF',
      () =>
        sharp({ create: { width: 80, height: 80, channels: 3, background: 'red' } })
          .gif()
          .toBuffer(),
    ],
    ['TIFF', () => picture(80, 80).tiff().toBuffer()],
    ['SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80"/>')],
    ['PDF', async () => Buffer.from('%PDF-1.7')],
    ['MP4', async () => Buffer.from('\0\0\0\x14ftypisom\0\0\0\0mp42', 'latin1')],
  ])('%s: unsupported_image_format', async (_name, make) => {
    const { type, ctx } = await refusal(await make());
    expect({ type, ctx }).toEqual({
      type: 'unsupported_image_format',
      ctx: { supported_formats: ['png', 'jpeg', 'webp', 'avif', 'heic'] },
    });
  });

  test.each([
    [10_001, 10_000],
    [16_385, 100],
    [40_000, 100],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ])('a PNG that declares %i by %i pixels: refused by its header', async (width, height) => {
    const bytes = await picture(64, 64).png().toBuffer();
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    const { type, ctx } = await refusal(bytes);
    // libpng itself takes no side above a million.
    if (width > 1_000_000) return expect(type).toBe('image_load_error');
    expect({ type, ctx }).toEqual({
      type: 'image_too_large',
      ctx: { max_width: 16_384, max_height: 16_384, max_pixels: 100_000_000 },
    });
  });

  test('a HEIC that declares 400 megapixels is refused before it is decoded', async () => {
    const declared = { width: 20_000, height: 20_000 };
    const bytes = makeHeic({ width: 64, height: 64, rgb: pictureRgb(64, 64), declared });
    expect((await refusal(bytes)).type).toBe('image_too_large');
  });

  test('a HEIC that declares less than it holds does not overrun', async () => {
    const declared = { width: 64, height: 64 };
    const bytes = makeHeic({ width: 640, height: 480, rgb: pictureRgb(640, 480), declared });
    const outcome = await decode(bytes).then(
      async (image) => (await image.metadata()).width,
      (cause: unknown) => (cause instanceof InputError ? cause.type : cause),
    );
    expect([64, 'image_load_error']).toContain(outcome);
  });

  test.each([
    [63, 200],
    [200, 63],
  ])('%i by %i: image_too_small', async (width, height) => {
    const { type, ctx } = await refusal(await picture(width, height).png().toBuffer());
    expect({ type, ctx }).toEqual({ type: 'image_too_small', ctx: { min_width: 64, min_height: 64 } });
  });

  test('the refusal as fal words it, without the input', () => {
    const error = new InputError('image_too_small', 'Too small.', { min_width: 64 });
    expect(error.toDetail('end_image_url')).toEqual({
      loc: ['body', 'end_image_url'],
      msg: 'Too small.',
      type: 'image_too_small',
      url: 'https://docs.fal.ai/errors/#image_too_small',
      ctx: { min_width: 64 },
    });
  });
});

describe('sniff', () => {
  const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
  test.each([
    ['\x89PNG\r\n\x1a\n', 'png'],
    ['\xff\xd8\xff\xe0', 'jpeg'],
    ['RIFF\x10\0\0\0WEBPVP8 ', 'webp'],
    ['RIFF\x10\0\0\0WAVEfmt ', 'unknown'],
    ['\0\0\0\x18ftypavif\0\0\0\0mif1miaf', 'avif'],
    ['\0\0\0\x18ftypmif1\0\0\0\0avifmiaf', 'avif'],
    ['\0\0\0\x18ftypmif1\0\0\0\0heicmiaf', 'heic'],
    ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'heic'],
    ['\0\0\0\x14ftypisom\0\0\0\0mp42', 'unsupported'],
    ['\xff\xff\xff\xffftypheic', 'heic'],
    ['GIF89a', 'unsupported'],
    ['BM\0\0', 'unsupported'],
    ['', 'unknown'],
    ['\0\0\0\x18ftyp', 'unsupported'],
  ])('%j is %s', (start, kind) => {
    expect(sniff(latin(start))).toBe(kind);
  });
});
