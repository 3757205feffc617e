/** Saving a video: what is not whole or not what was promised leaves no file and a clear word. */

import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireWritable, saveVideo } from '../../src/cli/animate/save.ts';
import type { CompletedJob } from '../../src/cli/api/answers.ts';
import { SAMPLE_MP4, sampleMp4 } from '../support/sample-mp4.ts';

let dir: string;
let out: string;
let server: Server | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firstframe-save-'));
  out = join(dir, 'out.mp4');
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await rm(dir, { recursive: true, force: true });
});

/** A completed job whose video is what `listener` answers. */
async function job(listener: RequestListener, promised: Partial<{ width: number; duration: number }> = {}) {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/v.mp4`;
  const { width, height, fps, duration } = SAMPLE_MP4;
  const completed: CompletedJob = {
    job_id: 'job_1',
    status: 'completed',
    credits_charged: 29,
    cost_usd: 0.288,
    result: { video: { url, content_type: 'video/mp4', width, height, fps, duration, ...promised } },
  };
  return completed;
}

const bytes = Buffer.from(await sampleMp4());

test('a whole video is saved and measured', async () => {
  const saved = await saveVideo(await job((_, response) => response.end(bytes)), out);
  const { width, height, duration } = SAMPLE_MP4;
  expect(saved).toEqual({ path: out, bytes: bytes.length, width, height, duration, hasAudio: false });
  expect((await readFile(out)).equals(bytes)).toBe(true);
  expect(await readdir(dir)).toEqual(['out.mp4']);
});

test.each<[string, RequestListener, Partial<{ width: number; duration: number }>, RegExp]>([
  [
    'a connection that breaks',
    (_, response) => {
      response.writeHead(200, { 'Content-Length': bytes.length }).write(bytes.subarray(0, 5_000));
      setImmediate(() => response.destroy());
    },
    {},
    /cannot be downloaded/,
  ],
  [
    'no announced length',
    (_, response) => {
      response.write(bytes);
      response.end();
    },
    {},
    /has 14142 bytes, and NaN were announced/,
  ],
  [
    'a file that is no video',
    (_, response) => response.end(Buffer.from('no video at all')),
    {},
    /What came is no video/,
  ],
  [
    'half a video',
    (_, response) => response.end(bytes.subarray(0, 900)),
    {},
    /without a picture, or cut short/,
  ],
  [
    'another width',
    (_, response) => response.end(bytes),
    { width: 1280 },
    /is 1920×1080, and the service said 1280×1080/,
  ],
  [
    'another duration',
    (_, response) => response.end(bytes),
    { duration: 8 },
    /lasts 6 s, and the service said 8 s/,
  ],
  ['a refused link', (_, response) => response.writeHead(403).end(), {}, /cannot be downloaded: 403/],
])('%s is an error and leaves no file', async (_name, listener, promised, expected) => {
  await expect(saveVideo(await job(listener, promised), out)).rejects.toThrow(expected);
  expect(await readdir(dir)).toEqual([]);
});

test('a video that is there already is kept when its replacement fails', async () => {
  await writeFile(out, 'old');
  await expect(saveVideo(await job((_, response) => response.writeHead(500).end()), out)).rejects.toThrow(
    '500',
  );
  expect(await readFile(out, 'utf8')).toBe('old');
});

test('before a job is paid for: the place must be writable, and a file there is not replaced unasked', async () => {
  await requireWritable(out, false);
  await expect(requireWritable(join(dir, 'missing', 'out.mp4'), true)).rejects.toThrow(
    'cannot be written to',
  );
  await writeFile(out, 'old');
  await expect(requireWritable(out, false)).rejects.toThrow('exists already');
  await requireWritable(out, true);
  expect(await readFile(out, 'utf8')).toBe('old');
  expect(await readdir(dir)).toEqual(['out.mp4']);
});
