/** One service whose processes are killed one at a time: a render, the runtime, the parent. And the start after that. */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JobStatus } from '../../src/cli/api/answers.ts';
import { identify, listenerOf } from '../../src/cli/serve/processes.ts';
import { temporaryDir } from '../support/dirs.ts';
import { type ImageHost, openImageHost } from '../support/image-host.ts';
import { picture } from '../support/pictures.ts';
import { lastingPort } from '../support/ports.ts';
import { killOne } from '../support/process.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { openWebhookInbox, type WebhookInbox } from '../support/webhook-inbox.ts';

const PATIENCE_MS = 180_000;
vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

const MODEL = 'ltx-2.3-image-to-video';
const PRICE = 29;
const GRANTED = 10_000;

let dir: Awaited<ReturnType<typeof temporaryDir>>;
let images: ImageHost;
let inbox: WebhookInbox;
let options: { dataDir: string; port: number };
let service: ServiceProcess;
/** How every job so far ended. */
const endings = new Map<string, JobStatus['status']>();

beforeAll(async () => {
  dir = await temporaryDir();
  images = await openImageHost({ 'photo.jpg': await picture(640, 360).jpeg().toBuffer() });
  inbox = await openWebhookInbox();
  const dataDir = join(dir.path, 'data');
  await mkdir(dataDir);
  options = { dataDir, port: await lastingPort() };
  service = await startServiceProcess(options);
});
afterAll(async () => {
  await service.killTree();
  await Promise.all([images.close(), inbox.close()]);
  await dir.remove();
});

function input() {
  return {
    prompt: 'pan left',
    image_url: images.url('photo.jpg'),
    generate_audio: false,
    webhook_url: inbox.url,
  };
}

async function submit(): Promise<string> {
  return (await service.client.submit(MODEL, input())).job_id;
}

/** Waits for a job's end, and for its event. */
async function ended(jobId: string): Promise<JobStatus> {
  let status = await service.client.status(jobId, 30);
  while (status.status === 'in_progress') status = await service.client.status(jobId, 30);
  endings.set(jobId, status.status);
  expect((await inbox.idsOf([jobId])).get(jobId)?.size).toBe(1);
  return status;
}

function completed(): number {
  return [...endings.values()].filter((status) => status === 'completed').length;
}

/** Every credit is where the jobs' endings put it. */
async function expectMoneyRight(): Promise<void> {
  const captured = PRICE * completed();
  const { credits } = await service.client.account();
  expect(credits).toEqual({ available: GRANTED - captured, held: 0, captured });
}

/** SIGKILL to one process, and its end. */
async function killAlone(pid: number | undefined): Promise<void> {
  killOne(pid);
  await expect.poll(() => identify(pid), { timeout: PATIENCE_MS }).toBeNull();
}

/** The process that renders, once there is one. */
async function renderOf(running: ServiceProcess): Promise<number> {
  const find = async () => {
    // One look both finds and names it: by the next it may have ended.
    const [render] = await running.renders();
    if (render === undefined) throw new Error('Nothing is rendered yet.');
    return render;
  };
  return vi.waitFor(find, { timeout: PATIENCE_MS, interval: 20 });
}

test('a killed render fails its job, which costs nothing; the next job is rendered', async () => {
  const go = images.hold();
  const [first, second] = [await submit(), await submit()];
  await killAlone(await renderOf(service));
  go();
  expect(await ended(first)).toMatchObject({ status: 'failed', credits_charged: 0 });
  expect(await ended(second)).toMatchObject({ status: 'completed', credits_charged: PRICE });
  await expectMoneyRight();
});

test('a killed runtime comes back on its port; a call that it cut off is repeated and gets its one job', async () => {
  const inline = () =>
    fetch(`${service.file.url}/api/${MODEL}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-API-Key': service.file.api_key,
        'Idempotency-Key': 'inline',
      },
      body: JSON.stringify(input()),
    });
  const go = images.hold();
  const cutOff = inline();
  const jobs = [await submit(), await submit()];
  const charged = async () => GRANTED - (await service.client.account()).credits.available;
  await expect.poll(charged, { timeout: PATIENCE_MS }).toBe(PRICE * (completed() + 3));
  await renderOf(service);
  const [runtime] = await service.runtimes();
  expect(await listenerOf(options.port)).toBe(runtime);
  await Promise.all([killAlone(runtime), expect(cutOff).rejects.toThrow()]);
  go();
  for (const jobId of jobs) expect(await ended(jobId)).toMatchObject({ status: 'completed' });

  const repeated = await inline();
  const { job_id } = (await repeated.json()) as { job_id: string };
  expect([repeated.status, repeated.headers.get('Idempotent-Replayed')]).toEqual([200, 'true']);
  expect(await ended(job_id)).toMatchObject({ status: 'completed' });
  await expectMoneyRight();

  const [successor] = await service.runtimes();
  expect(successor).not.toBe(runtime);
  const record = JSON.parse(await readFile(join(options.dataDir, 'service.json'), 'utf8'));
  expect(record).toMatchObject({ pid: service.pid, runtime: { pid: successor } });
});

test('a killed parent leaves a runtime that still takes jobs in; the next start ends it and the jobs', async () => {
  const go = images.hold();
  const rendered = await submit();
  await renderOf(service);
  service.signal('SIGKILL');
  await service.exited;
  go();
  const accepted = await submit();
  const orphan = await listenerOf(options.port);
  service = await startServiceProcess(options);
  expect(service.lines.join('\n')).toContain(
    `ended process ${orphan}, the runtime that a killed service had left`,
  );
  for (const jobId of [rendered, accepted]) expect(await ended(jobId)).toMatchObject({ status: 'completed' });
  await expectMoneyRight();
});

test('after Ctrl-C the next start has every job, the balance, and the videos', async () => {
  const { id, credits } = await service.client.account();
  service.signal('SIGINT');
  expect(await service.exited).toBe(0);
  service = await startServiceProcess(options);
  expect(await service.client.account()).toMatchObject({ id, credits });
  for (const [jobId, ending] of endings) {
    const status = await service.client.status(jobId, 0);
    expect(status.status).toBe(ending);
    if (status.status !== 'completed') continue;
    const video = await fetch(status.result.video.url, { method: 'HEAD' });
    expect(video.headers.get('Content-Type')).toBe('video/mp4');
  }
});
