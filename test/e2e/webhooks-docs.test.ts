/** The examples of docs/webhooks.md and docs/webhooks-operators.md, as they stand there but for host, key, and receiver. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SAMPLE_IMAGE } from '../../src/cli/animate/image.ts';
import { EVENT_SCHEMAS } from '../../src/worker/webhooks/event.ts';
import { RETRY_DELAYS_MS } from '../../src/worker/webhooks/schedule.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';
import { withoutCurl } from '../support/commands.ts';
import { temporaryDir } from '../support/dirs.ts';
import { docExamples } from '../support/doc-examples.ts';
import { startService, type TestService, upstreamAt } from '../support/service.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = {
  receivers: join(ROOT, 'docs/webhooks.md'),
  operators: join(ROOT, 'docs/webhooks-operators.md'),
};
const HOST = 'https://video.example.com';
const RECEIVER = 'https://shop.example.com';

const noCurl = await withoutCurl();

/** What the examples export. */
interface Receiver {
  fetch(request: Request, env: object): Promise<Response>;
}
type Examples = Awaited<ReturnType<typeof docExamples>>;
type Json = Readonly<Record<string, unknown>>;

/** One request to the receiver. */
interface Came {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
}

let service: TestService;
let dir: Awaited<ReturnType<typeof temporaryDir>>;
let pages: Record<keyof typeof PAGES, Examples>;
let receiver: Receiver;
let server: Server;
/** The secrets that the receiver has. */
const secrets: string[] = [];
const came: Came[] = [];
/** What the receiver has kept, by `webhook-id`. */
const kept = new Map<string, string>();
/** What the receiver answers without looking; null: it looks. */
let answer: Response | null = null;

