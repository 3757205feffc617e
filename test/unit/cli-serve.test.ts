/** What serving is made of: the build and its cache, log lines, process identities, signal listeners. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildWorker } from '../../src/cli/serve/build.ts';
import { logLine } from '../../src/cli/serve/log.ts';
import { identify, isAlive } from '../../src/cli/serve/processes.ts';
import { keepingOwnSignals } from '../../src/cli/serve/signals.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firstframe-build-'));
  await writeFile(
    join(dir, 'wrangler.toml'),
    'name = "w"\nmain = "index.ts"\ncompatibility_date = "2026-10-01"\n[triggers]\ncrons = ["* * * * *"]\n[vars]\nA = "1"\n',
  );
  await writeFile(join(dir, '.dev.vars'), 'SECRET = "do not keep"\n');
  await writeFile(join(dir, 'page.html'), '<p>page one</p>');
  await writeFile(
    join(dir, 'index.ts'),
    "import page from './page.html';\nexport default { fetch: (): Response => new Response(page as string) };\n",
  );
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const build = () => buildWorker(join(dir, 'wrangler.toml'), join(dir, 'cache'));

test('a Worker is bundled as its configuration says, without the secrets of .dev.vars', async () => {
  const built = await build();
  expect(built).toMatchObject({ name: 'w', crons: ['* * * * *'], vars: { A: '1' } });
  expect(built.options).toMatchObject({ compatibilityDate: '2026-10-01' });
  expect(built.script).toContain('page one');
  expect(JSON.stringify(built)).not.toContain('do not keep');
});

test('the cached build is the same, and a changed source is built again', { timeout: 60_000 }, async () => {
  const first = await build();
  expect(await build()).toEqual(first);
  await writeFile(join(dir, 'page.html'), '<p>page two</p>');
  expect((await build()).script).toContain('page two');
  await writeFile(
    join(dir, 'wrangler.toml'),
    (await readFile(join(dir, 'wrangler.toml'), 'utf8')).replace('"1"', '"2"'),
  );
  expect((await build()).vars).toEqual({ A: '2' });
});

test('a Worker that does not compile is an error with the place', async () => {
  await writeFile(join(dir, 'index.ts'), "import './missing.ts';\nexport default {};\n");
  await expect(build()).rejects.toThrow(/The Worker does not compile[\s\S]*index\.ts:1/);
});

test.each([
  ['text', 'plain', { message: 'plain' }],
  ['JSON is taken apart', '{"job_id":"job_1"}', { job_id: 'job_1' }],
  ['an object as console.log prints it', "{\n  a: 1,\n  b: 'x'\n}", { message: "{ a: 1, b: 'x' }" }],
])('log line: %s', (_name, message, expected) => {
  const line = logLine({ level: 'log', message }, new Date(0));
  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({ time: '1970-01-01T00:00:00.000Z', level: 'log', ...expected });
});

test('a process is told apart from a later one with its number', async () => {
  const self = await identify(process.pid);
  if (!self) throw new Error('this process lives');
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, started: 'before' })).toBe(false);
  expect(await isAlive({ ...self, command: 'another' })).toBe(false);
  expect(await identify(2 ** 22 + 1)).toBeNull();
});

test('listeners that a library adds for a signal go where ours handles it, and stay elsewhere', () => {
  const ours = () => {};
  const theirs = () => {};
  // No other code of this process uses it, and nothing sends it.
  process.on('SIGHUP', ours);
  try {
    const result = keepingOwnSignals(() => {
      process.on('SIGHUP', theirs);
      return 'made';
    });
    expect(result).toBe('made');
    expect(process.listeners('SIGHUP')).toContain(ours);
    expect(process.listeners('SIGHUP')).not.toContain(theirs);
    process.removeAllListeners('SIGHUP');
    keepingOwnSignals(() => process.on('SIGHUP', theirs));
    expect(process.listeners('SIGHUP')).toEqual([theirs]);
  } finally {
    process.removeListener('SIGHUP', ours);
    process.removeListener('SIGHUP', theirs);
  }
});
