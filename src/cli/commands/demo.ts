/** `npm run demo`: the whole round on a service of its own, and proof of each step. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { imageSource, SAMPLE_IMAGE } from '../animate/image.ts';
import { jobInput, MODEL, type VideoOptions, withVideoOptions } from '../animate/options.ts';
import { type Receiver, startReceiver } from '../animate/receiver.ts';
import { animateImage, type RoundResult, type Stage } from '../animate/round.ts';
import { requireWritable } from '../animate/save.ts';
import { summary } from '../animate/summary.ts';
import { Client } from '../api/client.ts';
import { CliError } from '../errors.ts';
import { ensureLocalAccount } from '../local/account.ts';
import { type LocalService, startLocalService } from '../local/service.ts';
import { freePort } from '../serve/ports.ts';
import type { Terminal } from '../terminal.ts';

const DEMO_PROMPT = 'The camera slowly pushes in over the still lake at dawn while mist drifts by';

/** The event leaves with the job's end; a minute covers a first retry. */
const WEBHOOK_TIMEOUT_MS = 60_000;

/** What the local engine needs for one second of video at 1080p and 25 fps on two cores, in ms. */
const LOCAL_RENDER_MS_PER_SECOND = 1_000;
const PIXELS: Record<VideoOptions['resolution'], number> = { '1080p': 1, '1440p': 1.8, '2160p': 4 };

interface DemoOptions extends VideoOptions {
  readonly out: string;
}

/** Adds the command to the program. */
export function addDemo(program: Command, terminal: Terminal, signal: AbortSignal): void {
  withVideoOptions(
    program
      .command('demo')
      .description('make a video from a photo, end to end, on a service of its own')
      .argument('[image]', 'file or URL of the start image; the bundled picture when left out')
      .option('--out <file>', 'where the video goes; replaced if it exists', 'demo.mp4'),
    DEMO_PROMPT,
  ).action((image: string | undefined, options: DemoOptions) => demo(image, options, terminal, signal));
}

async function demo(
  image: string | undefined,
  options: DemoOptions,
  terminal: Terminal,
  signal: AbortSignal,
) {
  const source = await imageSource(image ?? SAMPLE_IMAGE);
  const endImage = options.endImage === undefined ? undefined : await imageSource(options.endImage);
  await requireWritable(options.out, true);

  const began = performance.now();
  const dataDir = await mkdtemp(join(tmpdir(), 'firstframe-demo-'));
  let service: LocalService | undefined;
  let receiver: Receiver | undefined;
  try {
    service = await startLocalService({
      dataDir,
      port: await freePort(),
      upstream: { kind: 'engine' },
      onStep: (text) => terminal.say(`  ${text}`),
    });
    signal.throwIfAborted();
    const account = await ensureLocalAccount(service, signal);
    receiver = await startReceiver(account.webhookSecret);
    const start: Stage = { name: 'start', ms: performance.now() - began };
    terminal.done(`service at ${service.url}, webhook receiver at ${receiver.url}`, start.ms);

    const result = await animateImage({
      client: new Client(service.url, account.apiKey, signal),
      model: MODEL.id,
      image: source,
      endImage,
      input: { ...jobInput(options), webhook_url: receiver.url },
      out: options.out,
      usualMs:
        options.duration * (options.fps / 25) * PIXELS[options.resolution] * LOCAL_RENDER_MS_PER_SECOND,
      terminal,
      signal,
    });
    const waited = performance.now();
    const { event } = await receiver.event(result.job.job_id, WEBHOOK_TIMEOUT_MS, signal);
    if (event.type !== 'job.completed')
      throw new CliError(`The webhook says ${event.type}, the status "completed".`);
    const webhook: Stage = { name: 'webhook', ms: performance.now() - waited };
    terminal.done('signed webhook received and verified', webhook.ms);
    requireExactCharge(result);
    terminal.say();
    terminal.say(summary(result, { first: [start], last: [webhook] }));
  } finally {
    await receiver?.close();
    await service?.close();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Checks that the account paid the price of this one job and nothing else.
 * @throws {CliError} with the figures.
 */
function requireExactCharge({ job, before, after }: RoundResult): void {
  const paid = before.credits.available - after.credits.available;
  const captured = after.credits.captured - before.credits.captured;
  if (paid !== job.credits_charged || captured !== job.credits_charged || after.credits.held !== 0) {
    throw new CliError(
      `The credits do not add up: ${job.credits_charged} charged, ${paid} gone, ${captured} captured, ${after.credits.held} still held.`,
    );
  }
}
