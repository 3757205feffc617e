/**
 * `npm start` as a process: what it writes, Ctrl-C, later starts, and kill -9 in the middle of work. Most of it on one
 * data directory, as whoever has installed it goes on with it: each test begins with what the one before has left.
 */

import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { imageSource, SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import type { AccountSummary, JobStatus } from '../../src/cli/api/answers.ts';
import { Client } from '../../src/cli/api/client.ts';
import { type LocalFile, readLocalFile } from '../../src/cli/local/local-file.ts';
import { isPortFree } from '../../src/cli/serve/ports.ts';
import { identify } from '../../src/cli/serve/processes.ts';
import { temporaryDir } from '../support/dirs.ts';
import { lastingPort } from '../support/ports.ts';
import { startProcess, type TestProcess } from '../support/process.ts';
import { SMALL_FRAMES } from '../support/service-process.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const READY = /^Ctrl-C stops everything/;

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000 });

const cleanups: (() => Promise<unknown>)[] = [];
/** The one directory. */
let path: string;
let port: number;
/** What runs on it. */
let service: TestProcess;
/** The account and its key, from the first start. */
let file: LocalFile;
let account: AccountSummary;

beforeAll(async () => {
  path = await dataDir();
  port = await lastingPort();
});
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function dataDir(): Promise<string> {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  return dir.path;
}

function start(dir: string, at: number): TestProcess {
  const args = ['--import', SMALL_FRAMES, main, 'start', '--data', dir, '--port', String(at)];
  const started = startProcess(process.execPath, args);
  cleanups.push(() => started.killTree());
  return started;
}

async function localFile(): Promise<LocalFile> {
  const file = await readLocalFile(path);
  if (!file) throw new Error('no local.json');
  return file;
}

async function submit(client: Client): Promise<string> {
  const image = await imageSource(SAMPLE_IMAGE);
  if (image.kind !== 'file') throw new Error('the sample is a file');
  const upload = await client.upload(image.bytes, image.type);
  const input = { prompt: 'static', image_url: upload.image_url, generate_audio: false };
  return (await client.submit('ltx-2.3-image-to-video', input)).job_id;
}

async function ended(client: Client, jobId: string): Promise<JobStatus> {
  for (;;) {
    const status = await client.status(jobId, 20);
    if (status.status !== 'in_progress') return status;
  }
}

test('the first start makes an account, tells of it, and keeps its files private', async () => {
  service = start(path, port);
  await service.line(READY);
  file = await localFile();
  expect(file).toEqual({
    url: `http://127.0.0.1:${port}`,
    api_key: expect.stringMatching(/^ff_live_/),
    admin_token: expect.stringMatching(/^ff_admin_/),
    webhook_secret: expect.stringMatching(/^whsec_/),
  });
  for (const name of ['local.json', 'secrets.json', 'service.json']) {
    expect((await stat(join(path, name))).mode & 0o777, name).toBe(0o600);
  }
  account = await new Client(file.url, file.api_key).account();
  expect(account.credits).toEqual({ available: 10_000, held: 0, captured: 0 });
});

test('the printed curl is a complete call: address, key and image answer', async () => {
  const text = service.lines.join('\n');
  const key = /Authorization: Bearer (\S+)'/.exec(text)?.[1] ?? '';
  const body = JSON.parse(/-d '(.*)'$/m.exec(text)?.[1] ?? '') as { image_url: string };
  expect(key).toBe(file.api_key);
  const image = await fetch(body.image_url);
  expect(image.headers.get('Content-Type')).toBe('image/jpeg');
  expect((await image.arrayBuffer()).byteLength).toBe((await stat(SAMPLE_IMAGE)).size);
});

test('a second start on the same data is refused with the way out', async () => {
  const second = start(path, await lastingPort());
  expect(await second.exited).toBe(1);
  expect(second.lines.join('\n')).toContain(`Another service is running on ${path} (process ${service.pid}`);
  expect(second.lines.join('\n')).toContain('--data');
});

test('Ctrl-C stops all of it, and the next start, on another port, has the same account', async () => {
  const tree = await service.tree();
  expect(tree.length).toBeGreaterThan(1);
  service.ctrlC();
  expect(await service.exited).toBe(0);
  expect(service.lines.at(-1)).toContain('stopped');
  expect(await isPortFree(port)).toBe(true);
  await expect.poll(async () => (await Promise.all(tree.map(identify))).filter(Boolean)).toEqual([]);

  port = await lastingPort();
  service = start(path, port);
  await service.line(READY);
  const again = await localFile();
  expect(again).toEqual({ ...file, url: `http://127.0.0.1:${port}` });
  expect((await new Client(again.url, again.api_key).account()).id).toBe(account.id);
});

test('kill -9 in the middle of a render: the next start ends the orphan and the job completes', async () => {
  const client = new Client((await localFile()).url, file.api_key);
  const jobId = await submit(client);
  service.signal('SIGKILL');
  await service.exited;
  expect(await isPortFree(port), 'workerd outlives its parent').toBe(false);

  service = start(path, port);
  await service.line(/ended process \d+, the runtime that a killed service had left/);
  await service.line(READY);
  expect(await ended(client, jobId)).toMatchObject({ status: 'completed', credits_charged: 29 });
  expect((await client.account()).credits).toEqual({ available: 9_971, held: 0, captured: 29 });
});

test('a start whose key was never written down makes another for the same account', async () => {
  service.signal('SIGTERM');
  expect(await service.exited).toBe(0);
  await rm(join(path, 'local.json'));

  service = start(path, port);
  await service.line(READY);
  const after = await localFile();
  expect(after.api_key).not.toBe(file.api_key);
  const { id, credits } = await new Client(after.url, after.api_key).account();
  expect({ id, credits }).toEqual({ id: account.id, credits: { available: 9_971, held: 0, captured: 29 } });
});

test('a port that somebody else holds is an error and leaves nothing running', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const held = typeof address === 'object' && address ? address.port : 0;
  const refused = start(await dataDir(), held);
  expect(await refused.exited).toBe(1);
  expect(refused.lines.join('\n')).toContain(`is held by process ${process.pid}`);
  await new Promise((resolve) => server.close(resolve));
});

test('fal as upstream needs a key and a public address', async () => {
  const attempt = startProcess(
    process.execPath,
    [main, 'start', '--data', await dataDir(), '--upstream', 'fal'],
    {
      env: { FAL_KEY: 'key' },
    },
  );
  cleanups.push(() => attempt.killTree());
  expect(await attempt.exited).toBe(1);
  expect(attempt.lines.join('\n')).toMatch(/must be able to reach this service[\s\S]*--public-url/);
});
