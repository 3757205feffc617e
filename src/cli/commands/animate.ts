/** `npm run animate`: a video from an image, through a service that is already running. */

import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { imageSource } from '../animate/image.ts';
import { jobInput, MODEL, usualMs, type VideoOptions, withVideoOptions } from '../animate/options.ts';
import { animateImage } from '../animate/round.ts';
import { requireWritable } from '../animate/save.ts';
import { summary } from '../animate/summary.ts';
import { Client } from '../api/client.ts';
import { customerAccess } from '../local/access.ts';
import { DEFAULT_DATA_DIR } from '../local/local-file.ts';
import type { Terminal } from '../terminal.ts';

interface AnimateOptions extends VideoOptions {
  readonly out?: string;
  readonly force?: boolean;
  readonly url?: string;
  readonly key?: string;
  readonly data: string;
  readonly webhookUrl?: string;
}

/** Adds the command to the program. */
export function addAnimate(program: Command, terminal: Terminal, signal: AbortSignal): void {
  withVideoOptions(
    program
      .command('animate')
      .description('make a video from an image on a running service')
      .argument('<image>', 'file or URL of the start image')
      .option('--out <file>', "where the video goes (default: the image's name with .mp4, here)")
      .option('--force', 'replace the file if it exists')
      .option('--webhook-url <url>', 'where the signed event goes when the job ends')
      .option('--url <url>', 'the service (or FIRSTFRAME_URL; default: the one that npm start runs)')
      .option('--key <key>', 'the API key (or FIRSTFRAME_API_KEY)')
      .option('--data <dir>', 'the data directory of npm start', DEFAULT_DATA_DIR),
  ).action((image: string, options: AnimateOptions) => animate(image, options, terminal, signal));
}

async function animate(image: string, options: AnimateOptions, terminal: Terminal, signal: AbortSignal) {
  const source = await imageSource(image);
  const endImage = options.endImage === undefined ? undefined : await imageSource(options.endImage);
  const out = options.out ?? defaultOut(image);
  await requireWritable(out, options.force ?? false);
  const access = await customerAccess(options, process.env);
  const result = await animateImage({
    client: new Client(access.url, access.key, signal),
    model: MODEL.id,
    image: source,
    endImage,
    input: {
      ...jobInput(options),
      ...(options.webhookUrl === undefined ? {} : { webhook_url: options.webhookUrl }),
    },
    out,
    usualMs: usualMs(options),
    terminal,
    signal,
  });
  terminal.say();
  terminal.say(summary(result));
}

/** `photos/lake.jpg` becomes `lake.mp4`; a URL likewise, by the last part of its path. */
export function defaultOut(image: string): string {
  const path = /^https?:\/\//i.test(image) ? new URL(image).pathname : image;
  const name = basename(path, extname(path));
  return `${name === '' ? 'video' : name}.mp4`;
}
