/** Serving a Worker through Miniflare: state that survives, crons, logs, and ports that are taken. */

import { chmod, mkdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { type LogEntry, logLine } from '../../src/cli/serve/log.ts';
import { type Served, serveWorker } from '../../src/cli/serve/serve.ts';
import { temporaryDir } from '../support/dirs.ts';
import { lastingPort } from '../support/ports.ts';

const configPath = fileURLToPath(new URL('./tiny-worker/wrangler.toml', import.meta.url));

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

async function serve(path: string, onLog?: (entry: LogEntry) => void): Promise<Served> {
  const port = await lastingPort();
  const served = await serveWorker({
    dataDir: path,
    port,
    configPath,
    vars: { OVERRIDDEN: 'given' },
    crons: false,
    ...(onLog ? { onLog } : {}),
  });
  cleanups.push(() => served.close());
  return served;
}

async function json(url: string): Promise<unknown> {
  return await (await fetch(url)).json();
}

test('the configuration is read, given variables win, objects and bucket survive a restart', async () => {
  const path = await dataDir();
  const first = await serve(path);
  expect(await json(`${first.url}/vars`)).toEqual({ fromConfig: 'config', overridden: 'given' });
  expect(await json(`${first.url}/add`)).toEqual({ n: 1 });
  await fetch(`${first.url}/put`, { method: 'PUT', body: 'kept' });
  await first.close();
  await expect(fetch(`${first.url}/vars`)).rejects.toThrow();

  const second = await serve(path);
  expect(await json(`${second.url}/add`)).toEqual({ n: 2 });
  expect(await (await fetch(`${second.url}/get`)).text()).toBe('kept');
});

test('the state is for its owner alone, also in a directory that others may enter, and was there before', async () => {
  const path = await dataDir();
  await chmod(path, 0o755);
  await mkdir(join(path, 'worker'), { mode: 0o755 });
  await serve(path);
  expect((await stat(join(path, 'worker'))).mode & 0o777).toBe(0o700);
});

test('tick runs the scheduled handler', async () => {
  const served = await serve(await dataDir());
  expect((await served.tick()).outcome).toBe('ok');
  await served.tick();
  expect(await json(`${served.url}/ticks`)).toEqual({ n: 2 });
});

test('crons run once at the start', async () => {
  const served = await serveWorker({
    dataDir: await dataDir(),
    port: await lastingPort(),
    configPath,
    vars: {},
  });
  cleanups.push(() => served.close());
  // A minute may begin while the test runs, so it may be more than one.
  await expect.poll(() => json(`${served.url}/ticks`)).not.toEqual({ n: 0 });
});

test('log lines reach the caller as they were written', async () => {
  const entries: LogEntry[] = [];
  const served = await serve(await dataDir(), (entry) => entries.push(entry));
  await fetch(`${served.url}/log`);
  await expect.poll(() => entries.length).toBe(1);
  const entry = entries[0] as LogEntry;
  expect(JSON.parse(logLine(entry, new Date(0)))).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'log',
    job_id: 'job_1',
    event: 'seen',
  });
});

test('a port that somebody else holds is an error that names the process', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const attempt = serveWorker({ dataDir: await dataDir(), port, configPath, vars: {} });
  await expect(attempt).rejects.toMatchObject({ name: 'CliError' });
  await expect(attempt).rejects.toThrow(
    `Port ${port}, where the service is to answer, is held by process ${process.pid}`,
  );
});
