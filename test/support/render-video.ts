/** What every rendered video must be. */

import { stat } from 'node:fs/promises';
import { expect } from 'vitest';
import type { RenderedFile } from '../../src/engine/contract.ts';
import { boxes, probe } from './probe.ts';

/** A file is what it says it is, and what every player takes, with a sound track or without. */
export async function expectVideo(file: RenderedFile, sound: boolean): Promise<void> {
  const { streams, format } = await probe(file.path);
  const [video, audio] = streams;
  expect(video).toMatchObject({
    codec_type: 'video',
    codec_name: 'h264',
    profile: 'High',
    width: file.width,
    height: file.height,
    pix_fmt: 'yuv420p',
    color_range: 'tv',
    color_space: 'bt709',
    color_transfer: 'bt709',
    color_primaries: 'bt709',
    r_frame_rate: `${file.fps}/1`,
    avg_frame_rate: `${file.fps}/1`,
    nb_read_frames: `${file.frames}`,
  });
  expect(file.frames).toBe(file.duration * file.fps);
  expect(Number(video?.duration)).toBe(file.duration);
  expect(Number(format.duration)).toBe(file.duration);
  if (sound) {
    expect(audio).toMatchObject({
      codec_type: 'audio',
      codec_name: 'aac',
      profile: 'LC',
      sample_rate: '48000',
      channels: 2,
    });
    // Within one AAC frame of the picture.
    expect(file.duration - Number(audio?.duration)).toBeGreaterThanOrEqual(0);
    expect(file.duration - Number(audio?.duration)).toBeLessThan(1_024 / 48_000 + 0.001);
  }
  expect(streams).toHaveLength(sound ? 2 : 1);
  const order = await boxes(file.path);
  expect(order.indexOf('moov')).toBeGreaterThan(-1);
  expect(order.indexOf('moov')).toBeLessThan(order.indexOf('mdat'));
  expect((await stat(file.path)).size).toBe(file.bytes);
}
