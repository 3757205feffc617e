import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encoderArguments } from '../../../src/engine/render/encoder.ts';
import {
  findFfmpeg,
  isRecent,
  missingEncoders,
  NoFfmpegError,
  readBanner,
  searchFfmpeg,
} from '../../../src/engine/render/ffmpeg.ts';
import { tail } from '../../../src/engine/render/tail.ts';

const COPYRIGHT = 'Copyright (c) 2000';

describe('the banner', () => {
  test.each([
    ['ffmpeg version 4.1-static https://x/ Copyright (c) 2000-2018 the FFmpeg developers', 4, false],
    ['ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021 the FFmpeg developers', 4, false],
    ['ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers', 5, true],
    ['ffmpeg version n6.1 Copyright (c) 2000-2023 the FFmpeg developers', 6, true],
    ['ffmpeg version 8.0 Copyright (c) 2000-2025 the FFmpeg developers', 8, true],
    ['ffmpeg version 10.0.1 Copyright (c) 2000-2030 the FFmpeg developers', 10, true],
    [`ffmpeg version N-109542-g1bf1beb ${COPYRIGHT}-2023 the FFmpeg developers`, undefined, true],
    [`ffmpeg version git-2020-08-31-4a11a6f ${COPYRIGHT}-2020 the FFmpeg developers`, undefined, false],
    ['ffmpeg version unknown', undefined, false],
  ])('%s', (line, major, recent) => {
    const banner = readBanner(`${line}\nbuilt with gcc\n`);
    expect(banner?.major).toBe(major);
    expect(banner && isRecent(banner)).toBe(recent);
  });

  test.each(['', 'avconv version 12', 'bash: ffmpeg: command not found'])('%j is none', (output) => {
    expect(readBanner(output)).toBeUndefined();
  });
});

describe('encoders', () => {
  const list = (...names: string[]): string => names.map((name) => ` V..... ${name}   something\n`).join('');

  test.each([
    [list('libx264', 'aac'), []],
    [list('libx264rgb', 'aac'), ['libx264']],
    [list('libx264', 'aac_at'), ['aac']],
    ['', ['libx264', 'aac']],
  ])('%j lacks %j', (output, missing) => {
    expect(missingEncoders(output)).toEqual(missing);
  });
});

describe('the search', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firstframe-ffmpeg-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  /** An executable that answers as an FFmpeg of some version with some encoders. */
  async function fake(name: string, version: string, encoders = 'libx264 aac', code = 0): Promise<string> {
    const path = join(directory, name);
    const lines = encoders.split(' ').map((encoder) => `echo ' V..... ${encoder}  x'`);
    const banner = `echo 'ffmpeg version ${version} ${COPYRIGHT}-2025 the FFmpeg developers'`;
    await writeFile(
      path,
      `#!/bin/sh\nif [ "$1" = -version ]; then ${banner}; else ${lines.join('; ')}; fi\nexit ${code}\n`,
    );
    await chmod(path, 0o755);
    return path;
  }

  test('FFMPEG_PATH comes first, whatever its version', async () => {
    const [chosen, system] = [await fake('chosen', '4.0'), await fake('newer', '8.0')];
    expect(await searchFfmpeg(chosen, system, null)).toEqual({
      path: chosen,
      version: '4.0',
      source: 'FFMPEG_PATH',
    });
  });

  test('then a recent one of the system', async () => {
    const [system, packaged] = [await fake('system', '5.0'), await fake('packaged', '4.1')];
    expect(await searchFfmpeg(undefined, system, packaged)).toMatchObject({ path: system, source: 'system' });
  });

  test.each([
    ['too old', '4.4', 'libx264 aac', 0],
    ['without libx264', '6.0', 'libopenh264 aac', 0],
    ['that fails', '6.0', 'libx264 aac', 1],
  ])('a system one %s gives way to the package', async (name, version, encoders, code) => {
    const system = await fake(`system-${name.replaceAll(' ', '-')}`, version, encoders, code);
    const packaged = await fake('packaged-2', '4.1-static');
    expect(await searchFfmpeg(undefined, system, packaged)).toEqual({
      path: packaged,
      version: '4.1-static',
      source: 'npm',
    });
  });

  test('a choice that cannot be used is an error, not a reason to look further', async () => {
    const packaged = await fake('packaged-3', '4.1');
    for (const chosen of [join(directory, 'missing'), directory, await fake('poor', '6.0', 'mpeg4')]) {
      await expect(searchFfmpeg(chosen, packaged, packaged)).rejects.toThrow(NoFfmpegError);
    }
  });

  test('where there is none, the message says what was tried and what to do', async () => {
    const old = await fake('old', '3.4');
    const message = await searchFfmpeg('', old, null).catch((cause: unknown) => String(cause));
    expect(message).toContain('version 3.4 is older than 5');
    expect(message).toContain('@ffmpeg-installer/ffmpeg: not installed');
    expect(message).toContain('Install FFmpeg 5 or later with libx264, or set FFMPEG_PATH');
  });

  test('on this machine one is found, and remembered', async () => {
    expect(await findFfmpeg()).toBe(await findFfmpeg());
  });
});

describe('the arguments', () => {
  const encoding = {
    ffmpeg: 'ffmpeg',
    path: 'a.part',
    size: { width: 320, height: 180 },
    fps: 48,
    audio: true,
  };

  test('name frames, sound, colours and container', () => {
    const line = encoderArguments(encoding).join(' ');
    expect(line).toContain('-f rawvideo -pix_fmt yuv420p -s 320x180 -r 48');
    expect(line).toContain('-f s16le -ar 48000 -ac 2 -i pipe:3');
    expect(line).toContain('-map 0:v -map 1:a');
    expect(line.match(/-colorspace bt709/g)).toHaveLength(2);
    expect(line).toMatch(/-movflags \+faststart -f mp4 a\.part$/);
  });

  test('without sound there is no second input and no sound track', () => {
    const line = encoderArguments({ ...encoding, audio: false }).join(' ');
    expect(line).not.toMatch(/pipe:3|1:a|aac/);
  });
});

test('a tail keeps the end', () => {
  const end = tail(8);
  for (const part of ['abcdef', 'ghijkl', 'm\n']) end.add(Buffer.from(part));
  expect(end.text()).toBe('ghijklm');
});
