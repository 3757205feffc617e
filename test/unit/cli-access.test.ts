/** Whose credentials go where, and other decisions that the commands take before they call anybody. */

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultOut } from '../../src/cli/commands/animate.ts';
import { upstreamOf } from '../../src/cli/commands/start.ts';
import { readJsonFile, writeJsonAtomically } from '../../src/cli/files.ts';
import { customerAccess, operatorAccess } from '../../src/cli/local/access.ts';
import { readLocalFile, writeLocalFile } from '../../src/cli/local/local-file.ts';
import { localSecrets } from '../../src/cli/local/secrets.ts';
import { parseRing } from '../../src/worker/secrets.ts';

const LOCAL = {
  url: 'http://127.0.0.1:8787',
  api_key: 'local-key',
  admin_token: 'local-token',
  webhook_secret: 's',
};
const REMOTE = 'https://video.example.com';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'firstframe-access-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

test('the local service with its own key is the default, whatever credentials the environment holds for others', async () => {
  await writeLocalFile(data, LOCAL);
  const environment = { FIRSTFRAME_API_KEY: 'remote-key', ADMIN_TOKEN: 'remote-token' };
  expect(await customerAccess({ data }, environment)).toEqual({ url: LOCAL.url, key: 'local-key' });
  expect(await operatorAccess({ data }, environment)).toEqual({ url: LOCAL.url, key: 'local-token' });
});

test('a named service gets the named credentials', async () => {
  await writeLocalFile(data, LOCAL);
  const environment = {
    FIRSTFRAME_URL: REMOTE,
    FIRSTFRAME_API_KEY: 'remote-key',
    ADMIN_TOKEN: 'remote-token',
  };
  expect(await customerAccess({ data }, environment)).toEqual({ url: REMOTE, key: 'remote-key' });
  expect(await customerAccess({ data, url: 'http://other.test', key: 'k' }, environment)).toEqual({
    url: 'http://other.test',
    key: 'k',
  });
  expect(await operatorAccess({ data }, environment)).toEqual({ url: REMOTE, key: 'remote-token' });
});

test('local credentials go to the local service alone', async () => {
  await writeLocalFile(data, LOCAL);
  expect(await customerAccess({ data, url: `${LOCAL.url}/` }, {})).toMatchObject({ key: 'local-key' });
  await expect(customerAccess({ data, url: REMOTE }, {})).rejects.toThrow(`No credentials for ${REMOTE}`);
  await expect(operatorAccess({ data, url: REMOTE }, { ADMIN_TOKEN: '' })).rejects.toThrow('No credentials');
});

test('without any service the way to one is told', async () => {
  await expect(customerAccess({ data }, {})).rejects.toMatchObject({
    hint: expect.stringContaining('npm start'),
  });
  await expect(customerAccess({ data, url: 'video.example.com' }, {})).rejects.toThrow('is no http(s) URL');
});

test('secrets are made once, private, and as the Worker wants them', async () => {
  const made = await localSecrets(data);
  expect(await localSecrets(data)).toEqual(made);
  expect(parseRing(made.signing_secrets).entries.map(({ id }) => id)).toEqual(['local']);
  expect((await stat(join(data, 'secrets.json'))).mode & 0o777).toBe(0o600);
  expect((await localSecrets(await mkdtemp(join(data, 'other-')))).admin_token).not.toBe(made.admin_token);
});

test('a file is replaced whole, and a broken one is reported and left alone', async () => {
  const path = join(data, 'local.json');
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => writeJsonAtomically(path, { ...LOCAL, api_key: `k${i}` })),
  );
  expect((await readLocalFile(data))?.api_key).toMatch(/^k\d+$/);
  await writeFile(path, '{"url": "http');
  await expect(readLocalFile(data)).rejects.toThrow('is not JSON');
  await writeFile(path, '{"url": "http://x"}');
  await expect(readLocalFile(data)).rejects.toThrow(
    'is not as expected (api_key, admin_token, webhook_secret)',
  );
  expect(await readFile(path, 'utf8')).toBe('{"url": "http://x"}');
  expect(await readJsonFile(join(data, 'none.json'), { safeParse: () => ({}) } as never)).toBeNull();
});

test('fal as upstream needs a key and an address that fal can reach', () => {
  const publicUrl = 'https://tunnel.example.com';
  expect(upstreamOf({ upstream: 'local' }, { FAL_KEY: 'k' })).toEqual({ kind: 'engine' });
  expect(() => upstreamOf({ upstream: 'fal', publicUrl }, {})).toThrow('fal needs a key');
  expect(() => upstreamOf({ upstream: 'fal' }, { FAL_KEY: 'k' })).toThrow(
    'must be able to reach this service',
  );
  // The tunnel lets the world in, so loopback addresses must stay closed to it.
  expect(upstreamOf({ upstream: 'fal', publicUrl }, { FAL_KEY: 'k' })).toEqual({
    kind: 'remote',
    vars: { FAL_KEY: 'k', FAL_DEDUPES: 'false', LOCAL_MODE: 'false' },
  });
});

test.each([
  ['photos/lake.jpg', 'lake.mp4'],
  ['lake', 'lake.mp4'],
  ['https://example.com/a/sea.webp?x=1', 'sea.mp4'],
  ['https://example.com/', 'video.mp4'],
])('%s is saved as %s', (image, expected) => {
  expect(defaultOut(image)).toBe(expected);
});
