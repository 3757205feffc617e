/** One render, from the request to the file. Runs in the child process. */

import { open } from 'node:fs/promises';
import { Kernel } from '../kernel/kernel.ts';
import { ambience } from './ambience.ts';
import { type Encoder, openEncoder } from './encoder.ts';
import { film } from './frames.ts';
import { type ImageField, INPUT_ERROR_STATUS, InputError } from './input/error.ts';
import { type InputImage, openImage } from './input/image.ts';
import { readSource } from './input/source.ts';
import { frameCount, outputSize } from './job.ts';
import { layOut } from './picture.ts';
import type { ChildMessage, StartMessage } from './protocol.ts';
import { seedOf } from './random.ts';

/** How a render ended. */
export type Verdict = Extract<ChildMessage, { kind: 'encoded' | 'failed' }>;

/**
 * Renders a job to `partPath`.
 *
 * @param progress Called after each frame, and with 0 once the images are there.
 * @throws {Error} Where the fault is not the images'.
 */
export async function render(
  message: StartMessage,
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Verdict> {
  const { request } = message.job;
  const inputs = await openInputs(message, signal);
  if ('kind' in inputs) return inputs;

  const kernel = new Kernel();
  const output = outputSize(message.job, inputs.start.size);
  const frames = frameCount(request.duration, request.fps);
  try {
    const start = await layOut(inputs.start, output, kernel).catch(naming('image_url'));
    const end = inputs.end && (await layOut(inputs.end, output, kernel).catch(naming('end_image_url')));
    progress(0, frames);
    const encoder = openEncoder(
      {
        ffmpeg: message.ffmpeg,
        path: message.partPath,
        size: output,
        fps: request.fps,
        audio: request.generate_audio,
      },
      signal,
    );
    const { prompt, duration: seconds } = request;
    const scene = { kernel, output, prompt, seconds, frames, start, end };
    await Promise.all([
      writeVideo(film(scene), encoder, (done) => progress(done, frames)),
      request.generate_audio ? writeSound(seedOf(prompt), seconds, encoder) : undefined,
    ]);
  } catch (cause) {
    if (cause instanceof FieldError) return failed([cause]);
    throw cause;
  }
  await sync(message.partPath);
  return { kind: 'encoded', ...output, frames };
}

/** An image that cannot be rendered, and the field that it came in. */
class FieldError extends Error {
  readonly field: ImageField;
  override readonly cause: InputError;

  constructor(field: ImageField, cause: InputError) {
    super(cause.message);
    this.field = field;
    this.cause = cause;
  }
}

/** Names the field of an image that turns out to be broken; other failures are not the image's. */
function naming(field: ImageField): (cause: unknown) => never {
  return (cause) => {
    throw cause instanceof InputError ? new FieldError(field, cause) : cause;
  };
}

function failed(errors: readonly FieldError[]): Verdict {
  return {
    kind: 'failed',
    status: INPUT_ERROR_STATUS,
    detail: errors.map(({ field, cause }) => cause.toDetail(field)),
  };
}

/** Fetches and opens both images at the same time, and tells of both when both are wrong. */
async function openInputs(
  { job: { request }, allowLoopback }: StartMessage,
  signal: AbortSignal,
): Promise<{ start: InputImage; end: InputImage | undefined } | Verdict> {
  const load = async (field: ImageField): Promise<InputImage | undefined> => {
    const url = request[field];
    if (url === undefined) return undefined;
    return readSource(url, { allowLoopback, signal }).then(openImage).catch(naming(field));
  };
  const [start, end] = await Promise.allSettled([load('image_url'), load('end_image_url')]);
  const errors: FieldError[] = [];
  for (const result of [start, end]) {
    if (result.status === 'fulfilled') continue;
    if (!(result.reason instanceof FieldError)) throw result.reason;
    errors.push(result.reason);
  }
  if (start.status === 'fulfilled' && end.status === 'fulfilled' && start.value) {
    return { start: start.value, end: end.value };
  }
  return failed(errors);
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
