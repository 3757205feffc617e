/**
 * The examples of docs/upload-links.md, as they stand there but for host, key, and receiver, with the real engine; its
 * frames are small but in a soak run.
 */

import { execFile } from 'node:child_process';
import { copyFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import { openBrowser } from '../support/browser.ts';
import { withoutBrowser, withoutCurl } from '../support/commands.ts';
import { temporaryDir } from '../support/dirs.ts';
import { startService, type TestAccount, type TestService } from '../support/service.ts';
import { openSite } from '../support/site.ts';
import { startRender } from '../support/small-renderer.ts';
import { SOAK } from '../support/soak.ts';
import { openWebhookInbox, type WebhookInbox } from '../support/webhook-inbox.ts';

// A render, in a soak run of full size, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HOST = 'https://video.example.com';
const RECEIVER = 'https://shop.example.com/hooks/video';
const FENCE = /^```(\w+) (\w+)\n([\s\S]*?)^```$/gm;

const noCurl = await withoutCurl();
const noBrowser = await withoutBrowser();

/** What the examples read and answer. */
const Link = z.looseObject({
  upload_id: z.string(),
  status: z.string(),
  url: z.url().optional(),
  image_url: z.url().optional(),
  job_id: z.string().optional(),
  job_error: z.object({ code: z.string() }).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  sha256: z.string().optional(),
});
type Link = z.infer<typeof Link>;

let service: TestService;
let inbox: WebhookInbox;
let dir: Awaited<ReturnType<typeof temporaryDir>>;
let examples: Map<string, string>;
const heard: string[] = [];

beforeAll(async () => {
  dir = await temporaryDir();
  service = await startService({
    crons: true,
    upstream: { kind: 'engine', ...(SOAK ? {} : { startRender }) },
  });
  await copyFile(SAMPLE_IMAGE, join(dir.path, 'photo.jpg'));
  // The modules of the examples find their libraries as a customer's would.
  await symlink(join(ROOT, 'node_modules'), join(dir.path, 'node_modules'), 'dir');
  const text = await readFile(join(ROOT, 'docs/upload-links.md'), 'utf8');
  const found = [...text.matchAll(FENCE)].map(([, , name, code]) => [String(name), String(code)] as const);
  const { receive } = await moduleOf('webhook', new Map(found).get('webhook') ?? '');
  const secret = await service.client.webhookSecret();
  inbox = await openWebhookInbox(({ body, headers }) => heard.push(String(receive?.(secret, body, headers))));
  examples = new Map(
    found.map(([name, code]) => [name, code.replaceAll(HOST, service.url).replaceAll(RECEIVER, inbox.url)]),
  );
});
afterAll(async () => {
  await Promise.all([service?.close(), inbox?.close()]);
  await dir.remove();
});

/** An example's exports. */
async function moduleOf(
  name: string,
  code: string,
): Promise<Record<string, (...args: unknown[]) => unknown>> {
  const path = join(dir.path, `${name}.mjs`);
  await writeFile(path, code);
  return import(pathToFileURL(path).href);
}

/** What an example for the shell prints. It fails the test when a command fails. */
async function shell(name: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = { ...process.env, KEY: service.apiKey, no_proxy: '127.0.0.1', ...variables };
  const { stdout } = await run('sh', ['-euc', example(name)], { env, cwd: dir.path });
  return stdout;
}

function example(name: string): string {
  const code = examples.get(name);
  if (code === undefined) throw new Error(`docs/upload-links.md has no example "${name}"`);
  return code;
}

async function makeLink(body: object = {}, account: TestAccount = service): Promise<Link & { url: string }> {
  const response = await fetch(`${service.url}/api/upload-links`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${account.apiKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(201);
  return Link.extend({ url: z.url() }).parse(await response.json());
}

async function read(link: Link, account: TestAccount = service): Promise<Link> {
  return Link.parse(
    JSON.parse(await shell('read', { UPLOAD_ID: link.upload_id, KEY: account.apiKey })) as unknown,
  );
}

const photo = async () => new File([await readFile(SAMPLE_IMAGE)], 'photo.jpg', { type: 'image/jpeg' });

describe.skipIf(noCurl !== null)('docs/upload-links.md', () => {
  test('make a link, send a picture, hear of picture and video', async () => {
    const link = Link.parse(JSON.parse(await shell('make')));
    expect(link).toMatchObject({
      status: 'pending',
      cost_usd: 0.288,
      credits: 29,
      metadata: { order: '1042' },
    });
    const sent = z
      .looseObject({ status: z.string() })
      .parse(JSON.parse(await shell('put', { URL: String(link.url) })));
    expect(sent).toMatchObject({ status: 'uploaded', content_type: 'image/jpeg', width: 1920, height: 1280 });
    const after = await read(link);
    expect(after).toMatchObject({ status: 'uploaded', metadata: { order: '1042' } });
    await inbox.idsOf([String(after.job_id)]);
    await vi.waitFor(() => expect(heard).toHaveLength(2), { timeout: 120_000 });
    expect(heard).toContain('order 1042: the picture is there');
    const video = heard
      .find((text) => text !== 'order 1042: the picture is there')
      ?.replace('order 1042: ', '');
    const file = await fetch(String(video));
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    expect(inbox.refused).toEqual([]);
  });

  test('a script sends with fetch, and a link takes one picture', async () => {
    const link = await makeLink();
    const { send } = await moduleOf('fetch', `export ${example('fetch')}`);
    expect(await send?.(link.url, await photo())).toMatchObject({ status: 'uploaded' });
    await expect(send?.(link.url, await photo())).rejects.toThrow(
      'A picture has been sent to this link already',
    );
  });

  test('tus-js-client sends in pieces', async () => {
    const link = await makeLink();
    const { send } = await moduleOf('tus', example('tus'));
    await send?.(link.url, await readFile(SAMPLE_IMAGE));
    expect((await read(link)).status).toBe('uploaded');
  });

  test('a picture in a job of its own, and a link that is taken back', async () => {
    const link = await makeLink();
    await shell('put', { URL: link.url });
    const variables = { IMAGE_URL: String(link.image_url) };
    expect(JSON.parse(await shell('use', variables))).toMatchObject({
      status: 'in_progress',
      credits_charged: 29,
    });
    const other = await makeLink();
    expect(JSON.parse(await shell('revoke', { UPLOAD_ID: other.upload_id }))).toMatchObject({
      status: 'revoked',
    });
    expect((await fetch(other.url, { method: 'PUT', body: await photo() })).status).toBe(410);
  });

  test('a job that waits for credits', async () => {
    const poor = await service.account({ credits: 0 });
    const link = await makeLink({ job: { prompt: 'Waves roll in' } }, poor);
    await shell('put', { URL: link.url });
    expect((await read(link, poor)).job_error).toMatchObject({ code: 'insufficient_credits' });
    await service.admin.grant(poor.accountId, 29, `${link.upload_id}-grant`);
    const variables = { UPLOAD_ID: link.upload_id, KEY: poor.apiKey };
    const first = JSON.parse(await shell('submit', variables));
    expect(first).toMatchObject({ credits_charged: 29, cost_usd: 0.288 });
    expect(JSON.parse(await shell('submit', variables))).toMatchObject({ job_id: first.job_id });
  });
});

describe.skipIf(noBrowser !== null)('the form of docs/upload-links.md', () => {
  test('sends a picture from another site, and goes where it should', async () => {
    const site = await openSite((request, response) => {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(request.url === '/' ? page : '<title>Thanks</title>');
    });
    const link = await makeLink({ redirect_url: `${site.url}/thanks` });
    const page = `<!doctype html><title>Shop</title>${example('form').replace(`${service.url}/u/TOKEN`, link.url)}`;
    const browser = await openBrowser();
    try {
      const tab = await browser.newPage();
      await tab.goto(site.url);
      await tab.getByLabel('Your picture').setInputFiles(join(dir.path, 'photo.jpg'));
      await tab.getByRole('button', { name: 'Send' }).click();
      await tab.waitForURL(`${site.url}/thanks`);
      expect(await tab.title()).toBe('Thanks');
      expect((await read(link)).status).toBe('uploaded');
    } finally {
      await browser.close();
      await site.close();
    }
  });
});
