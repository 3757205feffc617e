/** Looks into an MP4 with parts that had no hand in making it: ffprobe, and a walk over its boxes. */

import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import ffmpeg from '@ffmpeg-installer/ffmpeg';
import ffprobe from '@ffprobe-installer/ffprobe';
import sharp, { type Sharp } from 'sharp';
import { z } from 'zod';

const run = promisify(execFile);

const Stream = z.object({
  codec_type: z.string(),
  codec_name: z.string(),
  profile: z.string(),
  width: z.number().optional(),
  height: z.number().optional(),
  pix_fmt: z.string().optional(),
  color_range: z.string().optional(),
  color_space: z.string().optional(),
  color_transfer: z.string().optional(),
  color_primaries: z.string().optional(),
  r_frame_rate: z.string(),
  avg_frame_rate: z.string(),
  nb_read_frames: z.string(),
  duration: z.string(),
  sample_rate: z.string().optional(),
  channels: z.number().optional(),
});
const Report = z.object({ streams: z.array(Stream), format: z.object({ duration: z.string() }) });

export type Report = z.infer<typeof Report>;

/** What ffprobe says of a file, every frame decoded. A file that does not decode without a word is an error. */
export async function probe(path: string): Promise<Report> {
  const args = ['-v', 'error', '-count_frames', '-show_streams', '-show_format', '-of', 'json', path];
  const { stdout, stderr } = await run(ffprobe.path, args);
  if (stderr !== '') throw new Error(`ffprobe: ${stderr}`);
  return Report.parse(JSON.parse(stdout));
}

/** The types of a file's outermost boxes, in their order. */
export async function boxes(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const types: string[] = [];
    for (let at = 0; at < size; ) {
      const head = Buffer.alloc(16);
      await file.read(head, 0, 16, at);
      types.push(head.toString('latin1', 4, 8));
      const length = head.readUInt32BE(0);
      at += length === 1 ? Number(head.readBigUInt64BE(8)) : length === 0 ? size : Math.max(8, length);
    }
    return types;
  } finally {
    await file.close();
  }
}

/** One decoded frame, as an image. */
export async function frameAt(path: string, index: number): Promise<Sharp> {
  const args = ['-v', 'error', '-i', path, '-vf', `select=eq(n\\,${index})`, '-frames:v', '1'];
  const { stdout } = await run(ffmpeg.path, [...args, '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'], {
    encoding: 'buffer',
    maxBuffer: 64 * 1024 * 1024,
  });
  return sharp(stdout);
}

/** How alike two images of one shape are, both made small: the peak signal-to-noise ratio in dB. */
export async function psnr(one: Sharp, other: Sharp): Promise<number> {
  const [a, b] = await Promise.all([one, other].map(small));
  if (!a || !b || a.length !== b.length) throw new Error('Only images of one shape can be compared.');
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.length));
}

/** 120 pixels wide: what matters is where things are, not each pixel. */
async function small(image: Sharp): Promise<Buffer> {
  const whole = await image.clone().removeAlpha().toColourspace('srgb').png().toBuffer();
  return sharp(whole).resize({ width: 120 }).raw().toBuffer();
}
