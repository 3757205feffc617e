/** `npm run admin` and `npm run animate` as processes, against one running service. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import { Client } from '../../src/cli/api/client.ts';
import { freePort } from '../../src/cli/serve/ports.ts';
import { temporaryDir } from '../support/dirs.ts';
import { startProcess } from '../support/process.ts';
import { startService, type TestService } from '../support/service.ts';
import { startRender } from '../support/small-renderer.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let service: TestService;
let dir: Awaited<ReturnType<typeof temporaryDir>>;

beforeAll(async () => {
  dir = await temporaryDir();
  service = await startService({ upstream: { kind: 'engine', startRender } });
});
afterAll(async () => {
  await service.close();
  await dir.remove();
});

/** Runs a command to its end. */
async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; text: string }> {
  const child = startProcess(process.execPath, [main, ...args], {
    cwd: dir.path,
    env: { FIRSTFRAME_URL: service.url, ADMIN_TOKEN: service.adminToken, ...env },
  });
  const code = await child.exited;
  return { code, text: child.lines.join('\n') };
}

test('an account from nothing to a working key, and the key revoked', async () => {
  const created = await run(['admin', 'accounts', 'create', 'Acme', '--region', 'weur']);
  expect(created.code, created.text).toBe(0);
  const account = /acct_\w+/.exec(created.text)?.[0] ?? '';
  expect(created.text).toContain(`account ${account} (Acme)`);

  const granted = await run(['admin', 'credits', 'grant', account, '500', '--reference', 'invoice 1']);
  expect(granted.text).toContain('500 credits granted under "invoice 1"');
  const repeated = await run(['admin', 'credits', 'grant', account, '500', '--reference', 'invoice 1']);
  expect(repeated.text).toContain('"invoice 1" had been granted before: nothing was added');
  expect(repeated.text).toMatch(/available\s+│ 500/);

  const made = await run(['admin', 'keys', 'create', account, 'main']);
  const keyId = /key (\S+) \(main\)/.exec(made.text)?.[1] ?? '';
  const key = /^ff_live_\S+$/m.exec(made.text)?.[0] ?? '';
  const client = new Client(service.url, key);
  expect(await client.account()).toMatchObject({ id: account, credits: { available: 500 } });

  const revoked = await run(['admin', 'keys', 'revoke', account, keyId]);
  expect(revoked.text).toContain(`key ${keyId} is revoked`);
  await expect(client.account()).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
});

test('another sum under a used reference is a conflict, told in one sentence with the request id', async () => {
  await service.admin.grant(service.accountId, 5, 'used');
  const conflict = await run(['admin', 'credits', 'grant', service.accountId, '6', '--reference', 'used']);
  expect(conflict.code).toBe(1);
  expect(conflict.text).toMatch(
    /^✗ The credits were not granted: .+ \(409 reference_conflict, request \S+\)$/m,
  );
});

test('a wrong token, an unknown account, credits that are no number', async () => {
  const wrong = await run(['admin', 'accounts', 'show', service.accountId], {
    ADMIN_TOKEN: 'wrong-token-0123456789',
  });
  expect(wrong.code).toBe(1);
  expect(wrong.text).toContain('401 unauthorized');
  const unknown = await run(['admin', 'accounts', 'show', 'acct_e0000000000000']);
  expect(unknown.text).toContain('404 not_found');
  const amount = await run(['admin', 'credits', 'grant', service.accountId, '1.5', '--reference', 'x']);
  expect(amount.code).toBe(1);
  expect(amount.text).toContain('Credits must be a whole number');
});

test('secrets shows the ring and what uses it', async () => {
  const answer = await run(['admin', 'secrets']);
  expect(answer.code, answer.text).toBe(0);
  expect(answer.text).toMatch(/local\s+│ [1-9]\d*\s+│ [1-9]\d*\s+│ signs/);
});

