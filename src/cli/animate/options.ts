/** The options of a video, the same for every command that makes one. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  ASPECT_RATIOS,
  DURATIONS,
  FRAME_RATES,
  ltx23ImageToVideo,
  RESOLUTIONS,
} from '../../worker/models/ltx-2.3-image-to-video.ts';
import type { JobInput } from '../api/client.ts';

/** The model that the commands use. */
export const MODEL = ltx23ImageToVideo;

/** As commander parses them. */
export interface VideoOptions {
  readonly prompt: string;
  readonly endImage?: string;
  readonly duration: number;
  readonly resolution: (typeof RESOLUTIONS)[number];
  readonly aspectRatio: (typeof ASPECT_RATIOS)[number];
  readonly fps: number;
  readonly audio: boolean;
}

/** Adds the options of a video to a command. The prompt is required unless there is a default. */
export function withVideoOptions(command: Command, defaultPrompt?: string): Command {
  const prompt = new Option('--prompt <text>', 'how the image should move');
  return command
    .addOption(defaultPrompt === undefined ? prompt.makeOptionMandatory() : prompt.default(defaultPrompt))
    .option('--end-image <file or URL>', 'makes a transition to this image')
    .addOption(oneOf('--duration <seconds>', 'length of the video', DURATIONS).default(6))
    .addOption(
      new Option('--resolution <name>', 'height of the picture').choices(RESOLUTIONS).default('1080p'),
    )
    .addOption(
      new Option('--aspect-ratio <ratio>', 'shape of the picture').choices(ASPECT_RATIOS).default('auto'),
    )
    .addOption(oneOf('--fps <n>', 'frames per second', FRAME_RATES).default(25))
    .option('--no-audio', 'a video without sound');
}

function oneOf(flags: string, description: string, values: readonly number[]): Option {
  const list = values.join(', ');
  return new Option(flags, `${description} (${list})`).argParser((text) => {
    const value = Number(text);
    if (!values.includes(value)) throw new InvalidArgumentError(`It must be one of ${list}.`);
    return value;
  });
}

/** The job's input that the options stand for, but for the images. */
export function jobInput(options: VideoOptions): Omit<JobInput, 'image_url' | 'end_image_url'> {
  return {
    prompt: options.prompt,
    duration: options.duration,
    resolution: options.resolution,
    aspect_ratio: options.aspectRatio,
    fps: options.fps,
    generate_audio: options.audio,
  };
}

/** How long such a job usually takes upstream, in ms. */
export function usualMs(options: VideoOptions): number {
  return MODEL.usualMs({
    prompt: options.prompt,
    image_url: '',
    duration: options.duration as (typeof DURATIONS)[number],
    resolution: options.resolution,
    aspect_ratio: options.aspectRatio,
    fps: options.fps as (typeof FRAME_RATES)[number],
    generate_audio: options.audio,
  });
}
