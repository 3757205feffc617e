/** The engine as it is run: its own process, its own renderer, real pixels. */

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { ENDPOINT, eventually, falClient, HEADERS, testDirectory } from '../support/engine-queue.ts';
import { killQuietly, startProcess, type TestProcess } from '../support/process.ts';

const MAIN = fileURLToPath(new URL('../../src/engine/main.ts', import.meta.url));

/** The engine's own process, that goes with the test. */
async function engineProcess(dataDir: string): Promise<{ process: TestProcess; url: string }> {
  const started = startProcess(process.execPath, [MAIN, '--data', dataDir, '--port', '0']);
  onTestFinished(() => started.killTree());
  const { url } = JSON.parse(await started.line(/^\{"url"/)) as { url: string };
  return { process: started, url };
}

/** A small picture as a data URI. */
async function picture(): Promise<string> {
  const background = { r: 40, g: 110, b: 180 };
  const bytes = await sharp({ create: { width: 320, height: 180, channels: 3, background } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${bytes.toString('base64')}`;
}

/** The processes below the engine: its renders. */
async function rendersOf({ pid, tree }: TestProcess): Promise<number[]> {
  return (await tree()).filter((member) => member !== pid);
}

/** Whether a process is there. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it('killed while it renders, it renders again, and nothing of the first try goes on', async () => {
  const dataDir = await testDirectory();
  const first = await engineProcess(dataDir);
  const input = { prompt: 'slow zoom in', image_url: await picture() };
  const { request_id: requestId } = await falClient(first.url).queue.submit(ENDPOINT, { input });
  const begun = async () => {
    const status = await falClient(first.url).queue.status(ENDPOINT, { requestId, logs: true });
    return status.status === 'IN_PROGRESS' && status.logs.length > 0;
  };
  await eventually(begun).toBe(true);
  const orphans = await rendersOf(first.process);
  expect(orphans.length).toBeGreaterThan(0);
  first.process.signal('SIGKILL');
  await first.process.exited;
  await eventually(() => orphans.filter(alive)).toEqual([]);

  const second = await engineProcess(dataDir);
  const client = falClient(second.url);
  await client.queue.subscribeToStatus(ENDPOINT, { requestId, pollInterval: 100 });
  const { data } = await client.queue.result(ENDPOINT, { requestId });
  expect(data.video).toMatchObject({ width: 1920, height: 1080, fps: 25, duration: 6, num_frames: 150 });

  const whole = Buffer.from(await (await fetch(data.video.url)).arrayBuffer());
  expect(whole.byteLength).toBe(data.video.file_size);
  expect(whole.toString('latin1', 4, 8)).toBe('ftyp');
  const middle = Math.floor(whole.byteLength / 2);
  const parts = await Promise.all(
    [`bytes=0-${middle - 1}`, `bytes=${middle}-`].map(async (range) => {
      const response = await fetch(data.video.url, { headers: { range } });
      return Buffer.from(await response.arrayBuffer());
    }),
  );
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  expect(digest(Buffer.concat(parts))).toBe(digest(whole));

  second.process.signal('SIGTERM');
  expect(await second.process.exited).toBe(0);
});

it('a cancel and a crash end their render’s processes, and a bad image its job', async () => {
  const engine = await engineProcess(await testDirectory());
  const client = falClient(engine.url);
  const image_url = await picture();
  /** Starts a job and waits for its processes. */
  const running = async () => {
    const { request_id } = await client.queue.submit(ENDPOINT, { input: { prompt: 'pan left', image_url } });
    await eventually(() => rendersOf(engine.process)).not.toEqual([]);
    return { requestId: request_id, pids: await rendersOf(engine.process) };
  };
  const ended = async (requestId: string) => {
    await client.queue.subscribeToStatus(ENDPOINT, { requestId, pollInterval: 50 });
    const url = `${engine.url}/fal-ai/ltx-2.3/requests/${requestId}`;
    const response = await fetch(url, { headers: HEADERS });
    return { status: response.status, text: await response.text() };
  };

  const canceled = await running();
  await client.queue.cancel(ENDPOINT, { requestId: canceled.requestId });
  expect(await ended(canceled.requestId)).toMatchObject({ status: 499 });
  await eventually(() => canceled.pids.filter(alive)).toEqual([]);

  const crashed = await running();
  for (const pid of crashed.pids) killQuietly(pid);
  expect(await ended(crashed.requestId)).toMatchObject({
    status: 500,
    text: expect.stringContaining('internal_server_error'),
  });

  const broken = { prompt: 'pan left', image_url: 'data:image/png;base64,AAAA' };
  const { request_id } = await client.queue.submit(ENDPOINT, { input: broken });
  expect(await ended(request_id)).toMatchObject({ status: 422, text: expect.stringContaining('"type":"') });
});

it.each([
  [[], /--data is required/],
  [['--data', 'x', '--port', 'none'], /--port/],
  [['--data', 'x', '--unknown', 'y'], /--unknown/],
])('started as %o it says what is wrong', async (args, words) => {
  const failed = startProcess(process.execPath, [MAIN, ...args]);
  await failed.line(words);
  expect(await failed.exited).toBe(1);
});
