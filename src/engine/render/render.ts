/** One render, from the request to the file. Runs in the child process. */

import { open } from 'node:fs/promises';
import { Kernel } from '../kernel/kernel.ts';
import { ambience } from './ambience.ts';
import { type Encoder, openEncoder } from './encoder.ts';
import { film } from './frames.ts';
import { INPUT_ERROR_STATUS } from './input/error.ts';
import { InputsError, layOutInputs, openInputs } from './inputs.ts';
import { frameCount, outputSize } from './job.ts';
import type { ChildMessage, StartMessage } from './protocol.ts';
import { seedOf } from './random.ts';

/** How a render ended. */
export type Verdict = Extract<ChildMessage, { kind: 'encoded' | 'failed' }>;

/** Told of the frames written, of all; 0 of all once the images are there. */
export type Progress = (done: number, total: number) => void;

/**
 * Renders a job to `partPath`.
 *
 * @throws {Error} Where the fault is not the images'.
 */
export async function render(
  message: StartMessage,
  progress: Progress,
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    return await renderImages(message, progress, signal);
  } catch (cause) {
    if (!(cause instanceof InputsError)) throw cause;
    return { kind: 'failed', status: INPUT_ERROR_STATUS, detail: [...cause.detail] };
  }
}

/** @throws {InputsError} Where the fault is the images'. */
async function renderImages(
  { job, partPath: path, ffmpeg, allowLoopback }: StartMessage,
  progress: Progress,
  signal: AbortSignal,
): Promise<Verdict> {
  const { prompt, duration: seconds, fps, generate_audio: audio } = job.request;
  const images = await openInputs(job.request, { allowLoopback, signal });
  const kernel = new Kernel();
  const size = outputSize(job, images.start.size);
  const frames = frameCount(seconds, fps);
  const pictures = await layOutInputs(images, size, kernel);
  progress(0, frames);

  const encoder = openEncoder({ ffmpeg, path, size, fps, audio }, signal);
  const scene = { kernel, output: size, prompt, seconds, frames, ...pictures };
  await Promise.all([
    writeVideo(film(scene), encoder, (done) => progress(done, frames)),
    audio ? writeSound(seedOf(prompt), seconds, encoder) : undefined,
  ]);
  await sync(path);
  return { kind: 'encoded', ...size, frames };
}

async function writeVideo(
  frames: Iterable<Uint8Array>,
  encoder: Encoder,
  progress: (done: number) => void,
): Promise<void> {
  let done = 0;
  for (const frame of frames) {
    await encoder.writeFrame(frame);
    progress(++done);
  }
  await encoder.finish();
}

async function writeSound(seed: number, seconds: number, encoder: Encoder): Promise<void> {
  for (const samples of ambience(seed, seconds)) await encoder.writeAudio(samples);
  encoder.endAudio();
}

/** Has the file on disk before its name says that it is whole. */
async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
