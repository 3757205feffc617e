import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ffmpeg from '@ffmpeg-installer/ffmpeg';
import ffprobe from '@ffprobe-installer/ffprobe';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { roundRate } from '../../src/worker/media/frame-rate.ts';
import { type Mp4Outcome, readMp4 } from '../../src/worker/media/mp4.ts';

const work = mkdtempSync(join(tmpdir(), 'media-mp4-'));
afterAll(() => rmSync(work, { recursive: true }));

const fixturePath = (name: string) => join(import.meta.dirname, '../support/fixtures', name);
const fixture = (name: string) => new Uint8Array(readFileSync(fixturePath(name)));

interface Read {
  readonly offset: number;
  readonly length: number;
}

/** The outcome for bytes in memory, and what was asked of them. */
async function read(bytes: Uint8Array): Promise<{ outcome: Mp4Outcome; reads: Read[] }> {
  const reads: Read[] = [];
  const outcome = await readMp4({
    size: bytes.length,
    read: async (offset, length) => {
      expect(offset >= 0 && length > 0 && offset + length <= bytes.length).toBe(true);
      reads.push({ offset, length });
      return bytes.subarray(offset, offset + length);
    },
  });
  return { outcome, reads };
}

function encode(name: string, ...args: string[]): string {
  const out = join(work, name);
  execFileSync(ffmpeg.path, ['-hide_banner', '-loglevel', 'error', '-y', ...args, out]);
  return out;
}

