import { readFile } from 'node:fs/promises';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { bundleScript, SCRIPT_FILE } from '../../src/studio/upload/build.ts';
import { sniff, typeOf, whyNot } from '../../src/studio/upload/client/picture.ts';
import {
  acceptOf,
  limitInWords,
  pathOf,
  sizeInWords,
  typesInWords,
} from '../../src/studio/upload/formats.ts';
import type { PublicJob, PublicLink } from '../../src/studio/upload/link.ts';
import { linkPage, problemPage } from '../../src/studio/upload/page.ts';
import { SCRIPT } from '../../src/studio/upload/script.ts';
import { problemInWords, shownOf } from '../../src/studio/upload/state.ts';
import { UPLOAD_PALETTE, UPLOAD_STYLE } from '../../src/studio/upload/style.ts';
import { IMAGE_TYPES } from '../../src/worker/media/contract.ts';
import { picture } from '../support/pictures.ts';

const LINK: PublicLink = {
  status: 'uploaded',
  expires_at: '2026-11-22T16:30:00.000Z',
  max_bytes: 20_971_520,
  types: ['image/jpeg', 'image/png'],
};

describe('the script', () => {
  it('is what its sources make (npm run build:page)', async () => {
    expect(await readFile(SCRIPT_FILE, 'utf8')).toBe(await bundleScript());
  });

  it('parses as it is served, and keeps nothing and makes no HTML', () => {
    expect(() => new Script(SCRIPT)).not.toThrow();
    expect(SCRIPT).toMatch(/^[\x20-\x7e\n]+$/);
    expect(SCRIPT).not.toMatch(/\beval\b|localStorage|sessionStorage|indexedDB|cookie|innerHTML/);
  });
});