beforeAll(async () => {
  dir = await temporaryDir();
  // The modules of the examples find their libraries as a customer's would.
  const modules = join(dir.path, 'node_modules');
  await mkdir(modules);
  await symlink(ROOT, join(modules, 'firstframe'), 'dir');
  await symlink(join(ROOT, 'node_modules/standardwebhooks'), join(modules, 'standardwebhooks'), 'dir');

  // Nobody takes the jobs: what is told of them here is that they were made.
  service = await startService({ upstream: upstreamAt('http://127.0.0.1:9') });
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const headers = request.headers as Record<string, string>;
    const url = `http://receiver.test${request.url}`;
    const env = {
      WEBHOOK_SECRET: secrets,
      EVENTS: { put: async (id: string, text: string) => kept.set(id, text) },
    };
    const answered =
      answer ?? (await receiver.fetch(new Request(url, { method: 'POST', headers, body }), env));
    came.push({ headers, body: body.toString('utf8'), status: answered.status });
    response.writeHead(answered.status).end(await answered.clone().text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const replaced = {
    [HOST]: service.url,
    [RECEIVER]: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    'webhooks/ACCOUNT': `webhooks/${service.accountId}`,
  };
  pages = {
    receivers: await docExamples(PAGES.receivers, replaced),
    operators: await docExamples(PAGES.operators, replaced),
  };
  receiver = (await moduleOf('receiver')).default as Receiver;
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await service?.close();
  await dir.remove();
});

/** The exports of an example in JavaScript. */
async function moduleOf(name: string): Promise<Record<string, unknown>> {
  const path = join(dir.path, `${name}.mjs`);
  await writeFile(path, pages.receivers(`js ${name}`));
  return import(pathToFileURL(path).href);
}

/** What an example for the shell answers; undefined for nothing. It fails the test when a command fails. */
async function shell(code: string, variables: Readonly<Record<string, string>> = {}): Promise<Json> {
  const env = { ...process.env, KEY: service.apiKey, no_proxy: '127.0.0.1', ...variables };
  const { stdout } = await run('sh', ['-euc', code], { env, cwd: dir.path });
  return stdout === '' ? {} : JSON.parse(stdout);
}

async function delivery(id: unknown): Promise<Json> {
  const response = await fetch(`${service.url}/api/webhook-deliveries/${id}`, {
    headers: { Authorization: `Bearer ${service.apiKey}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Json;
}

const statusOf = (id: unknown) => expect.poll(async () => (await delivery(id)).status);

/** The event of this type that the receiver has kept. */
async function keptEvent(type: string): Promise<Json> {
  const found = () =>
    [...kept.values()].map((text) => JSON.parse(text) as Json).find((event) => event.type === type);
  await expect.poll(found).toBeDefined();
  return found() as Json;
}

describe.skipIf(noCurl !== null)('docs/webhooks.md', () => {
  test('an endpoint gets a test, and each example verifies it', async () => {
    const made = await shell(pages.receivers('sh endpoint'));
    expect(made).toMatchObject({ enabled: true, events: ['job.completed', 'job.failed', 'credits.low'] });
    secrets.push(String(made.secret));
    const { id } = await shell(pages.receivers('sh test'), { ENDPOINT_ID: String(made.id) });
    await statusOf(id).toBe('delivered');
    expect(await keptEvent('job.completed')).toMatchObject({ data: { status: 'completed' } });
    const [first] = came;
    if (!first) throw new TypeError('nothing came');
    expect(first.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Firstframe-Webhooks/1.0',
      'webhook-signature': expect.stringMatching(/^v1,\S{44} v1a,\S{88}$/),
    });
    const headers = first.headers as Record<string, string>;

    const standard = (await moduleOf('standardwebhooks')) as { receive: (...from: unknown[]) => Json };
    expect(standard.receive(made.secret, first.body, headers)).toEqual(JSON.parse(first.body));
    expect(() => standard.receive(made.secret, `${first.body} `, headers)).toThrow('No matching signature');

    const jwks = (await moduleOf('jwks')) as { receive: (request: Request) => Promise<Json> };
    const request = (body: string) => new Request('http://receiver.test', { method: 'POST', headers, body });
    expect(await jwks.receive(request(first.body))).toMatchObject({ scheme: 'v1a', type: 'job.completed' });
    await expect(jwks.receive(request(`${first.body} `))).rejects.toMatchObject({ code: 'no_match' });

    const { server: node } = (await moduleOf('node')) as { server: Server };
    vi.stubEnv('WEBHOOK_SECRET', String(made.secret));
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    node.listen(0, '127.0.0.1');
    await once(node, 'listening');
    try {
      const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
      const post = (body: string) => fetch(url, { method: 'POST', headers: signatureOf(headers), body });
      expect((await post(first.body)).status).toBe(204);
      expect(log).toHaveBeenCalledWith(headers['webhook-id'], 'job.completed');
      const refused = await post(`${first.body} `);
      expect([refused.status, await refused.text()]).toEqual([400, 'no_match']);
    } finally {
      node.closeAllConnections();
      node.close();
      log.mockRestore();
      vi.unstubAllEnvs();
    }
  });

  test('a job tells its own address that it was made', async () => {
    secrets.push(await service.client.webhookSecret());
    const uploaded = await fetch(`${service.url}/api/uploads`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${service.apiKey}`, 'Content-Type': 'image/jpeg' },
      body: await readFile(SAMPLE_IMAGE),
    });
    const { image_url } = (await uploaded.json()) as { image_url: string };
    const job = await shell(pages.receivers('sh job'), { IMAGE_URL: image_url });
    const event = await keptEvent('job.created');
    expect(event).toMatchObject({ data: { job_id: job.job_id, status: 'in_progress', phase: 'queued' } });
  });

  test('the vectors say that the verifier is right, and that one that believes all is not', async () => {
    const { differences } = (await moduleOf('vectors')) as {
      differences: (verify?: () => Promise<void>) => Promise<string[]>;
    };
    expect(await differences()).toEqual([]);
    expect((await differences(async () => undefined)).length).toBeGreaterThan(100);
  });
});

/** The headers of a delivery alone. */
function signatureOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-')));
}

