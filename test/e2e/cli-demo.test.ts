/** `npm run demo` as a process: the whole round with the real engine, and what happens when a part of it fails. */

import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryDir } from '../support/dirs.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

// A render of six seconds of video, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000 });

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function demo(...more: string[]): Promise<{ run: TestProcess; out: string; temporary: string }> {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  const out = join(dir.path, 'demo.mp4');
  // Its temporary files go where the test can see that none stays.
  const run = startProcess(process.execPath, [main, 'demo', '--out', out, ...more], {
    env: { TMPDIR: dir.path },
  });
  cleanups.push(() => run.killTree());
  return { run, out, temporary: dir.path };
}

test('a photo becomes a video, with a verified webhook, exact credits and nothing left behind', async () => {
  const { run, out, temporary } = await demo('--no-audio');
  expect(await run.exited, run.lines.join('\n')).toBe(0);
  const text = run.lines.join('\n');
  expect(text).toContain('signed webhook received and verified');
  expect(text).toMatch(/credits before\s+│ 10,000/);
  expect(text).toMatch(/credits charged\s+│ 29 \(\$0\.288\)/);
  expect(text).toMatch(/credits after\s+│ 9,971/);
  expect(text).toMatch(/1920×1080, 25 fps, 6 s, silent/);
  const file = await readFile(out);
  expect(file.subarray(4, 8).toString('latin1')).toBe('ftyp');
  expect(await readdir(temporary)).toEqual(['demo.mp4']);
});

test('an image that is none is one clear error, and nothing is left behind', async () => {
  const { run, temporary } = await demo(fileURLToPath(new URL('./cli-demo.test.ts', import.meta.url)));
  expect(await run.exited).toBe(1);
  expect(run.lines.join('\n')).toMatch(/✗ The image was refused: .+ \(\d{3} \w+, request \S+\)/);
  expect(run.lines.join('\n')).not.toMatch(/\n\s+at /);
  expect(await readdir(temporary)).toEqual([]);
});

test('a place that cannot be written to is found before anything is started', async () => {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  const out = join(dir.path, 'none', 'demo.mp4');
  const refused = startProcess(process.execPath, [main, 'demo', '--out', out]);
  cleanups.push(() => refused.killTree());
  expect(await refused.exited).toBe(1);
  expect(refused.lines).toHaveLength(1);
  expect(refused.lines[0]).toContain('cannot be written to');
});

test('Ctrl-C while it renders stops all of it and removes its data', async () => {
  const { run, temporary } = await demo();
  await run.line(/job \S+ accepted/);
  run.ctrlC();
  expect(await run.exited).toBe(130);
  expect(run.lines.join('\n')).toContain('Stopped watching job_');
  expect(await readdir(temporary)).toEqual([]);
});

test('an option outside its choices is refused by name', async () => {
  const run = startProcess(process.execPath, [main, 'demo', '--duration', '7'], {
    env: { TMPDIR: tmpdir() },
  });
  cleanups.push(() => run.killTree());
  expect(await run.exited).toBe(1);
  expect(run.lines.join('\n')).toContain("'--duration <seconds>' argument '7' is invalid");
});