describe('contrast', () => {
  /** Relative luminance by WCAG 2.2. */
  function luminance(colour: string): number {
    const [r = 0, g = 0, b = 0] = [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  function contrast(one: string, other: string): number {
    const [dark = 0, bright = 0] = [one, other].map(luminance).sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  }

  describe.each(['light', 'dark'] as const)('in %s', (scheme) => {
    const palette = UPLOAD_PALETTE[scheme];

    it.each(['text', 'muted', 'accent', 'good', 'bad'] as const)('of %s is at least 4.5', (foreground) => {
      for (const background of ['page', 'raised', 'code'] as const) {
        expect(contrast(palette[foreground], palette[background]), background).toBeGreaterThanOrEqual(4.5);
      }
    });

    it.each(['accent', 'strong'] as const)('of what stands on a button in %s is at least 4.5', (button) => {
      expect(contrast(palette.onaccent, palette[button])).toBeGreaterThanOrEqual(4.5);
    });
  });

  it('knows every colour that the style sheet has', () => {
    const used = new Set([...UPLOAD_STYLE.matchAll(/var\(--(\w+)\)/g)].map(([, name]) => name));
    expect([...used].filter((name) => !((name as string) in UPLOAD_PALETTE.light))).toEqual([]);
    expect(Object.keys(UPLOAD_PALETTE.dark)).toEqual(Object.keys(UPLOAD_PALETTE.light));
  });
});

describe('words', () => {
  it('name types as people do', () => {
    expect(typesInWords(IMAGE_TYPES)).toBe('PNG, JPEG, WebP, AVIF or HEIC');
    expect(typesInWords(['image/png'])).toBe('PNG');
    expect(acceptOf(['image/png', 'image/heif'])).toBe('image/png,image/heif,image/heic,.heic,.heif');
  });

  it('never promise more than a limit', () => {
    expect([999, 1_000, 1_999, 999_999, 2_560_000, 20_971_520].map(limitInWords)).toEqual([
      '999 bytes',
      '1 kB',
      '1.9 kB',
      '999 kB',
      '2.5 MB',
      '20 MB',
    ]);
    expect(sizeInWords(2_560_000)).toBe('2.6 MB');
  });

  it('leave the origin of a file away, and nothing else', () => {
    expect(pathOf('https://video.example.com/files/a.b/c.mp4?d=e')).toBe('/files/a.b/c.mp4?d=e');
  });
});

describe('what a person sees', () => {
  const jobs: readonly [PublicJob | undefined, string, number | null][] = [
    [undefined, 'stored', null],
    [{ status: 'waiting' }, 'starting', 5],
    [{ status: 'starting' }, 'starting', 5],
    [{ status: 'on_hold' }, 'on_hold', 30],
    [{ status: 'in_progress', phase: 'queued' }, 'queued', 5],
    [{ status: 'in_progress', phase: 'rendering' }, 'rendering', 5],
    [{ status: 'in_progress', phase: 'storing' }, 'storing', 5],
    [{ status: 'completed' }, 'completed', null],
    [{ status: 'failed', error: { code: 'image_too_small' } }, 'failed', null],
    [{ status: 'failed', error: { code: 'upstream_error' } }, 'failed', null],
    [{ status: 'canceled' }, 'canceled', null],
    [{ status: 'expired' }, 'expired', null],
  ];

  it.each(jobs)('of %j is "%s"', async (job, key, lookAgain) => {
    const link = { ...LINK, ...(job ? { job } : {}) };
    expect(shownOf(link)).toMatchObject({ key, lookAgain });
    const { html } = await linkPage(link);
    expect(html).toContain(`data-state="${key}"`);
    expect(html.includes('http-equiv="refresh"')).toBe(lookAgain !== null);
    // Nobody who holds a link knows what these are.
    expect(html.replaceAll(/<style>[\s\S]*<\/style>/g, '')).not.toMatch(/credit|upstream|\bjob\b|API/i);
  });

  it('of a finished video is a player, and a link to keep it', async () => {
    const video = { url: 'https://video.example.com/files/t/v.mp4', width: 1_920, height: 1_080 };
    const { html } = await linkPage({ ...LINK, job: { status: 'completed' }, video });
    expect(html).toMatch(/<video [^>]*controls[^>]* src="\/files\/t\/v.mp4" width="1920" height="1080">/);
    expect(html).toContain('href="/files/t/v.mp4" download="video.mp4"');
  });

  it('of a problem is what went wrong in their words, escaped', async () => {
    expect(problemInWords({ code: 'body_too_large', detail: '', limit: 20_971_520 })).toContain('20 MB');
    const page = await problemPage({ code: 'new_code', detail: '<b>"bold"</b>' }, null);
    expect(page.html).toContain('&lt;b&gt;&quot;bold&quot;&lt;/b&gt;');
    expect(page.headers['content-security-policy']).toContain("form-action 'self';");
  });
});

describe('a file that was chosen', () => {
  it('has the type of its first bytes, whatever its name is', async () => {
    const small = picture(64, 64);
    for (const [format, type] of [
      ['png', 'image/png'],
      ['jpeg', 'image/jpeg'],
      ['webp', 'image/webp'],
      ['avif', 'image/avif'],
    ] as const) {
      const bytes = new Uint8Array(await small.clone().toFormat(format).toBuffer());
      expect(sniff(bytes), format).toBe(type);
      expect(await typeOf(new Blob([bytes], { type: 'image/bmp' })), format).toBe(type);
    }
    const heic = new TextEncoder().encode('\0\0\0\x18ftypheic\0\0\0\0mif1heic');
    expect(sniff(heic)).toBe('image/heif');
    const avif = new TextEncoder().encode('\0\0\0\x18ftypmif1\0\0\0\0mif1avif');
    expect(sniff(avif)).toBe('image/avif');
    const mp4 = new TextEncoder().encode('\0\0\0\x18ftypisom\0\0\0\0isommp41');
    expect(sniff(mp4)).toBeNull();
  });

  it('is what the browser says where its bytes tell nothing', async () => {
    expect(await typeOf(new Blob(['GIF89a'], { type: 'image/gif' }))).toBe('image/gif');
    expect(await typeOf(new Blob(['?'], { type: 'image/heic' }))).toBe('image/heif');
    expect(await typeOf(new Blob([]))).toBe('');
  });

  it('is refused in a sentence before it is sent', () => {
    const limits = { maxBytes: 1_000_000, types: ['image/png', 'image/jpeg'] };
    expect(whyNot('image/png', 1_000_000, limits)).toBeNull();
    expect(whyNot('image/png', 1_000_001, limits)).toMatch(/too large: it has 1 MB, .* at most 1 MB\./);
    expect(whyNot('image/png', 0, limits)).toMatch(/empty/);
    expect(whyNot('image/gif', 9, limits)).toMatch(/kind of picture .* PNG or JPEG\./);
    expect(whyNot('', 9, limits)).toMatch(/not a picture/);
  });
});
