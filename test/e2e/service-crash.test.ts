/** kill -9 of the whole service, again and again, while it takes jobs in and renders: nothing is lost or done twice. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from '../support/dirs.ts';
import { openImageHost } from '../support/image-host.ts';
import { submitInsistently, submitOnce } from '../support/insistent-customer.ts';
import { picture } from '../support/pictures.ts';
import { lastingPort } from '../support/ports.ts';
import { probe } from '../support/probe.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { SOAK, soakOr } from '../support/soak.ts';
import { engineFiles, objectKeys } from '../support/stored-objects.ts';
import { openWebhookInbox } from '../support/webhook-inbox.ts';

/** Fifty videos of full size take some five minutes of two cores; ten small ones, ten seconds. */
const JOBS = soakOr(50, 10);
const KILLS_AMONG_SUBMITS = soakOr(4, 1);
const KILLS_AMONG_RENDERS = soakOr(6, 1);
const TIMEOUT_MS = soakOr(45, 4) * 60_000;

/** Credits of six seconds at 1080p, and of the demo account. */
const PRICE = 29;
const GRANTED = 10_000;

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

/** So many numbers of `min` to `max`, ascending. */
function moments(count: number, min: number, max: number): number[] {
  return fc.sample(fc.integer({ min, max }), { seed, numRuns: count }).sort((a, b) => a - b);
}

test(`killed whole among ${JOBS} submits and renders, every job ends once (SEED=${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const dir = await temporaryDir();
  const images = await openImageHost({ 'photo.jpg': await picture(640, 360).jpeg().toBuffer() });
  const options = { dataDir: dir.path, port: await lastingPort(), fullSize: SOAK };
  let service: ServiceProcess = await startServiceProcess(options);
  const { file } = service;
  const webhook = new Webhook(file.webhook_secret);
  const inbox = await openWebhookInbox(({ body, headers }) => webhook.verify(body, { ...headers }));
  onTestFinished(async () => {
    await service.killTree();
    await Promise.all([images.close(), inbox.close(), dir.remove()]);
  });
  let outage: Promise<void> | null = null;
  const killAndStart = async () => {
    const back = Promise.withResolvers<void>();
    outage = back.promise;
    await service.killTree();
    service = await startServiceProcess(options);
    outage = null;
    back.resolve();
  };
  const orders = {
    url: `${file.url}/api/ltx-2.3-image-to-video`,
    apiKey: file.api_key,
    body: {
      prompt: 'slow zoom in',
      image_url: images.url('photo.jpg'),
      generate_audio: false,
      response_mode: 'polling',
      webhook_url: inbox.url,
    },
    count: JOBS,
    lanes: 3,
    outage: () => outage,
  };
  /** Waits for a condition of this process or of the service's, and fails where it never comes. */
  const until = (holds: () => boolean | Promise<boolean>, interval: number) =>
    expect.poll(holds, { timeout: TIMEOUT_MS, interval }).toBe(true);

  const customer = submitInsistently(orders);
  for (const accepted of moments(KILLS_AMONG_SUBMITS, 1, JOBS - 4)) {
    await until(() => customer.accepted.size >= accepted, 1);
    await killAndStart();
  }
  await customer.all;
  // The first kill meets the first render; later ones come after as many events, as long as there is a render to kill.
  for (const events of [0, ...moments(KILLS_AMONG_RENDERS - 1, 1, JOBS - 4)]) {
    await until(() => inbox.deliveries.length >= events, 20);
    await until(async () => (await service.renders()).length > 0, 20);
    await killAndStart();
  }

  const jobs = [...customer.accepted.values()];
  expect(new Set(jobs).size).toBe(JOBS);
  for (const jobId of jobs) {
    let status = await service.client.status(jobId, 30);
    while (status.status === 'in_progress') status = await service.client.status(jobId, 30);
    expect(status).toMatchObject({ status: 'completed', credits_charged: PRICE });
  }
  for (const [key, jobId] of customer.accepted) expect(await submitOnce(orders, key)).toBe(jobId);

  const { id, credits } = await service.client.account();
  const captured = PRICE * JOBS;
  expect(credits).toEqual({ available: GRANTED - captured, held: 0, captured });

  expect(await objectKeys(dir.path, 'out/')).toEqual(jobs.map((jobId) => `out/${id}/${jobId}.mp4`).sort());
  expect(await engineFiles(dir.path)).toHaveLength(JOBS);
  for (const jobId of jobs) {
    const status = await service.client.status(jobId, 0);
    if (status.status !== 'completed') throw new Error('An ended job opened again.');
    const path = join(dir.path, 'video.mp4');
    await writeFile(path, await (await fetch(status.result.video.url)).bytes());
    const { streams } = await probe(path);
    expect(streams).toMatchObject([{ codec_name: 'h264', nb_read_frames: '150' }]);
  }

  const ids = await inbox.idsOf(jobs);
  expect([...ids.keys()].sort()).toEqual([...jobs].sort());
  expect([...ids.values()].map((of) => of.size)).toEqual(jobs.map(() => 1));
  const types = inbox.deliveries.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  expect(new Set(types)).toEqual(new Set(['job.completed']));
  expect(inbox.refused).toEqual([]);
});