describe('what docs/webhooks.md says', () => {
  test('of events is as they are', async () => {
    for (const type of ['job.completed', 'credits.low', 'endpoint.disabled'] as const) {
      const event = JSON.parse(pages.receivers(`json ${type}`)) as Json;
      expect(EVENT_SCHEMAS[type].parse(event)).toEqual(event);
    }
    const page = await readFile(PAGES.receivers, 'utf8');
    expect([...page.matchAll(/^\| `(\w+\.\w+)` \|/gm)].map(([, type]) => type)).toEqual([...EVENT_TYPES]);
  });

  test('of tries is the schedule', async () => {
    const page = await readFile(PAGES.receivers, 'utf8');
    let seconds = 0;
    const times = RETRY_DELAYS_MS.map((delay) => {
      seconds += delay / 1_000;
      const two = (n: number) => String(Math.floor(n) % 60).padStart(2, '0');
      return `${Math.floor(seconds / 3_600)}:${two(seconds / 60)}:${two(seconds)}`;
    });
    expect([...page.matchAll(/^\| \d+ \|.*\| (\S+) \|$/gm)].map(([, time]) => time)).toEqual(times);
  });

  test('of codes is what the verifier has', async () => {
    const page = await readFile(PAGES.receivers, 'utf8');
    const types = await readFile(join(ROOT, 'src/client/bundle/webhooks.d.ts'), 'utf8');
    const codes = [...types.matchAll(/readonly (\w+): [45]\d\d;/g)].map(([, code]) => String(code));
    expect(codes.length).toBeGreaterThan(10);
    const table = page.slice(page.indexOf('| `code` |'), page.indexOf('With the library of the standard'));
    expect(codes.filter((code) => !table.includes(`\`${code}\``))).toEqual([]);
  });
});

/** Names and types of an answer, in the order of the names; of a list those of its first member. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, shapeOf(member)]));
}

describe.skipIf(noCurl !== null)('docs/webhooks-operators.md', () => {
  /** Runs an example, and holds what it answers against what the page shows. */
  async function shown(name: string, variables: Readonly<Record<string, string>> = {}): Promise<Json> {
    const answered = await shell(pages.operators(`sh ${name}`), variables);
    expect(shapeOf(answered), name).toEqual(shapeOf(JSON.parse(pages.operators(`json ${name}`))));
    return answered;
  }

  test('an endpoint from its making to its end', async () => {
    const made = await shown('make');
    const ENDPOINT_ID = String(made.id);
    secrets.push(String(made.secret));
    const { data } = (await shell(pages.operators('sh list'))) as { data: Json[] };
    expect(data.map(({ id }) => id)).toContain(ENDPOINT_ID);
    const changed = await shell(pages.operators('sh change'), { ENDPOINT_ID });
    expect(changed).toMatchObject({ id: ENDPOINT_ID, events: null, rate_limit: null });

    const sent = await shown('test', { ENDPOINT_ID });
    await statusOf(sent.id).toBe('delivered');
    await shown('read', { DELIVERY_ID: String(sent.id) });
    expect(came.at(-1)?.headers['x-gateway-token']).toBe('s3cret');

    answer = new Response('no database', { status: 500 });
    const failing = await shell(pages.operators('sh test'), { ENDPOINT_ID });
    await statusOf(failing.id).toBe('failed');
    answer = null;
    const failed = await shown('failed', { ENDPOINT_ID });
    expect(failed).toMatchObject({
      data: [
        { id: failing.id, reason: 'exhausted', attempts: [{ status_code: 500, response: 'no database' }] },
      ],
    });
    const again = await shell(pages.operators('sh resend'), { DELIVERY_ID: String(failing.id) });
    expect(again).toMatchObject({ id: failing.id, status: 'pending' });
    await statusOf(failing.id).toBe('delivered');
    const SINCE = new Date(Date.now() - 3_600_000).toISOString();
    expect(await shown('recover', { ENDPOINT_ID, SINCE })).toMatchObject({
      endpoint_id: ENDPOINT_ID,
      since: SINCE,
    });
    expect(await shown('stats', { ENDPOINT_ID })).toMatchObject({ failed: 1, failing_since: null });

    const { secret: fresh } = await shown('rotate', { ENDPOINT_ID });
    expect(fresh).not.toBe(made.secret);
    const { jwks_url: JWKS_URL } = await shown('key');
    await shown('jwks', { JWKS_URL: String(JWKS_URL) });
    expect(await shown('threshold')).toEqual({ credits_low_threshold: 500 });
    expect(await shell(pages.operators('sh delete'), { ENDPOINT_ID })).toEqual({});
    const left = (await shell(pages.operators('sh list'))) as { data: Json[] };
    expect(left.data.map(({ id }) => id)).not.toContain(ENDPOINT_ID);
  });
});
