/** `npm start` as a process: what it writes, Ctrl-C, a second start, and kill -9 in the middle of work. */

import { once } from 'node:events';
import { rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { imageSource, SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import type { JobStatus } from '../../src/cli/api/answers.ts';
import { Client } from '../../src/cli/api/client.ts';
import { type LocalFile, readLocalFile } from '../../src/cli/local/local-file.ts';
import { freePort, isPortFree } from '../../src/cli/serve/ports.ts';
import { temporaryDir } from '../support/dirs.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const READY = /^Ctrl-C stops everything/;

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000 });

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function dataDir(): Promise<string> {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  return dir.path;
}

function start(path: string, port: number, ...more: string[]): TestProcess {
  const process_ = startProcess(process.execPath, [
    main,
    'start',
    '--data',
    path,
    '--port',
    String(port),
    ...more,
  ]);
  cleanups.push(() => process_.killTree());
  return process_;
}

async function localFile(path: string): Promise<LocalFile> {
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

test('first start, Ctrl-C, second start: the same account, and private files', async () => {
  const path = await dataDir();
  const port = await freePort();
  const first = start(path, port);
  await first.line(READY);
  const file = await localFile(path);
  expect(file).toEqual({
    url: `http://127.0.0.1:${port}`,
    api_key: expect.stringMatching(/^ff_live_/),
    admin_token: expect.stringMatching(/^ff_admin_/),
    webhook_secret: expect.stringMatching(/^whsec_/),
  });
  for (const name of ['local.json', 'secrets.json', 'service.json']) {
    expect((await stat(join(path, name))).mode & 0o777, name).toBe(0o600);
  }
  const account = await new Client(file.url, file.api_key).account();
  expect(account.credits).toEqual({ available: 10_000, held: 0, captured: 0 });
  const tree = await first.tree();
  expect(tree.length).toBeGreaterThan(1);
  first.ctrlC();
  expect(await first.exited).toBe(0);
  expect(first.lines.at(-1)).toContain('stopped');
  expect(await isPortFree(port)).toBe(true);

  const otherPort = await freePort();
  const second = start(path, otherPort);
  await second.line(READY);
  const again = await localFile(path);
  expect(again).toEqual({ ...file, url: `http://127.0.0.1:${otherPort}` });
  expect((await new Client(again.url, again.api_key).account()).id).toBe(account.id);
});

test('the printed curl is a complete call: address, key and image answer', async () => {
  const path = await dataDir();
  const service = start(path, await freePort());
  await service.line(READY);
  const text = service.lines.join('\n');
  const key = /Authorization: Bearer (\S+)'/.exec(text)?.[1] ?? '';
  const body = JSON.parse(/-d '(.*)'$/m.exec(text)?.[1] ?? '') as { image_url: string };
  expect(key).toBe((await localFile(path)).api_key);
  const image = await fetch(body.image_url);
  expect(image.headers.get('Content-Type')).toBe('image/jpeg');
  expect((await image.arrayBuffer()).byteLength).toBe((await stat(SAMPLE_IMAGE)).size);
});

test('kill -9 in the middle of a render: the next start ends the orphan and the job completes', async () => {
  const path = await dataDir();
  const port = await freePort();
  const first = start(path, port);
  await first.line(READY);
  const { url, api_key } = await localFile(path);
  const client = new Client(url, api_key);
  const jobId = await submit(client);
  first.signal('SIGKILL');
  await first.exited;
  expect(await isPortFree(port), 'workerd outlives its parent').toBe(false);

  const second = start(path, port);
  await second.line(/ended process \d+, the runtime that a killed service had left/);
  await second.line(READY);
  expect(await ended(client, jobId)).toMatchObject({ status: 'completed', credits_charged: 29 });
  expect((await client.account()).credits).toEqual({ available: 9_971, held: 0, captured: 29 });
});

test('a second start on the same data is refused with the way out', async () => {
  const path = await dataDir();
  const port = await freePort();
  const first = start(path, port);
  await first.line(READY);
  const second = start(path, await freePort());
  expect(await second.exited).toBe(1);
  expect(second.lines.join('\n')).toContain(`Another service is running on ${path} (process ${first.pid}`);
  expect(second.lines.join('\n')).toContain('--data');
});

test('a port that somebody else holds is an error and leaves nothing running', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const service = start(await dataDir(), port);
  expect(await service.exited).toBe(1);
  expect(service.lines.join('\n')).toContain(`is held by process ${process.pid}`);
});

test('a start whose key was never written down makes another for the same account', async () => {
  const path = await dataDir();
  const first = start(path, await freePort());
  await first.line(READY);
  const before = await localFile(path);
  const accountId = (await new Client(before.url, before.api_key).account()).id;
  first.signal('SIGTERM');
  expect(await first.exited).toBe(0);
  await rm(join(path, 'local.json'));

  const second = start(path, await freePort());
  await second.line(READY);
  const after = await localFile(path);
  expect(after.api_key).not.toBe(before.api_key);
  const account = await new Client(after.url, after.api_key).account();
  expect(account).toMatchObject({ id: accountId, credits: { available: 10_000 } });
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
