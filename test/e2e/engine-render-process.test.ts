import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Render } from '../../src/engine/contract.ts';
import { type ProcessOptions, startProcess } from '../../src/engine/render/process.ts';
import { picture } from '../support/pictures.ts';
import { killOne, killQuietly } from '../support/process.ts';
import { followersOf, groupGone, renderJob, type Scratch, scratch, smallJob } from '../support/render.ts';

const TIMEOUT = 60_000;

let directory: Scratch;
beforeEach(async () => {
  directory = await scratch();
});
afterEach(() => directory.remove());

/** A render that would take minutes, once its first frames are written. */
async function underWay(options: Partial<ProcessOptions> = {}): Promise<Render & { readonly pid: number }> {
  const job = await smallJob({ duration: 3_600, generate_audio: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  const onProgress = (done: number): void => {
    if (done > 0) resolve();
  };
  const render = startProcess(
    { request: job.request },
    { outputPath: directory.output(), onProgress, ...options },
  );
  await promise;
  if (render.pid === undefined) throw new Error('A render under way has a process.');
  return { ...render, pid: render.pid };
}

describe('a cancel', () => {
  test('of a render under way kills child and FFmpeg and leaves nothing', { timeout: TIMEOUT }, async () => {
    const render = await underWay();
    await directory.appears('video.mp4.part');
    render.cancel();
    render.cancel();
    expect(await render.outcome).toEqual({ kind: 'canceled' });
    await groupGone(render.pid);
    expect(await directory.files()).toEqual([]);
  });

  test('at once is a cancel too', { timeout: TIMEOUT }, async () => {
    const render = startProcess(await smallJob(), { outputPath: directory.output() });
    render.cancel();
    expect(await render.outcome).toEqual({ kind: 'canceled' });
    expect(await directory.files()).toEqual([]);
  });

  test('that comes too late changes nothing', { timeout: TIMEOUT }, async () => {
    const render = startProcess(await smallJob(), { outputPath: directory.output() });
    expect((await render.outcome).kind).toBe('done');
    render.cancel();
    expect(await directory.files()).toEqual(['video.mp4']);
  });
});

describe('a crash', () => {
  test('of the child ends that render alone and leaves nothing', { timeout: TIMEOUT }, async () => {
    const other = renderJob(await smallJob(), { outputPath: directory.output('other.mp4') });
    const render = await underWay();
    killOne(render.pid);
    expect(await render.outcome).toEqual({
      kind: 'crashed',
      message: expect.stringContaining('signal SIGKILL'),
    });
    await groupGone(render.pid);
    expect((await other).kind).toBe('done');
    expect(await directory.files()).toEqual(['other.mp4']);
  });

  test.runIf(process.platform === 'linux')('of FFmpeg alone is one too', { timeout: TIMEOUT }, async () => {
    const render = await underWay();
    for (const pid of await followersOf(render.pid)) killQuietly(pid);
    expect(await render.outcome).toEqual({
      kind: 'crashed',
      message: expect.stringContaining('FFmpeg was killed by SIGKILL'),
    });
    await groupGone(render.pid);
    expect(await directory.files()).toEqual([]);
  });

  test('for want of memory is one too, with the last words', { timeout: TIMEOUT }, async () => {
    const job = await smallJob({ image_url: `data:;base64,${'A'.repeat(24 << 20)}` });
    const outcome = await renderJob(job, { outputPath: directory.output(), heapMiB: 16 });
    expect(outcome).toEqual({ kind: 'crashed', message: expect.stringContaining('out of memory') });
    expect(await directory.files()).toEqual([]);
  });

  test('is what a child that is stuck comes to', { timeout: TIMEOUT }, async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const job = await smallJob({ image_url: `http://127.0.0.1:${port}/never.png` });
    const options = { outputPath: directory.output(), allowLoopback: true, stallMs: 1_000 };
    expect(await renderJob(job, options)).toEqual({
      kind: 'crashed',
      message: expect.stringContaining('it made no progress'),
    });
    server.closeAllConnections();
    server.close();
  });

  test('is what a place that cannot be written to comes to, in FFmpeg’s words', {
    timeout: TIMEOUT,
  }, async () => {
    const outcome = await renderJob(await smallJob(), { outputPath: directory.output('no/such/place.mp4') });
    expect(outcome).toEqual({
      kind: 'crashed',
      message: expect.stringContaining('No such file or directory'),
    });
  });

  test('is what a missing FFmpeg comes to, and the message says what to do', {
    timeout: TIMEOUT,
  }, async () => {
    vi.stubEnv('FFMPEG_PATH', directory.output('no-ffmpeg'));
    vi.resetModules();
    const { startRender } = await import('../../src/engine/render/index.ts');
    const { request } = await smallJob();
    const { outcome } = startRender(request, { outputPath: directory.output() });
    expect(await outcome).toEqual({ kind: 'crashed', message: expect.stringContaining('FFMPEG_PATH names') });
    vi.unstubAllEnvs();
  });
});

test('a child whose parent is killed ends with its FFmpeg and leaves nothing', {
  timeout: TIMEOUT,
}, async () => {
  const script = fileURLToPath(new URL('../support/render-parent.ts', import.meta.url));
  const parent = fork(script, [directory.output()], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    parent.once('exit', (code) => reject(new Error(`The parent ended with code ${code}.`)));
    parent.on('message', (message: { pid: number; done: number }) => {
      if (message.done > 0) resolve(message.pid);
    });
  });
  await directory.appears('video.mp4.part');
  parent.kill('SIGKILL');
  await groupGone(pid);
  expect(await directory.files()).toEqual([]);
});

test('progress is told from none to all, never backwards', { timeout: TIMEOUT }, async () => {
  const told: [number, number][] = [];
  const onProgress = (done: number, total: number): void => {
    told.push([done, total]);
  };
  await renderJob(await smallJob({ duration: 6 }), { outputPath: directory.output(), onProgress });
  expect(told[0]).toEqual([0, 150]);
  expect(told.at(-1)).toEqual([150, 150]);
  expect(told).toEqual(told.toSorted(([a], [b]) => a - b));
});

test('the child sees none of our secrets', { timeout: TIMEOUT }, async () => {
  vi.stubEnv('FAL_KEY', 'secret-key');
  const render = await underWay();
  if (process.platform === 'linux') {
    const environment = await readFile(`/proc/${render.pid}/environ`, 'utf8');
    expect(environment).toContain('PATH=');
    expect(environment).not.toContain('secret-key');
  }
  render.cancel();
  await render.outcome;
  vi.unstubAllEnvs();
});

test('an image is fetched from this machine where that is allowed', { timeout: TIMEOUT }, async () => {
  const bytes = await picture(320, 180).png().toBuffer();
  const server = createServer((_request, response) => response.end(bytes)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const image_url = `http://localhost:${port}/files/token/image.png`;
  const options = { outputPath: directory.output() };
  expect((await renderJob(await smallJob({ image_url }), { ...options, allowLoopback: true })).kind).toBe(
    'done',
  );
  expect(await renderJob(await smallJob({ image_url }), options)).toMatchObject({
    kind: 'failed',
    detail: [{ loc: ['body', 'image_url'], type: 'file_download_error' }],
  });
  server.close();
});
