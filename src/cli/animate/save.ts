/** Saves a video and looks at what came: the length that was announced, and an MP4 with the promised picture. */

import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ALL_FORMATS, FilePathSource, Input } from 'mediabunny';
import type { CompletedJob } from '../api/answers.ts';
import { CliError, messageOf } from '../errors.ts';

/** What was saved, measured on the file itself. */
export interface SavedVideo {
  readonly path: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  /** Seconds. */
  readonly duration: number;
  readonly hasAudio: boolean;
}

/** Rounding of time stamps and encoder delay, in seconds. */
const DURATION_TOLERANCE_S = 0.15;

/**
 * Makes sure that a file can be written at `path` before anything is paid for.
 * @throws {CliError} when it cannot, or when it exists and `overwrite` is not set.
 */
export async function requireWritable(path: string, overwrite: boolean): Promise<void> {
  const probe = partPath(path);
  try {
    await (await open(probe, 'wx')).close();
  } catch (cause) {
    throw new CliError(`${dirname(resolve(path))} cannot be written to: ${messageOf(cause)}.`, { cause });
  } finally {
    await rm(probe, { force: true });
  }
  if (overwrite) return;
  const existing = await open(path, 'r').catch(() => null);
  if (!existing) return;
  await existing.close();
  throw new CliError(`${path} exists already.`, { hint: 'Name another file with --out, or pass --force.' });
}

/**
 * Downloads the result of a job to `path`, which appears only when it is whole and right.
 * @throws {CliError} that says what is wrong with it.
 */
export async function saveVideo(job: CompletedJob, path: string, signal?: AbortSignal): Promise<SavedVideo> {
  const { video } = job.result;
  const part = partPath(path);
  try {
    const bytes = await download(video.url, part, signal);
    const measured = await measure(part);
    if (measured.width !== video.width || measured.height !== video.height) {
      throw new CliError(
        `The video is ${measured.width}×${measured.height}, and the service said ${video.width}×${video.height}.`,
      );
    }
    if (Math.abs(measured.duration - video.duration) > DURATION_TOLERANCE_S) {
      throw new CliError(`The video lasts ${measured.duration} s, and the service said ${video.duration} s.`);
    }
    await rename(part, path);
    return { path, bytes, ...measured };
  } finally {
    await rm(part, { force: true });
  }
}

async function download(url: string, path: string, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  let announced: number;
  const file = await open(path, 'wx');
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (!response.ok || !response.body)
      throw new CliError(`The video cannot be downloaded: ${response.status}.`);
    announced = Number(response.headers.get('Content-Length') ?? Number.NaN);
    for await (const chunk of response.body) {
      await file.write(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof CliError) throw cause;
    throw new CliError(`The video cannot be downloaded: ${messageOf(cause)}.`, { cause });
  } finally {
    await file.close();
  }
  if (bytes !== announced)
    throw new CliError(`The video has ${bytes} bytes, and ${announced} were announced.`);
  return bytes;
}

async function measure(path: string): Promise<Omit<SavedVideo, 'path' | 'bytes'>> {
  const source = new FilePathSource(path);
  const input = new Input({ formats: ALL_FORMATS, source });
  try {
    const format = await input.getFormat();
    const track = await input.getPrimaryVideoTrack();
    if (!format.mimeType.startsWith('video/mp4'))
      throw new CliError(`What came is no MP4 but ${format.name}.`);
    if (!track) throw new CliError('What came is an MP4 without a picture, or cut short.');
    return {
      width: await track.getDisplayWidth(),
      height: await track.getDisplayHeight(),
      duration: Math.round((await track.computeDuration()) * 1000) / 1000,
      hasAudio: (await input.getPrimaryAudioTrack()) !== null,
    };
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`What came is no video: ${messageOf(cause)}.`, { cause });
  } finally {
    input.dispose();
  }
}

function partPath(path: string): string {
  return `${path}.${randomUUID()}.part`;
}
