import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { MODELS, modelOf } from '../../src/worker/models/index.ts';
import {
  ASPECT_RATIOS,
  DURATIONS,
  FRAME_RATES,
  ltx23ImageToVideo as ltx,
  RESOLUTIONS,
} from '../../src/worker/models/ltx-2.3-image-to-video.ts';
import { priceOf } from '../../src/worker/models/model.ts';
import { SERVICE_FIELDS } from '../../src/worker/models/service-fields.ts';

const IMAGE = 'https://images.example.org/a.png';
const schema = z.strictObject(ltx.shape);
const parse = (fields: Record<string, unknown> = {}) =>
  schema.parse({ prompt: 'p', image_url: IMAGE, ...fields }) as Record<string, unknown>;
const accepts = (fields: Record<string, unknown>) =>
  schema.safeParse({ prompt: 'p', image_url: IMAGE, ...fields }).success;

describe('the catalogue', () => {
  it('finds each model by its id, and no other', () => {
    for (const model of MODELS) expect(modelOf(model.id)).toBe(model);
    for (const id of ['', 'ltx', 'LTX-2.3-image-to-video', 'toString']) expect(modelOf(id)).toBeNull();
  });

  it("has ids that can stand in a path, once each, and fields that are not the service's own", () => {
    expect(new Set(MODELS.map(({ id }) => id)).size).toBe(MODELS.length);
    for (const { id, shape, rules } of MODELS) {
      expect(id).toMatch(/^[a-z0-9.-]+$/);
      for (const name of Object.keys(shape)) expect(Object.keys(SERVICE_FIELDS)).not.toContain(name);
      for (const { needs, field } of rules)
        expect(Object.keys(shape)).toEqual(expect.arrayContaining([field, ...needs]));
    }
  });
});

