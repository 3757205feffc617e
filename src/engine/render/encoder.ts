/** FFmpeg as a child process: raw frames and samples in, an MP4 out. It is only ever fed what we made. */

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Writable } from 'node:stream';
import { SAMPLE_RATE } from './ambience.ts';
import type { Size } from './job.ts';
import { tail } from './tail.ts';

/** What is encoded. */
export interface Encoding {
  readonly ffmpeg: string;
  readonly path: string;
  readonly size: Size;
  readonly fps: number;
  /** Whether there is a sound track. */
  readonly audio: boolean;
}

/** FFmpeg could not be run or failed. The message ends with its last words. */
export class EncoderError extends Error {
  override name = 'EncoderError';
}

/** An encoder at work. */
export interface Encoder {
  /** Writes an I420 frame; its memory may be overwritten once the promise is fulfilled. One at a time. */
  writeFrame(frame: Uint8Array): Promise<void>;
  /** Writes s16le stereo samples in the same way. The two do not wait for each other and must be written in parallel. */
  writeAudio(samples: Uint8Array): Promise<void>;
  endAudio(): void;
  /** Ends the video; fulfilled when the file is whole. */
  finish(): Promise<void>;
}

/**
 * `ultrafast` with the tools back on that halve the file at no cost; the 2018 build's CAVLC is slower than its CABAC
 * (measured: 47.3 dB and 4.1 MB instead of 47.0 dB and 7.6 MB for 6 s at 1080p25).
 */
const X264 = 'cabac=1:bframes=3:b-adapt=0:8x8dct=1:deblock=0,0';

const CRF = 20;

/** Ceiling of the bit rate, in bits a pixel a frame: reached by film grain only. 1080p25 gets 10 Mbit/s. */
const MAX_BITS_PER_PIXEL = 0.2;

/** A key frame this often makes seeking quick. */
const KEYFRAME_SECONDS = 2;

/** More threads hold more frames, 19 MB each at 2160p, and gain nothing at this preset. */
const MAX_THREADS = 12;

/** Limited-range BT.709, for the frames that come in and for the stream: alike, so that FFmpeg converts nothing. */
const COLOUR = [
  '-color_range',
  'tv',
  '-colorspace',
  'bt709',
  '-color_primaries',
  'bt709',
  '-color_trc',
  'bt709',
];

/** FFmpeg's arguments. */
export function encoderArguments(encoding: Encoding): string[] {
  const { size, fps, audio, path } = encoding;
  const maxrate = Math.round(size.width * size.height * fps * MAX_BITS_PER_PIXEL);
  const threads = Math.min(MAX_THREADS, Math.ceil(1.5 * availableParallelism()));
  return [
    ...['-hide_banner', '-nostdin', '-loglevel', 'error', '-y'],
    ...['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${size.width}x${size.height}`, '-r', `${fps}`],
    ...[...COLOUR, '-i', 'pipe:0'],
    ...(audio ? ['-f', 's16le', '-ar', `${SAMPLE_RATE}`, '-ac', '2', '-i', 'pipe:3'] : []),
    ...['-map', '0:v', ...(audio ? ['-map', '1:a'] : [])],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', `${CRF}`, '-x264-params', X264],
    ...['-maxrate', `${maxrate}`, '-bufsize', `${2 * maxrate}`, '-g', `${KEYFRAME_SECONDS * fps}`],
    ...['-threads', `${threads}`, '-pix_fmt', 'yuv420p', ...COLOUR],
    ...(audio ? ['-c:a', 'aac', '-b:a', '192k'] : []),
    ...['-movflags', '+faststart', '-f', 'mp4', path],
  ];
}

/**
 * Starts FFmpeg.
 *
 * @param signal Kills it.
 */
export function openEncoder(encoding: Encoding, signal: AbortSignal): Encoder {
  const child = spawn(encoding.ffmpeg, encoderArguments(encoding), {
    // The last is our own stderr, which FFmpeg only holds open: whoever waits for it to close waits for both processes.
    stdio: ['pipe', 'ignore', 'pipe', encoding.audio ? 'pipe' : 'ignore', 2],
    windowsHide: true,
  });
  const { stdin, stderr: errors } = child;
  if (!stdin || !errors) throw new EncoderError('FFmpeg got no pipes.');
  const stderr = tail();
  errors.on('data', (chunk: Buffer) => stderr.add(chunk));
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();

  let failure: EncoderError | undefined;
  let ended = false;
  const closed = new Promise<void>((resolve) => {
    child.once('error', (cause) => {
      failure ??= new EncoderError(`FFmpeg (${encoding.ffmpeg}) does not run: ${cause.message}`);
      resolve();
    });
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', kill);
      if (code !== 0 || !ended) {
        const end = killedBy ? `was killed by ${killedBy}` : `ended with code ${code}`;
        failure ??= new EncoderError(
          `FFmpeg ${end}${ended ? '' : ' before the video did'}. ${stderr.text()}`.trim(),
        );
      }
      resolve();
    });
  });

  const audio = child.stdio[3] as Writable | null;
  // A pipe whose reader died says so to the write that is under way, which waits for the reason below.
  for (const pipe of [stdin, audio]) pipe?.on('error', () => {});

  const write = async (pipe: Writable, bytes: Uint8Array): Promise<void> => {
    const cause = await new Promise<unknown>((resolve) => {
      pipe.write(bytes, resolve);
    });
    if (!cause) return;
    await closed;
    throw failure ?? new EncoderError(`FFmpeg stopped reading: ${cause}`);
  };

  return {
    writeFrame: (frame) => write(stdin, frame),
    writeAudio: (samples) => {
      if (!audio) throw new EncoderError('The video has no sound track.');
      return write(audio, samples);
    },
    endAudio: () => audio?.end(),
    finish: async () => {
      ended = true;
      stdin.end();
      await closed;
      if (failure) throw failure;
    },
  };
}
