/** What is left after the engine has gone: killed, closed, or started twice. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import {
  ENDPOINT,
  eventually,
  HEADERS,
  INPUT,
  type Submitted,
  status,
  submitted,
  testDirectory,
  testEngine,
  testReceiver,
  untilCompleted,
} from '../support/engine-queue.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

const PROCESS = fileURLToPath(new URL('../support/engine-queue-process.ts', import.meta.url));

/** An engine in a process of its own, that goes with the test. */
async function engineProcess(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<{ process: TestProcess; url: string }> {
  const started = startProcess(process.execPath, [PROCESS, dataDir, '2'], { env });
  onTestFinished(() => started.killTree());
  const { url } = JSON.parse(await started.line(/^\{"url"/)) as { url: string };
  return { process: started, url };
}

async function submitTo(url: string, prompt: string, webhook: string): Promise<Submitted> {
  const response = await fetch(`${url}/${ENDPOINT}?fal_webhook=${encodeURIComponent(webhook)}`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({ ...INPUT, prompt }),
  });
  return (await response.json()) as Submitted;
}

it('after kill -9 every job ends, and every webhook comes', async () => {
  const dataDir = await testDirectory();
  const receiver = await testReceiver();
  const first = await engineProcess(dataDir);
  const ended = await submitTo(first.url, 'quick', `${receiver.url}/ended`);
  await untilCompleted(ended.status_url);
  const jobs = await Promise.all(
    Array.from({ length: 12 }, (_, n) => submitTo(first.url, 'hold', `${receiver.url}/job/${n}`)),
  );
  const states = async () => (await Promise.all(jobs.map(status))).map((body) => body.status);
  await eventually(async () => (await states()).filter((state) => state === 'IN_PROGRESS').length).toBe(2);
  first.process.signal('SIGKILL');
  await first.process.exited;
  await mkdir(join(dataDir, 'files', 'stray'));
  await writeFile(join(dataDir, 'files', 'stray', 'video.mp4.part'), 'half');

  const second = await engineProcess(dataDir, { RELEASE: '1' });
  const moved = (url: string) => url.replace(first.url, second.url);
  for (const job of jobs) {
    expect((await untilCompleted(moved(job.status_url))).at(-1)).toMatchObject({ status: 'COMPLETED' });
    const answer = await fetch(moved(job.response_url), { headers: HEADERS });
    const { video } = (await answer.json()) as { video: { url: string } };
    expect(await (await fetch(video.url)).text()).toBe('whole');
  }
  const paths = () => new Set(receiver.received.map((call) => call.path));
  // One that was answered, and not noted before the kill, comes twice.
  await eventually(() => paths().size).toBe(13);
  expect(paths()).toEqual(new Set(['/ended', ...jobs.map((_, n) => `/job/${n}`)]));
  // A submit that is repeated after the crash is the request it was before.
  const [job] = jobs;
  expect((await submitTo(second.url, 'hold', `${receiver.url}/job/0`)).request_id).toBe(job?.request_id);
  expect((await fetch(moved(`${first.url}/files/${ended.request_id}/video.mp4`))).status).toBe(200);
  // Nothing is left of what the first engine had half done: one directory a job.
  expect(await readdir(join(dataDir, 'files'))).toHaveLength(13);
});

it('kill -9 in the middle of submits loses none that was answered', async () => {
  const dataDir = await testDirectory();
  const first = await engineProcess(dataDir);
  const answered: Submitted[] = [];
  const submits = Array.from({ length: 50 }, async (_, n) => {
    answered.push(await submitTo(first.url, 'quick', `http://127.0.0.1:1/${n}`));
    if (answered.length === 20) first.process.signal('SIGKILL');
  });
  await Promise.allSettled(submits);
  await first.process.exited;
  expect(answered.length).toBeGreaterThanOrEqual(20);

  const second = await engineProcess(dataDir);
  for (const job of answered) {
    const events = await untilCompleted(job.status_url.replace(first.url, second.url));
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED', request_id: job.request_id });
  }
});

it('SIGTERM ends it cleanly, and what ran is run again in its place', async () => {
  const dataDir = await testDirectory();
  const first = await engineProcess(dataDir);
  const job = await submitTo(first.url, 'hold', 'http://127.0.0.1:1/');
  await eventually(async () => (await status(job)).status).toBe('IN_PROGRESS');
  first.process.signal('SIGTERM');
  expect(await first.process.exited).toBe(0);
  expect(await readdir(join(dataDir, 'files'))).toEqual([]);
  const second = await engineProcess(dataDir, { RELEASE: '1' });
  const events = await untilCompleted(job.status_url.replace(first.url, second.url));
  expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' });
});

it('a second engine on the same data is refused, in words', async () => {
  const { dataDir } = await testEngine();
  await expect(testEngine({ dataDir })).rejects.toThrow(/another engine is using/);
});

it('a port that is taken is an error that leaves the data free', async () => {
  const { engine } = await testEngine();
  const dataDir = await testDirectory();
  const port = Number(new URL(engine.url).port);
  await expect(testEngine({ dataDir, port })).rejects.toThrow(/EADDRINUSE/);
  await testEngine({ dataDir });
});

it('a program that starts and closes an engine ends by itself', async () => {
  const dataDir = await testDirectory();
  const receiver = await testReceiver((call) => (call === 0 ? 500 : undefined));
  const program = `
    import { writeFileSync } from 'node:fs';
    import { startEngine } from ${JSON.stringify(new URL('../../src/engine/index.ts', import.meta.url).href)};
    const before = [Request, Response];
    const log = [];
    const startRender = (request, { outputPath }) => {
      const { promise, resolve } = Promise.withResolvers();
      if (request.prompt === 'quick') {
        writeFileSync(outputPath, 'whole');
        const file = { path: outputPath, bytes: 5, width: 16, height: 9, fps: 25, duration: 6, frames: 150 };
        resolve({ kind: 'done', file });
      }
      return { outcome: promise, cancel: () => resolve({ kind: 'canceled' }), pid: undefined };
    };
    const engine = await startEngine({ dataDir: ${JSON.stringify(dataDir)}, startRender, log: (entry) => log.push(entry) });
    const submit = (prompt, hook) =>
      fetch(engine.url + '/${ENDPOINT}?fal_webhook=' + encodeURIComponent(hook), {
        method: 'POST',
        headers: { authorization: 'Key k' },
        body: JSON.stringify({ prompt, image_url: 'data:' }),
      }).then((response) => response.json());
    const quick = await submit('quick', ${JSON.stringify(receiver.url)});
    const held = await submit('hold', 'http://127.0.0.1:1/');
    const stream = await fetch(held.status_url + '/stream', { headers: { authorization: 'Key k' } });
    const reader = stream.body.getReader();
    await reader.read();
    while (!log.some((entry) => entry.event === 'webhook_tried')) await new Promise((resolve) => setTimeout(resolve, 5));
    await Promise.all([engine.close(), engine.close()]);
    console.log(before[0] === Request && before[1] === Response ? 'closed' : 'globals changed');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([output.trim(), code]).toEqual(['closed', 0]);
});

it('what has ended is removed after its time, file and all', async () => {
  const dataDir = await testDirectory();
  const first = await testEngine({ dataDir });
  const job = await submitted(first.engine);
  const waiting = await submitted(first.engine);
  (await first.renderer.next()).finish();
  await untilCompleted(job.status_url);
  await first.engine.close();
  expect(existsSync(join(dataDir, 'files', `${job.request_id}-1`))).toBe(true);

  const { engine, log } = await testEngine({ dataDir, retentionMs: -1 });
  await eventually(() => log.map((entry) => entry.event)).toContain('requests_pruned');
  const moved = (url: string) => url.replace(first.engine.url, engine.url);
  expect((await fetch(moved(job.status_url), { headers: HEADERS })).status).toBe(404);
  expect((await fetch(moved(waiting.status_url), { headers: HEADERS })).status).toBe(202);
  expect(existsSync(join(dataDir, 'files', `${job.request_id}-1`))).toBe(false);
});