const picture = (size: string, rate: number | string, seconds: number) => [
  ...['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${rate}:d=${seconds}`],
];
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-pix_fmt', 'yuv420p'];

/** What ffprobe says of the first video stream. */
function probe(path: string) {
  const text = execFileSync(ffprobe.path, [
    ...['-v', 'error', '-select_streams', 'v:0', '-count_packets', '-of', 'json'],
    ...['-show_entries', 'stream=width,height,duration,nb_read_packets', path],
  ]);
  const [stream] = (JSON.parse(text.toString()) as { streams: Record<string, string | number>[] }).streams;
  return stream ?? {};
}

describe('facts', () => {
  const rates: [string, string, number | string, number, number][] = [
    ['24 fps', '64x36', 24, 1, 24],
    ['25 fps', '36x64', 25, 1, 25],
    ['48 fps', '64x64', 48, 1, 48],
    ['50 fps', '16x16', 50, 2, 50],
    ['29.97 fps', '64x36', '30000/1001', 3, 29.97],
    ['an odd rate', '64x36', '17/2', 2, 8.5],
  ];
  it.each(rates)('%s, as ffprobe sees them', async (name, size, rate, seconds, expected) => {
    const path = encode(`${name.replaceAll(' ', '-')}.mp4`, ...picture(size, rate, seconds), ...H264);
    const { outcome } = await read(new Uint8Array(readFileSync(path)));
    if (outcome.kind !== 'video') throw new Error(outcome.kind);
    const { width, height, duration, frames } = outcome.movie;
    const probed = probe(path);
    expect({ width, height, frames }).toEqual({
      width: probed.width,
      height: probed.height,
      frames: Number(probed.nb_read_packets),
    });
    expect(duration).toBeCloseTo(Number(probed.duration), 3);
    expect(roundRate((frames ?? 0) / (duration ?? 1))).toBe(expected);
  });

  it.each([
    ['tiny.mp4', 1],
    ['tiny-moov-last.mp4', 1],
  ])('%s in one read', async (name, count) => {
    const { outcome, reads } = await read(fixture(name));
    expect(outcome).toEqual({ kind: 'video', movie: { width: 64, height: 36, duration: 2, frames: 50 } });
    expect(reads).toHaveLength(count);
  });

  it('a long file with its movie box at the end: the media data is skipped', async () => {
    const bytes = fixture('tiny-moov-last.mp4');
    const moov = Buffer.from(bytes).lastIndexOf('moov') - 4;
    const padding = 5_000_000;
    const long = new Uint8Array(bytes.length + padding);
    long.set(bytes.subarray(0, moov));
    long.set(bytes.subarray(moov), moov + padding);
    const mdat = Buffer.from(bytes).indexOf('mdat') - 4;
    const view = new DataView(long.buffer);
    view.setUint32(mdat, view.getUint32(mdat) + padding);
    const { outcome, reads } = await read(long);
    expect(outcome.kind).toBe('video');
    expect(reads.map(({ length }) => length).reduce((a, b) => a + b)).toBeLessThan(100_000);
    expect(reads.length).toBeLessThanOrEqual(2);
  });

  it('a turned track is measured as shown', async () => {
    const bytes = fixture('tiny.mp4');
    const matrix = Buffer.from(bytes).indexOf('tkhd') + 4 + 40;
    const view = new DataView(bytes.buffer);
    // 90 degrees: a = d = 0, b = 1, c = -1 in 16.16 fixed point.
    view.setInt32(matrix, 0);
    view.setInt32(matrix + 4, 65_536);
    view.setInt32(matrix + 12, -65_536);
    view.setInt32(matrix + 16, 0);
    const { outcome } = await read(bytes);
    expect(outcome).toMatchObject({ kind: 'video', movie: { width: 36, height: 64 } });
  });

  it('a fragmented file has a size and says nothing of its length', async () => {
    const path = encode(
      'fragments.mp4',
      ...picture('64x36', 25, 1),
      ...H264,
      '-movflags',
      'frag_keyframe+empty_moov',
    );
    const { outcome } = await read(new Uint8Array(readFileSync(path)));
    expect(outcome).toEqual({
      kind: 'video',
      movie: { width: 64, height: 36, duration: null, frames: null },
    });
  });

  it('sound before the picture does not matter', async () => {
    const sound = ['-f', 'lavfi', '-i', 'sine=d=1'];
    const path = encode('order.mp4', ...sound, ...picture('64x36', 25, 1), '-map', '0', '-map', '1', ...H264);
    const { outcome } = await read(new Uint8Array(readFileSync(path)));
    expect(outcome).toMatchObject({ kind: 'video', movie: { width: 64, frames: 25 } });
  });
});

describe('what is no video', () => {
  it('sound alone', async () => {
    const { outcome } = await read(
      new Uint8Array(readFileSync(encode('sound.mp4', '-f', 'lavfi', '-i', 'sine=d=1'))),
    );
    expect(outcome).toMatchObject({ kind: 'invalid', detail: expect.stringContaining('video track') });
  });

  it('other files', async () => {
    const texts = ['', '<!doctype html>', '{"detail":"not found"}', '\0\0\0\u0008ftyp', 'RIFF1234WEBP'];
    const others = [
      ...texts.map((text) => Buffer.from(text, 'latin1')),
      fixture('tiny.jpg'),
      fixture('tiny.heic'),
    ];
    const kinds = await Promise.all(
      others.map(async (bytes) => (await read(new Uint8Array(bytes))).outcome.kind),
    );
    expect(kinds).toEqual(others.map(() => 'invalid'));
  });

  it.each(['tiny.mp4', 'tiny-moov-last.mp4'])('%s cut at any byte', async (name) => {
    const bytes = fixture(name);
    const kinds = new Map<string, number>();
    for (let length = 0; length < bytes.length; length++) {
      const { outcome } = await read(bytes.subarray(0, length));
      kinds.set(outcome.kind, (kinds.get(outcome.kind) ?? 0) + 1);
    }
    expect(kinds.get('video')).toBeUndefined();
    expect(kinds.get('truncated')).toBeGreaterThan(bytes.length - 64);
  });

  it('the movie without its media', async () => {
    const bytes = fixture('tiny.mp4');
    const { outcome } = await read(bytes.subarray(0, Buffer.from(bytes).lastIndexOf('mdat') - 4));
    expect(outcome).toEqual({ kind: 'invalid', detail: 'has no media data' });
  });
});

describe('hostile files', () => {
  it.each(['stts', 'ctts', 'stsz', 'stsc', 'stco'])(
    'a %s that announces four billion entries',
    async (type) => {
      const bytes = fixture('tiny.mp4');
      const at = Buffer.from(bytes).indexOf(type);
      const view = new DataView(bytes.buffer);
      view.setUint32(at + 8, 0xffff_ffff);
      view.setUint32(at + 12, 0xffff_ffff);
      expect(['video', 'invalid']).toContain((await read(bytes)).outcome.kind);
    },
  );

  it('a movie box larger than any honest one is not read', async () => {
    const bytes = new Uint8Array(9_000_000);
    bytes.set(fixture('tiny.mp4').subarray(0, 40));
    new DataView(bytes.buffer).setUint32(32, bytes.length - 32);
    bytes.set(new TextEncoder().encode('moov'), 36);
    const { outcome, reads } = await read(bytes);
    expect(outcome).toMatchObject({ kind: 'invalid', detail: expect.stringContaining('too large') });
    expect(reads).toHaveLength(1);
  });

  it('boxes without end are not followed', async () => {
    const bytes = new Uint8Array(1_000_000);
    const ftyp = fixture('tiny.mp4').subarray(0, 32);
    bytes.set(ftyp);
    const view = new DataView(bytes.buffer);
    for (let at = 32; at + 8 <= bytes.length; at += 8) view.setUint32(at, 8);
    expect((await read(bytes)).outcome).toEqual({ kind: 'invalid', detail: 'too many boxes' });
  });

  it('any bytes changed get an answer', async () => {
    const whole = fixture('tiny.mp4');
    const header = Buffer.from(whole).lastIndexOf('mdat');
    const edit = fc.tuple(fc.nat(header), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 6 }), async (edits) => {
        const bytes = whole.slice();
        for (const [at, value] of edits) bytes[at] = value;
        const { outcome } = await read(bytes);
        if (outcome.kind !== 'video') return;
        expect(outcome.movie.width).toBeGreaterThan(0);
        expect(outcome.movie.duration ?? 1).toBeGreaterThan(0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('a read that fails is passed on', async () => {
    const failing = { size: 100, read: () => Promise.reject(new Error('storage is away')) };
    await expect(readMp4(failing)).rejects.toThrow('storage is away');
  });
});

it('frame rates are rounded to what is meant', () => {
  const rates: [number, number][] = [
    [24.0001, 24],
    [23.976, 23.976],
    [24.011, 24],
    [25.2, 25.2],
    [49.98, 50],
    [47.952, 47.952],
    [59.94, 59.94],
    [12.34567, 12.346],
  ];
  expect(rates.map(([rate]) => roundRate(rate))).toEqual(rates.map(([, rounded]) => rounded));
});
