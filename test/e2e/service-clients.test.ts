/** Customers' images, webhooks and generators of clients at the public door, with the engine's renders in small frames. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import sharp, { type Sharp } from 'sharp';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CompletedJob } from '../../src/cli/api/answers.ts';
import type { JobInput } from '../../src/cli/api/client.ts';
import { temporaryDir } from '../support/dirs.ts';
import { makeHeic } from '../support/heic.ts';
import { dataUri, picture, pictureRgb } from '../support/pictures.ts';
import { frameAt, probe, psnr } from '../support/probe.ts';
import { startService, type TestService } from '../support/service.ts';
import { SMALL_FRAME, startRender } from '../support/small-renderer.ts';
import { SOAK } from '../support/soak.ts';
import { openWebhookInbox } from '../support/webhook-inbox.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const MODEL = 'ltx-2.3-image-to-video';
/** Frames of six seconds. */
const FRAMES = 150;
/** Peak signal-to-noise ratio in dB of a frame that shows an image. Another image's is below 20. */
const ALIKE = 30;

let service: TestService;
let dir: Awaited<ReturnType<typeof temporaryDir>>;

beforeAll(async () => {
  dir = await temporaryDir();
  service = await startService({ upstream: { kind: 'engine', startRender } });
});
afterAll(async () => {
  await service.close();
  await dir.remove();
});

/** Has a video made and fetches it. */
async function make(input: Omit<JobInput, 'prompt'>): Promise<{ job: CompletedJob; path: string }> {
  const { client } = service;
  const { job_id } = await client.submit(MODEL, { prompt: 'slow zoom in', generate_audio: false, ...input });
  let job = await client.status(job_id, 30);
  while (job.status === 'in_progress') job = await client.status(job_id, 30);
  if (job.status !== 'completed') throw new Error(JSON.stringify(job));
  const path = join(dir.path, `${job_id}.mp4`);
  await writeFile(path, await (await fetch(job.result.video.url)).bytes());
  return { job, path };
}

/** The address that an upload of `bytes` gives. */
async function uploaded(bytes: Buffer, type: string): Promise<string> {
  return (await service.client.upload(new Uint8Array(bytes), type)).image_url;
}

/** What the first frame shows of an image: as much of its middle as has the frame's shape. */
function framing(image: Sharp, width: number, height: number): Sharp {
  return image.resize(width, height, { fit: 'cover' });
}

describe('a video begins with the image that was sent', () => {
  const [width, height] = [640, 400];
  /** Each format both ways in a soak run, else each by one of them. */
  const both = ['data', 'upload'] as const;
  const WAYS = SOAK ? { data: both, upload: both } : ({ data: ['data'], upload: ['upload'] } as const);
  const heic = () => makeHeic({ width, height, rgb: pictureRgb(width, height) });
  test.each([
    ['PNG', 'image/png', WAYS.data, () => picture(width, height).png().toBuffer()],
    ['JPEG', 'image/jpeg', WAYS.upload, () => picture(width, height).jpeg().toBuffer()],
    ['WebP', 'image/webp', WAYS.data, () => picture(width, height).webp().toBuffer()],
    ['AVIF', 'image/avif', WAYS.upload, () => picture(width, height).avif().toBuffer()],
    ['HEIC', 'image/heic', WAYS.data, async () => heic()],
  ])('%s, %s, as %j', async (_, type, ways, encode) => {
    const bytes = await encode();
    const start = framing(picture(width, height), SMALL_FRAME.width, SMALL_FRAME.height);
    for (const way of ways) {
      const image_url = way === 'data' ? dataUri(bytes, type) : await uploaded(bytes, type);
      const { job, path } = await make({ image_url });
      expect(job).toMatchObject({
        credits_charged: 29,
        result: { video: { ...SMALL_FRAME, fps: 25, duration: 6 } },
      });
      expect(await psnr(await frameAt(path, 0), start)).toBeGreaterThan(ALIKE);
    }
  });

  test('a photo taken upright, stored lying, makes a portrait video', async () => {
    const upright = picture(400, 640);
    // As a phone stores it: the pixels of a lying sensor, and a note that they are to be turned.
    const bytes = await sharp(await upright.clone().rotate(270).png().toBuffer())
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { job, path } = await make({ image_url: await uploaded(bytes, 'image/jpeg') });
    const { width: high, height: wide } = SMALL_FRAME;
    expect(job.result.video).toMatchObject({ width: wide, height: high });
    expect(await psnr(await frameAt(path, 0), framing(upright, wide, high))).toBeGreaterThan(ALIKE);
  });

  test('and ends with the end image, with sound where it is wanted', async () => {
    const [start, end] = [picture(640, 360, 2), picture(500, 500, 3)];
    const { path } = await make({
      image_url: dataUri(await start.clone().png().toBuffer()),
      end_image_url: dataUri(await end.clone().webp().toBuffer(), 'image/webp'),
      generate_audio: true,
    });
    const { streams } = await probe(path);
    expect(streams).toMatchObject([{ nb_read_frames: String(FRAMES) }, { codec_name: 'aac' }]);
    const { width: w, height: h } = SMALL_FRAME;
    expect(await psnr(await frameAt(path, 0), framing(start, w, h))).toBeGreaterThan(ALIKE);
    expect(await psnr(await frameAt(path, FRAMES - 1), framing(end, w, h))).toBeGreaterThan(ALIKE);
  });
});

describe('webhooks', () => {
  test.each([
    ['standardwebhooks', StandardWebhook],
    ['svix', SvixWebhook],
  ])('the library %s takes them, and takes none that was changed', async (_, Webhook) => {
    const inbox = await openWebhookInbox();
    try {
      const { job } = await make({
        image_url: dataUri(await picture(640, 360).png().toBuffer()),
        webhook_url: inbox.url,
      });
      await inbox.idsOf([job.job_id]);
      const [delivery] = inbox.deliveries;
      if (!delivery) throw new Error('no delivery');
      const webhook = new Webhook(await service.client.webhookSecret());
      const { body } = delivery;
      const headers = { ...delivery.headers };
      expect(webhook.verify(body, headers)).toMatchObject({
        type: 'job.completed',
        data: { job_id: job.job_id, status: 'completed', credits_charged: 29 },
      });
      expect(() =>
        webhook.verify(body.replace('"credits_charged":29', '"credits_charged":0'), headers),
      ).toThrow();
      expect(() => webhook.verify(body, { ...headers, 'webhook-id': 'msg_other' })).toThrow();
    } finally {
      await inbox.close();
    }
  });
});

test('the OpenAPI document is valid and whole: its references lead somewhere, its URLs to this service', async () => {
  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as Record<string, unknown>;
  const validator = new Validator();
  expect(await validator.validate(document)).toMatchObject({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(JSON.stringify(validator.resolveRefs())).not.toContain('"$ref"');
  expect(document.servers).toEqual([{ url: service.url }]);
});
