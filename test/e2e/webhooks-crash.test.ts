/** kill -9 of the whole service while events are on their way: none is lost, and none changes its id. */

import { afterEach, expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from '../support/dirs.ts';
import { openImageHost } from '../support/image-host.ts';
import { submitInsistently } from '../support/insistent-customer.ts';
import { lastingPort } from '../support/ports.ts';
import { AnswerGate, openReceiver, type Receiver } from '../support/receiver.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { soakOr } from '../support/soak.ts';
import { WebhookAccount } from '../support/webhook-account.ts';

/** Each is made, handed on, and fails, because there is no such picture: three events and no frame to render. */
const JOBS = soakOr(140, 14);
const TYPES = ['job.created', 'job.started', 'job.failed'];
const RECEIVERS = 3;
const DELIVERIES = JOBS * TYPES.length * RECEIVERS;
/** Deliveries that a shard has under way at a time. */
const AT_ONCE = 3;
const KILLS = soakOr(10, 1);
const PATIENCE = { timeout: soakOr(300_000, 60_000), interval: 50 };

const opened: Receiver[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((receiver) => receiver.close()));
});

test(`killed whole among ${DELIVERIES} deliveries, every event comes under its id and is in the log`, {
  timeout: soakOr(900_000, 120_000),
}, async () => {
  const dir = await temporaryDir();
  const images = await openImageHost({});
  const options = { dataDir: dir.path, port: await lastingPort() };
  let service: ServiceProcess = await startServiceProcess(options);
  onTestFinished(async () => {
    await service.killTree();
    await Promise.all([images.close(), dir.remove()]);
  });
  const { url, api_key: apiKey } = service.file;
  const account = new WebhookAccount({ url, apiKey });

  const gate = new AnswerGate();
  while (opened.length < RECEIVERS) {
    const receiver = await openReceiver(async () => {
      await gate.pass();
      return 204;
    });
    opened.push(receiver);
    await account.makeEndpoint(receiver.url, { events: TYPES });
  }

  let outage: Promise<void> | null = null;
  const customer = submitInsistently({
    url: `${url}/api/ltx-2.3-image-to-video`,
    apiKey,
    body: {
      prompt: 'slow zoom in',
      image_url: images.url('no-such-picture.jpg'),
      generate_audio: false,
      response_mode: 'polling',
    },
    count: JOBS,
    lanes: 2,
    outage: () => outage,
  });
  const share = Math.floor(DELIVERIES / (KILLS + 1));
  for (let kill = 0; kill < KILLS; kill++) {
    const passed = gate.passed + share;
    gate.let(share);
    await expect.poll(() => gate.passed, PATIENCE).toBe(passed);
    await expect.poll(() => gate.waiting, PATIENCE).toBe(AT_ONCE);
    const back = Promise.withResolvers<void>();
    outage = back.promise;
    await service.killTree();
    // They have come, and whether they were answered nobody will know.
    gate.forget();
    service = await startServiceProcess(options);
    outage = null;
    back.resolve();
  }
  await customer.all;
  gate.let(Number.MAX_SAFE_INTEGER);

  const delivered = async () => (await account.deliveries({ status: 'delivered' })).length;
  await expect.poll(delivered, { ...PATIENCE, interval: 250 }).toBe(DELIVERIES);
  const deliveries = await account.deliveries();
  const jobs = new Set(customer.accepted.values());
  expect(jobs.size).toBe(JOBS);
  /** The id of each event, by its job and type. */
  const ids = new Map<string, string>();
  for (const { job_id, event, event_id, attempts } of deliveries) {
    const name = `${job_id} ${event}`;
    expect(jobs.has(job_id)).toBe(true);
    expect(ids.get(name) ?? event_id).toBe(event_id);
    ids.set(name, event_id);
    expect(attempts.at(-1)).toMatchObject({ status_code: 204, error: null });
  }
  expect(deliveries).toHaveLength(DELIVERIES);
  expect([...ids.keys()].sort()).toEqual(
    [...jobs].flatMap((jobId) => TYPES.map((type) => `${jobId} ${type}`)).sort(),
  );
  for (const { arrivals } of opened) {
    const times = new Map<string, number>();
    for (const { id, body } of arrivals) {
      const { type, data } = JSON.parse(body);
      expect(id).toBe(ids.get(`${data.job_id} ${type}`));
      times.set(id, (times.get(id) ?? 0) + 1);
    }
    expect(times.size).toBe(ids.size);
    // Once, and again at most for each time that the answer was lost.
    expect(Math.max(...times.values())).toBeLessThanOrEqual(1 + KILLS);
  }
});
