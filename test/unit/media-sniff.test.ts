import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { MAX_IMAGE_SIDE } from '../../src/worker/media/image-limits.ts';
import { refusalDetail, sniff } from '../../src/worker/media/sniff.ts';

const FORMATS = ['png', 'jpg', 'webp', 'avif', 'heic'] as const;

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(import.meta.dirname, '../support/fixtures', name)));
}

function blank(width: number, height: number, channels: 3 | 4 = 3) {
  return sharp({ create: { width, height, channels, background: { r: 9, g: 99, b: 199, alpha: 0.5 } } });
}

function refusal(bytes: Uint8Array): string {
  const outcome = sniff(bytes);
  return outcome.ok ? `ok ${outcome.image.width}x${outcome.image.height}` : outcome.refusal;
}

const ascii = (text: string) => new TextEncoder().encode(text);
const join2 = (a: Uint8Array, b: Uint8Array) => new Uint8Array([...a, ...b]);

describe('images as encoders write them', () => {
  const varieties: [string, string, number, number, () => Promise<Buffer>][] = [
    ['PNG', 'image/png', 640, 360, () => blank(640, 360).png().toBuffer()],
    ['PNG, 1x1', 'image/png', 1, 1, () => blank(1, 1).png().toBuffer()],
    [
      'PNG, interlaced palette',
      'image/png',
      33,
      7,
      () => blank(33, 7).png({ palette: true, progressive: true }).toBuffer(),
    ],
    ['PNG, 16 bits', 'image/png', 20, 30, () => blank(20, 30).toColourspace('rgb16').png().toBuffer()],
    ['JPEG', 'image/jpeg', 641, 359, () => blank(641, 359).jpeg().toBuffer()],
    ['JPEG, progressive', 'image/jpeg', 99, 101, () => blank(99, 101).jpeg({ progressive: true }).toBuffer()],
    ['JPEG, grey', 'image/jpeg', 16, 8, () => blank(16, 8).greyscale().jpeg().toBuffer()],
    ['JPEG, CMYK', 'image/jpeg', 16, 8, () => blank(16, 8).toColourspace('cmyk').jpeg().toBuffer()],
    ['WebP, lossy', 'image/webp', 123, 45, () => blank(123, 45).webp().toBuffer()],
    ['WebP, lossless', 'image/webp', 321, 54, () => blank(321, 54).webp({ lossless: true }).toBuffer()],
    ['WebP, extended with alpha', 'image/webp', 77, 300, () => blank(77, 300, 4).webp().toBuffer()],
    ['WebP, widest', 'image/webp', 16_383, 2, () => blank(16_383, 2).webp({ lossless: true }).toBuffer()],
    ['AVIF', 'image/avif', 63, 65, () => blank(63, 65).avif({ effort: 0 }).toBuffer()],
    ['AVIF, alpha', 'image/avif', 30, 20, () => blank(30, 20, 4).avif({ effort: 0 }).toBuffer()],
  ];
  it.each(varieties)('%s', async (_name, type, width, height, make) => {
    expect(sniff(new Uint8Array(await make()))).toEqual({ ok: true, image: { type, width, height } });
  });

  it('a HEIC: cropped and turned as its properties say', () => {
    expect(sniff(fixture('tiny.heic'))).toEqual({
      ok: true,
      image: { type: 'image/heif', width: 48, height: 64 },
    });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('a JPEG with Exif orientation %i', async (orientation) => {
    const bytes = new Uint8Array(await blank(60, 40).jpeg().withMetadata({ orientation }).toBuffer());
    const [width, height] = orientation >= 5 ? [40, 60] : [60, 40];
    expect(sniff(bytes)).toEqual({ ok: true, image: { type: 'image/jpeg', width, height } });
  });

  it('a JPEG whose Exif is broken: the picture counts', async () => {
    const bytes = new Uint8Array(await blank(60, 40).jpeg().withMetadata({ orientation: 6 }).toBuffer());
    const tiff = Buffer.from(bytes).indexOf('Exif') + 6;
    new DataView(bytes.buffer).setUint32(tiff + 4, 0xffff_ffff);
    expect(refusal(bytes)).toBe('ok 60x40');
  });

  it('a JPEG with padding between its segments, which decoders skip', () => {
    const jpeg = fixture('tiny.jpg');
    // Behind the first segment: two bytes of start, then marker and length.
    const end = 4 + new DataView(jpeg.buffer).getUint16(4);
    const padding = [0, 0, 0xff, 0, 7, 0xff, 0xff];
    const padded = new Uint8Array([...jpeg.subarray(0, end), ...padding, ...jpeg.subarray(end)]);
    expect(refusal(padded)).toBe('ok 48x32');
  });

  it.each(FORMATS)('a %s with padding behind its end', (format) => {
    const expected = refusal(fixture(`tiny.${format}`));
    for (const padding of ['\0', '\n', '\r\n', '\0'.repeat(4_096)]) {
      expect(refusal(join2(fixture(`tiny.${format}`), ascii(padding)))).toBe(expected);
    }
  });

  it('bytes in the middle of a larger buffer', () => {
    const whole = join2(ascii('12345'), fixture('tiny.avif'));
    expect(refusal(whole.subarray(5))).toBe('ok 48x32');
  });
});

describe('what is no image of ours', () => {
  it.each(FORMATS)('a %s cut at any byte', (format) => {
    const whole = fixture(`tiny.${format}`);
    const answers = new Set<string>();
    for (let length = 16; length < whole.length; length++) answers.add(refusal(whole.subarray(0, length)));
    // A HEIF that is cut between two boxes lacks one of those that it needs.
    answers.delete('unsupported');
    expect([...answers]).toEqual(['truncated']);
    for (let length = 0; length < 16; length++) expect(sniff(whole.subarray(0, length)).ok).toBe(false);
  });

  it('other formats', async () => {
    const svg = ascii('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    const others = [
      svg,
      ascii('<!doctype html><img src=x>'),
      ascii('GIF89a'),
      ascii('%PDF-1.7'),
      ascii('BM'),
      new Uint8Array(await blank(9, 9).gif().toBuffer()),
      new Uint8Array(await blank(9, 9).tiff().toBuffer()),
      fixture('tiny.mp4'),
      new Uint8Array(4_096),
      new Uint8Array([0xff, 0xd8]),
    ];
    expect(others.map(refusal)).toEqual(others.map(() => 'unsupported'));
    expect(refusal(new Uint8Array(0))).toBe('empty');
  });

  it.each(FORMATS)('a %s behind the start of something else', (format) => {
    const image = fixture(`tiny.${format}`);
    for (const head of ['GIF89a', '<script>alert(1)</script>', '\n', 'PK\x03\x04', '\u00ef\u00bb\u00bf']) {
      expect(refusal(join2(ascii(head), image))).toBe('unsupported');
    }
  });

  it('animations', async () => {
    const frames = await sharp([fixture('tiny.png'), fixture('tiny.jpg')], { join: { animated: true } })
      .webp()
      .toBuffer();
    expect(refusal(new Uint8Array(frames))).toBe('animated');

    const png = fixture('tiny.png');
    // An animation control chunk behind the header makes it an animated PNG.
    const control = [0, 0, 0, 8, ...ascii('acTL'), 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(refusal(new Uint8Array([...png.subarray(0, 33), ...control, ...png.subarray(33)]))).toBe(
      'animated',
    );

    for (const brand of ['avis', 'msf1', 'hevc']) {
      const heic = fixture('tiny.heic');
      heic.set(ascii(brand), 8);
      expect(refusal(heic)).toBe('animated');
    }
  });

  it.each([
    [MAX_IMAGE_SIDE, 1, `ok ${MAX_IMAGE_SIDE}x1`],
    [MAX_IMAGE_SIDE + 1, 1, 'too_large'],
    [1, MAX_IMAGE_SIDE + 1, 'too_large'],
    [10_000, 10_000, 'ok 10000x10000'],
    [10_000, 10_001, 'too_large'],
    [0xffff_ffff, 0xffff_ffff, 'too_large'],
    [0, 10, 'unsupported'],
    [10, 0, 'unsupported'],
  ])('a PNG of %i by %i', (width, height, expected) => {
    const png = fixture('tiny.png');
    const view = new DataView(png.buffer);
    view.setUint32(16, width);
    view.setUint32(20, height);
    expect(refusal(png)).toBe(expected);
  });

  it('says each refusal as a sentence', () => {
    for (const reason of [
      'empty',
      'unsupported',
      'truncated',
      'animated',
      'too_large',
      'polyglot',
    ] as const) {
      expect(refusalDetail(reason)).toMatch(/^(is|must|may) [^.]+$/);
    }
  });
});

describe('hostile bytes', () => {
  it.each(FORMATS)('a %s with any bytes changed gets an answer', (format) => {
    const whole = fixture(`tiny.${format}`);
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 8 }), fc.nat(whole.length), (edits, length) => {
        const bytes = whole.slice();
        for (const [at, value] of edits) bytes[at] = value;
        for (const candidate of [bytes, bytes.subarray(0, length)]) {
          const outcome = sniff(candidate);
          if (outcome.ok)
            expect(Math.max(outcome.image.width, outcome.image.height)).toBeLessThanOrEqual(MAX_IMAGE_SIDE);
          else expect(refusalDetail(outcome.refusal)).not.toBe('');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  const SIZE = 20 * 1_024 * 1_024;
  /** `head`, then `unit` again and again up to the largest upload. */
  function filled(head: Uint8Array, unit: readonly number[]): Uint8Array {
    const bytes = new Uint8Array(SIZE);
    bytes.set(head);
    bytes.set(unit, head.length);
    // Doubling what is there: the rest is a repetition of it.
    for (let length = unit.length; head.length + length < SIZE; length *= 2) {
      bytes.copyWithin(head.length + length, head.length, head.length + length);
    }
    return bytes;
  }

  it('does work that is linear in the bytes, whatever they announce', () => {
    const png = fixture('tiny.png').subarray(0, 33);
    const jpeg = fixture('tiny.jpg');
    const heic = fixture('tiny.heic');
    /** A HEIC with the number at `at` of a box as high as it goes, and no end of zeros behind it. */
    const counting = (type: string, at: number) => {
      const box = Buffer.from(heic).indexOf(type);
      const bytes = filled(heic.subarray(0, box + at + 4), [0]);
      const view = new DataView(bytes.buffer);
      for (const parent of type === 'ipma' ? ['meta', 'iprp', 'ipma'] : ['meta', 'iloc']) {
        view.setUint32(Buffer.from(heic).indexOf(parent) - 4, 0);
      }
      view.setUint32(box + at, 0xffff_ffff);
      return bytes;
    };
    const answers = [
      filled(png, [0, 0, 0, 0, 116, 69, 88, 116, 0, 0, 0, 0]),
      filled(jpeg.subarray(0, 4), [0]),
      filled(new Uint8Array([0xff, 0xd8, 0xff, 0x01]), [0]),
      filled(jpeg.subarray(0, 4), [0xff]),
      filled(jpeg.subarray(0, jpeg.length - 2), [0xd9]),
      filled(new Uint8Array([...ascii('RIFF'), 0, 0, 0x40, 1, ...ascii('WEBP')]), [0]),
      filled(heic, [0, 0, 0, 8, 102, 114, 101, 101]),
      counting('ipma', 8),
      counting('iloc', 6),
    ].map(refusal);
    expect(answers).toEqual([
      'truncated',
      'unsupported',
      'truncated',
      'truncated',
      'truncated',
      'truncated',
      // The last of the boxes is cut.
      'truncated',
      'truncated',
      'unsupported',
    ]);
  });
});
