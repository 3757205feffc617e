/** A service that was killed with -9 leaves workerd behind: the next one on the same data finds and ends it. */

import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { claimDataDir } from '../../src/cli/serve/data-dir.ts';
import { isPortFree, requireFreePort } from '../../src/cli/serve/ports.ts';
import { endProcess, identify, isAlive, listenerOf } from '../../src/cli/serve/processes.ts';
import { temporaryDir } from '../support/dirs.ts';
import { lastingPort } from '../support/ports.ts';
import { startProcess } from '../support/process.ts';

const script = fileURLToPath(new URL('./tiny-worker/serve.ts', import.meta.url));

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000 });

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A service whose Node process is killed with -9, so that its workerd is an orphan on `port`. */
async function orphaned(env: Record<string, string> = {}) {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  const port = await lastingPort();
  const service = startProcess(process.execPath, [script, dir.path, String(port)], { env });
  cleanups.push(() => service.killTree());
  await service.line(/^serving/);
  service.signal('SIGKILL');
  await service.exited;
  const pid = await listenerOf(port);
  const runtime = pid === null ? null : await identify(pid);
  if (!runtime) throw new Error('the runtime did not outlive its parent');
  cleanups.push(() => endProcess(runtime));
  return { path: dir.path, port, runtime };
}

test('the orphan of the same data is ended by the next claim', async () => {
  const { path, port, runtime } = await orphaned();
  expect(await isPortFree(port)).toBe(false);
  const claim = await claimDataDir(path);
  expect(claim.endedOrphans.map(({ pid }) => pid)).toEqual([runtime.pid]);
  expect(await isAlive(runtime)).toBe(false);
  expect(await isPortFree(port)).toBe(true);
  await claim.release();
});

test('an orphan that was killed before it was written down is known by its tag', async () => {
  const { path, port, runtime } = await orphaned({ RECORD: 'no' });
  const claim = await claimDataDir(path);
  expect(claim.endedOrphans.map(({ pid }) => pid)).toEqual([runtime.pid]);
  expect(await isPortFree(port)).toBe(true);
  await claim.release();
});

test('the orphan of other data is left alone and explained', async () => {
  const { port, runtime } = await orphaned();
  const other = await temporaryDir();
  cleanups.push(other.remove);
  const claim = await claimDataDir(other.path);
  expect(claim.endedOrphans).toEqual([]);
  await expect(requireFreePort(port, '127.0.0.1', 'where the service is to answer')).rejects.toMatchObject({
    message: expect.stringContaining(`held by process ${runtime.pid} (`),
    hint: expect.stringContaining(`kill ${runtime.pid}`),
  });
  expect(await isAlive(runtime)).toBe(true);
  await claim.release();
});

test('a second service on the same data is refused, by name, until the first has ended', async () => {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  const port = await lastingPort();
  const service = startProcess(process.execPath, [script, dir.path, String(port)]);
  cleanups.push(() => service.killTree());
  await service.line(/^serving/);
  await expect(claimDataDir(dir.path)).rejects.toThrow(
    `Another service is running on ${dir.path} (process ${service.pid}, http://127.0.0.1:${port}).`,
  );
  await service.killTree();
  const claim = await claimDataDir(dir.path);
  await claim.release();
});

test('two claims in one process exclude each other too', async () => {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  const claim = await claimDataDir(dir.path);
  await expect(claimDataDir(dir.path)).rejects.toThrow('Another service is running');
  await claim.release();
  await (await claimDataDir(dir.path)).release();
});