test('a secret is replaced: new one in front, what can move is moved, and it is said when the old may go', async () => {
  const path = await temporaryDir();
  const secret = (digit: string) => digit.repeat(32);
  const start = (ring: string) =>
    startService({
      dataDir: path.path,
      upstream: { kind: 'remote', vars: { LOCAL_MODE: 'true' } },
      vars: { SIGNING_SECRETS: ring },
    });
  try {
    const old = await start(`k1:${secret('1')}`);
    const webhookSecret = await old.client.webhookSecret();
    await old.close();

    const both = await start(`k2:${secret('2')},k1:${secret('1')}`);
    try {
      const env = { FIRSTFRAME_URL: both.url, ADMIN_TOKEN: both.adminToken };
      expect((await run(['admin', 'secrets'], env)).text).toMatch(/k1\s+│ 1\s+│ 2\s+│ in use/);
      const renewed = await run(['admin', 'secrets', 'renew'], env);
      expect(renewed.code, renewed.text).toBe(0);
      expect(renewed.text).toContain('the webhook secrets of 2 accounts are under the entry that signs');
      const after = (await run(['admin', 'secrets'], env)).text;
      expect(after).toMatch(/k1\s+│ 1\s+│ 0\s+│ in use/);
      expect(after).toMatch(/not before RESULT_RETENTION_DAYS after it stopped\s+signing/);
      expect(await new Client(both.url, old.apiKey).webhookSecret()).toBe(webhookSecret);
    } finally {
      await both.close();
    }

    const dropped = await start(`k3:${secret('3')}`);
    try {
      const answer = await run(['admin', 'secrets', 'renew'], {
        FIRSTFRAME_URL: dropped.url,
        ADMIN_TOKEN: dropped.adminToken,
      });
      expect(answer.code).toBe(1);
      expect(answer.text).toMatch(/acct_\w+, acct_\w+ cannot be decrypted[\s\S]*dropped too early/);
    } finally {
      await dropped.close();
    }
  } finally {
    await path.remove();
  }
});

test('a service that is not there is named, with what to do', async () => {
  const away = await run(['admin', 'accounts', 'create', 'x'], {
    FIRSTFRAME_URL: `http://127.0.0.1:${await freePort()}`,
  });
  expect(away.code).toBe(1);
  expect(away.text).toMatch(/cannot be reached: .*ECONNREFUSED[\s\S]*npm start/);
});

test('animate makes a video, once, and does not write over a file unasked', async () => {
  const client = service.client;
  const before = (await client.account()).credits;
  const env = { FIRSTFRAME_API_KEY: service.apiKey };
  const made = await run(['animate', SAMPLE_IMAGE, '--prompt', 'slow zoom in', '--no-audio'], env);
  expect(made.code, made.text).toBe(0);
  expect((await readFile(join(dir.path, 'dawn.mp4'))).subarray(4, 8).toString('latin1')).toBe('ftyp');
  const after = (await client.account()).credits;
  expect(after).toEqual({ available: before.available - 29, held: 0, captured: before.captured + 29 });

  const again = await run(['animate', SAMPLE_IMAGE, '--prompt', 'slow zoom in'], env);
  expect(again.code).toBe(1);
  expect(again.text).toContain('dawn.mp4 exists already');
  expect((await client.account()).credits).toEqual(after);
});

test('animate tells what the service refused, field by field', async () => {
  const env = { FIRSTFRAME_API_KEY: service.apiKey };
  const refused = await run(
    ['animate', 'https://127.0.0.1:1/x.png', '--prompt', ' ', '--out', 'refused.mp4'],
    env,
  );
  expect(refused.code).toBe(1);
  expect(refused.text).toMatch(/✗ The job was refused: .*\/prompt.* \(400 invalid_request, request \S+\)/);
});

test('credentials of the local service are not sent to another', async () => {
  await mkdir(join(dir.path, '.firstframe'), { recursive: true });
  await writeFile(
    join(dir.path, '.firstframe', 'local.json'),
    JSON.stringify({ url: 'http://127.0.0.1:1', api_key: 'k', admin_token: 't', webhook_secret: 's' }),
  );
  const refused = await run(['admin', 'secrets'], { ADMIN_TOKEN: '' });
  expect(refused.code).toBe(1);
  expect(refused.text).toContain('No credentials for');
});

test("prices compares fal's live price with ours and warns when we sell below cost", async () => {
  const asked: string[] = [];
  const fal = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`);
    response.setHeader('Content-Type', 'application/json');
    const prices = [{ endpoint_id: 'fal-ai/ltx-2.3/image-to-video/fast', unit_price: 0.06, unit: 'seconds' }];
    response.end(JSON.stringify({ prices, next_cursor: null }));
  });
  await new Promise<void>((resolve) => fal.listen(0, '127.0.0.1', resolve));
  const address = fal.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  try {
    const api = ['--fal-api', `http://127.0.0.1:${port}/v1`];
    const answer = await run(['admin', 'prices', ...api], { FAL_KEY: 'secret' });
    expect(answer.code, answer.text).toBe(0);
    expect(answer.text).toContain('$0.06 per seconds');
    expect(answer.text).toContain('$0.048 per second');
    expect(answer.text).toContain('We sell ltx-2.3-image-to-video below cost');
    expect(asked).toEqual([
      'Key secret /v1/models/pricing?endpoint_id=fal-ai%2Fltx-2.3%2Fimage-to-video%2Ffast',
    ]);
  } finally {
    await new Promise((resolve) => fal.close(resolve));
  }
});
