/** wrangler with the project as it is: it serves with `wrangler dev`, and would deploy. Neither needs a network. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryDir } from '../support/dirs.ts';
import { lastingPort } from '../support/ports.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

vi.setConfig({ testTimeout: 120_000 });

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
/** It would report how it is used, and ask Cloudflare for a sample of where requests come from. */
const ENVIRONMENT = {
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  CI: '1',
};

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function scratch(): Promise<string> {
  const dir = await temporaryDir();
  cleanups.push(dir.remove);
  return dir.path;
}

function wrangler(...args: string[]): TestProcess {
  const started = startProcess(process.execPath, [WRANGLER, ...args], { cwd: ROOT, env: ENVIRONMENT });
  cleanups.push(() => started.killTree());
  return started;
}

test('wrangler dev serves the Worker with variables from its command line', async () => {
  const port = await lastingPort();
  const url = `http://127.0.0.1:${port}`;
  const token = 'wrangler-dev-admin-token';
  const vars = {
    PUBLIC_URL: url,
    SIGNING_SECRETS: 'dev:0123456789abcdef0123456789abcdef',
    ADMIN_TOKEN: token,
    FAL_KEY: 'dev',
  };
  const dev = wrangler(
    ...['dev', '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', String(port + 1)],
    ...['--persist-to', await scratch(), '--show-interactive-dev-session=false'],
    ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]),
  );
  await dev.line(/Ready on/);
  const health = await fetch(`${url}/healthz`);
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
  const account = await fetch(`${url}/admin/accounts`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'Acme' }),
  });
  expect(await account.json()).toMatchObject({ id: expect.stringMatching(/^acct_/), name: 'Acme' });
});

test('wrangler deploy --dry-run passes', async () => {
  const deploy = wrangler('deploy', '--dry-run', '--outdir', await scratch());
  expect(await deploy.exited, deploy.lines.join('\n')).toBe(0);
  expect(deploy.lines.join('\n')).toMatch(/env\.SHARDS \(JobShard\)[\s\S]*--dry-run: exiting now/);
});
