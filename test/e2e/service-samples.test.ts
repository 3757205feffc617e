/**
 * The docs page's three samples, unchanged but for host, key and image, against the service with its own engine. Their
 * videos are of full size in a soak run; one that always is comes out of cli-demo.test.ts.
 */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import { type Samples, samples } from '../../src/worker/docs/samples.ts';
import { MODELS } from '../../src/worker/models/index.ts';
import { withoutCurl, withoutPython } from '../support/commands.ts';
import { temporaryDir } from '../support/dirs.ts';
import { type ImageHost, openImageHost } from '../support/image-host.ts';
import { boxes, probe } from '../support/probe.ts';
import { startService, type TestService } from '../support/service.ts';
import { SMALL_FRAME, startRender } from '../support/small-renderer.ts';
import { SOAK } from '../support/soak.ts';

// Renders, on a machine that may be busy with others: in a soak run three of full size.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

/** What the samples ask for; but as much smaller as the frames are that stand for the engine's. */
const FRAME = SOAK ? { width: 1_920, height: 1_080 } : SMALL_FRAME;

const run = promisify(execFile);
const [model] = MODELS;
if (!model) throw new Error('the catalogue is empty');

const noPython = await withoutPython();
const noCurl = await withoutCurl();

let service: TestService;
let images: ImageHost;
let dir: Awaited<ReturnType<typeof temporaryDir>>;
let texts: Samples;

beforeAll(async () => {
  dir = await temporaryDir();
  images = await openImageHost({ 'photo.jpg': await readFile(SAMPLE_IMAGE) });
  service = await startService({
    crons: true,
    upstream: { kind: 'engine', ...(SOAK ? {} : { startRender }) },
  });
  texts = samples(model, {
    baseUrl: service.url,
    apiKey: service.apiKey,
    imageUrl: images.url('photo.jpg'),
  });
});
afterAll(async () => {
  await Promise.all([service.close(), images.close()]);
  await dir.remove();
});

/** A program's standard output. It fails the test when the program does. */
async function output(command: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, no_proxy: '127.0.0.1' };
  return (await run(command, args, { env })).stdout.trim();
}

/** Fetches what a sample printed, and looks into it. */
async function expectVideo(url: string): Promise<void> {
  const path = join(dir.path, 'video.mp4');
  await writeFile(path, await (await fetch(url)).bytes());
  expect(await boxes(path)).toEqual(['ftyp', 'moov', 'free', 'mdat']);
  expect((await probe(path)).streams).toMatchObject([
    { codec_name: 'h264', ...FRAME, r_frame_rate: '25/1', nb_read_frames: '150' },
    { codec_name: 'aac', channels: 2 },
  ]);
}

const Answer = z.object({
  job_id: z.string(),
  credits_charged: z.literal(29),
  cost_usd: z.literal(0.288),
  result: z.object({
    video: z.object({
      url: z.url(),
      content_type: z.literal('video/mp4'),
      duration: z.literal(6),
      width: z.literal(FRAME.width),
      height: z.literal(FRAME.height),
      fps: z.literal(25),
    }),
  }),
});

test.skipIf(noCurl !== null)('curl waits inline and gets the video', async () => {
  const answer = Answer.parse(JSON.parse(await output('sh', ['-c', texts.curl])));
  await expectVideo(answer.result.video.url);
});

test.skipIf(noPython !== null)('Python polls and prints the address of the video', async () => {
  await expectVideo(await output('python3', ['-c', texts.python]));
});

test('JavaScript polls and prints the address of the video', async () => {
  const path = join(dir.path, 'sample.mjs');
  await writeFile(path, texts.javascript);
  await expectVideo(await output(process.execPath, [path]));
});
