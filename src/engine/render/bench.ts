/**
 * What a render costs beside what its encoder alone costs, in one run: `npm run bench:render`.
 *
 * A round renders a video as the engine does, process and decoding included, and then gives the encoder the same
 * frames and samples from memory. Rounds alternate, so that load from elsewhere falls on both; medians are shown.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { Kernel } from '../kernel/kernel.ts';
import { ambience } from './ambience.ts';
import { openEncoder } from './encoder.ts';
import { findFfmpeg } from './ffmpeg.ts';
import { film } from './frames.ts';
import { startRender } from './index.ts';
import { openImage } from './input/image.ts';
import { frameCount, outputSize } from './job.ts';
import { layOut } from './picture.ts';
import { randomFrom, seedOf } from './random.ts';

const ROUNDS = 3;

/** The target: a whole render takes at most so many times what the encoder takes. */
const MAX_RATIO = 1.5;

/** A photo's size and kind: 4800x3200 pixels, JPEG, with detail at all scales and a little grain. */
async function photo(seed: number): Promise<Buffer> {
  const [width, height] = [4800, 3200];
  const random = randomFrom(seed);
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const texture = Math.sin(x / 97 + seed) + Math.sin((x + y) / 31) + Math.sin(y / 11) / 2;
      const grain = random() * 6;
      rgb[at++] = 110 + 40 * texture + (60 * x) / width + grain;
      rgb[at++] = 100 + 30 * texture + (80 * y) / height + grain;
      rgb[at++] = 140 - 30 * texture + grain;
    }
  }
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

const uri = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function measure(name: string, directory: string, ends: boolean): Promise<boolean> {
  const [first, second] = [await photo(1), ends ? await photo(2) : undefined];
  const request = {
    prompt: 'The camera slowly pushes in.',
    image_url: uri(first),
    end_image_url: second && uri(second),
    duration: 6,
    resolution: '1080p',
    aspect_ratio: 'auto',
    fps: 25,
    generate_audio: true,
  } as const;

  const image = await openImage(first);
  const last = second && (await openImage(second));
  const size = outputSize({ request }, image.size);
  const kernel = new Kernel();
  const frames = frameCount(request.duration, request.fps);
  const start = await layOut(image, size, kernel);
  const end = last && (await layOut(last, size, kernel));
  const scene = {
    kernel,
    output: size,
    prompt: request.prompt,
    seconds: request.duration,
    frames,
    start,
    end,
  };
  const held = Array.from(film(scene), (frame) => Buffer.from(frame));
  const sound = Array.from(ambience(seedOf(request.prompt), request.duration), (chunk) => Buffer.from(chunk));
  const ffmpeg = await findFfmpeg();

  const encodeAlone = async (): Promise<void> => {
    const path = join(directory, 'alone.mp4');
    const encoding = { ffmpeg: ffmpeg.path, path, size, fps: request.fps, audio: true };
    const encoder = openEncoder(encoding, new AbortController().signal);
    const writeSound = async (): Promise<void> => {
      for (const chunk of sound) await encoder.writeAudio(chunk);
      encoder.endAudio();
    };
    const writeFrames = async (): Promise<void> => {
      for (const frame of held) await encoder.writeFrame(frame);
      await encoder.finish();
    };
    await Promise.all([writeFrames(), writeSound()]);
  };
  const renderWhole = async (): Promise<void> => {
    const outcome = await startRender(request, { outputPath: join(directory, 'whole.mp4') }).outcome;
    if (outcome.kind !== 'done') throw new Error(`The render ended ${JSON.stringify(outcome)}.`);
  };

  const [whole, alone]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    whole.push(await seconds(renderWhole));
    alone.push(await seconds(encodeAlone));
  }
  const ratio = median(whole) / median(alone);
  process.stdout.write(
    `${name}: whole render ${median(whole).toFixed(2)} s, encoder alone ${median(alone).toFixed(2)} s, ` +
      `ratio ${ratio.toFixed(2)} (at most ${MAX_RATIO}); plays ${request.duration} s\n`,
  );
  return ratio <= MAX_RATIO && median(whole) < request.duration;
}

const directory = await mkdtemp(join(tmpdir(), 'firstframe-bench-'));
try {
  const one = await measure('6 s 1080p25, one image', directory, false);
  const two = await measure('6 s 1080p25, two images', directory, true);
  process.exitCode = one && two ? 0 : 1;
} finally {
  await rm(directory, { recursive: true });
}