describe('LTX 2.3', () => {
  it('has the fields of the contract, in its order, with its defaults', () => {
    expect(Object.keys(ltx.shape)).toEqual([
      'prompt',
      'image_url',
      'end_image_url',
      'duration',
      'resolution',
      'aspect_ratio',
      'fps',
      'generate_audio',
    ]);
    expect(parse()).toEqual({
      prompt: 'p',
      image_url: IMAGE,
      duration: 6,
      resolution: '1080p',
      aspect_ratio: 'auto',
      fps: 25,
      generate_audio: true,
    });
  });

  it.each([
    ['duration', DURATIONS, [0, 5, 7, 9, 11, 22, '6', null, 6.5, Number.NaN]],
    ['resolution', RESOLUTIONS, ['720p', '4k', 1080, '1080', null]],
    ['aspect_ratio', ASPECT_RATIOS, ['1:1', '4:3', 'portrait', null]],
    ['fps', FRAME_RATES, [23.976, 30, 60, '25', null]],
    ['generate_audio', [true, false], [0, 1, 'true', null]],
  ] as const)('takes these values of %s alone', (field, right, wrong) => {
    for (const value of right) expect(accepts({ [field]: value }), String(value)).toBe(true);
    for (const value of wrong) expect(accepts({ [field]: value }), String(value)).toBe(false);
  });

  it.each([
    ['a', true],
    ['x'.repeat(5_000), true],
    [` ${'x'.repeat(5_000)}\n`, true],
    ['🎬'.repeat(5_000), true],
    ['x'.repeat(5_001), false],
    ['🎬'.repeat(5_001), false],
    [`${'🎬'.repeat(2_500)}${'x'.repeat(2_501)}`, false],
    ['x'.repeat(100_000), false],
    ['', false],
    [' \t\n', false],
  ])('counts the characters of a prompt after trimming (%#)', (prompt, fits) => {
    expect(accepts({ prompt })).toBe(fits);
  });

  it('publishes the same bounds as it checks', () => {
    const { properties } = z.toJSONSchema(z.object(ltx.shape), { io: 'input' }) as Record<
      string,
      Record<string, object>
    >;
    expect(properties?.prompt).toMatchObject({ minLength: 1, maxLength: 5_000 });
    expect(properties?.duration).toMatchObject({ enum: [...DURATIONS], default: 6 });
    expect(properties?.resolution).toMatchObject({ enum: [...RESOLUTIONS], default: '1080p' });
  });

  it.each([
    [`https://images.example.org/${'a'.repeat(4_096 - 27)}`, true],
    [`https://images.example.org/${'a'.repeat(4_096 - 26)}`, false],
    [`data:image/png;base64,${'A'.repeat(10_000)}`, true],
    [`DATA:image/png;base64,${'A'.repeat(10_000)}`, true],
    ['  data:image/png;base64,AAAA  ', true],
  ])('bounds a URL and no data URI (%#)', (image_url, fits) => {
    expect(accepts({ image_url })).toBe(fits);
    expect(accepts({ end_image_url: image_url })).toBe(fits);
  });

  it('makes more than 10 seconds only at 25 fps and 1080p', () => {
    const [rule, ...others] = ltx.rules;
    expect(others).toEqual([]);
    expect(rule).toMatchObject({ field: 'duration', message: 'over 10 seconds only at 25 fps and 1080p' });
    for (const duration of DURATIONS) {
      for (const resolution of RESOLUTIONS) {
        for (const fps of FRAME_RATES) {
          const usual = fps === 25 && resolution === '1080p';
          const holds = rule?.holds(parse({ duration, resolution, fps }));
          expect(holds, `${duration} s ${resolution} ${fps} fps`).toBe(duration <= 10 || usual);
        }
      }
    }
  });

  it.each([
    [6, '1080p', 288_000, 0.288, 29],
    [8, '1080p', 384_000, 0.384, 39],
    [10, '1080p', 480_000, 0.48, 48],
    [12, '1080p', 576_000, 0.576, 58],
    [14, '1080p', 672_000, 0.672, 68],
    [16, '1080p', 768_000, 0.768, 77],
    [18, '1080p', 864_000, 0.864, 87],
    [20, '1080p', 960_000, 0.96, 96],
    [6, '1440p', 576_000, 0.576, 58],
    [8, '1440p', 768_000, 0.768, 77],
    [10, '1440p', 960_000, 0.96, 96],
    [6, '2160p', 1_152_000, 1.152, 116],
    [8, '2160p', 1_536_000, 1.536, 154],
    [10, '2160p', 1_920_000, 1.92, 192],
  ])('costs for %i s at %s', (duration, resolution, microDollars, costUsd, credits) => {
    const input = parse({ duration, resolution });
    expect(ltx.price(input, ltx.defaultPrices)).toEqual({ microDollars, costUsd, credits });
    // Where the configuration says nothing of a resolution, its default holds.
    expect(ltx.price(input, {})).toEqual({ microDollars, costUsd, credits });
  });

  it('costs what the configuration says', () => {
    expect(ltx.price(parse({ duration: 8 }), { '1080p': 50_001 })).toEqual({
      microDollars: 400_008,
      costUsd: 0.400008,
      credits: 41,
    });
  });

  it('is expected to take longer for more frames and more pixels', () => {
    const usual = (fields: Record<string, unknown>) => ltx.usualMs(parse(fields));
    expect(usual({})).toBeGreaterThan(0);
    expect(usual({ duration: 10 })).toBeGreaterThan(usual({ duration: 6 }));
    expect(usual({ fps: 50 })).toBeGreaterThan(usual({ fps: 25 }));
    expect(usual({ resolution: '1440p' })).toBeGreaterThan(usual({}));
    expect(usual({ resolution: '2160p' })).toBeGreaterThan(usual({ resolution: '1440p' }));
  });

  it('gives the upstream its input with the images that it can fetch', () => {
    const { image_url: _, ...input } = parse({ duration: 8 });
    const start = 'https://firstframe.test/files/t/start.png';
    expect(ltx.upstreamInput(input, { start })).toEqual({ ...input, image_url: start });
    expect(ltx.upstreamInput(input, { start, end: 'https://e.example.org/e.png' })).toEqual({
      ...input,
      image_url: start,
      end_image_url: 'https://e.example.org/e.png',
    });
  });
});

describe('a price', () => {
  it.each([
    [0, 0, 0],
    [1, 0.000001, 1],
    [9_999, 0.009999, 1],
    [10_000, 0.01, 1],
    [10_001, 0.010001, 2],
    [288_000, 0.288, 29],
    [290_000, 0.29, 29],
    [1_000_000, 1, 100],
  ])('of %i micro-dollars is rounded up to whole credits', (microDollars, costUsd, credits) => {
    expect(priceOf(microDollars)).toEqual({ microDollars, costUsd, credits });
  });
});
