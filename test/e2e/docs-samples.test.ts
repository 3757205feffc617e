import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { samples } from '../../src/worker/docs/samples.ts';
import { VERIFY_JAVASCRIPT } from '../../src/worker/docs/webhook-samples.ts';
import { MODELS } from '../../src/worker/models/index.ts';
import { deliver } from '../../src/worker/webhooks/deliver.ts';
import { newWebhookSecret } from '../../src/worker/webhooks/sign.ts';
import { withoutCurl, withoutPython } from '../support/commands.ts';

// Whether the service behaves as the samples expect is shown elsewhere, by running them against it. Here a server that
// only follows the contract shows that they are whole programs, that they end in every outcome, and that no value can
// break out of its quotes.

const run = promisify(execFile);

const VIDEO = { video: { url: 'https://video.example.com/files/t/v.mp4', content_type: 'video/mp4' } };

/** What the server is to answer to the requests for a job's status, in order; the last one again and again. */
type Statuses = readonly Record<string, unknown>[];

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown> | null;
}

const seen: Seen[] = [];
let statuses: Statuses = [];
let refusal: { status: number; body: Record<string, unknown> } | null = null;
let baseUrl = '';
let folder = '';

function answer(request: IncomingMessage, body: string, response: ServerResponse): void {
  const parsed = body === '' ? null : (JSON.parse(body) as Record<string, unknown>);
  seen.push({
    method: request.method,
    url: request.url,
    authorization: request.headers.authorization,
    body: parsed,
  });
  const send = (status: number, value: Record<string, unknown>) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const job = { job_id: 'job_1', credits_charged: 29, cost_usd: 0.288 };
  if (refusal) send(refusal.status, refusal.body);
  else if (request.method === 'GET') {
    const next = statuses.length > 1 ? statuses[0] : statuses.at(-1);
    statuses = statuses.length > 1 ? statuses.slice(1) : statuses;
    send(200, { ...job, ...next });
  } else if (parsed?.response_mode === 'polling') send(202, { ...job, status: 'in_progress' });
  else send(200, { ...job, result: VIDEO });
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => answer(request, body, response));
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstframe-samples-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

afterEach(() => {
  seen.length = 0;
  statuses = [];
  refusal = null;
});

const hasPython = (await withoutPython()) === null;
const hasCurl = (await withoutCurl()) === null;

/** Values as they are, and values that try to leave their quotes in a shell, in Python and in JavaScript. */
const VALUES = [
  { apiKey: 'ff_live_abc', imageUrl: 'https://example.com/cat.png' },
  {
    apiKey: `it's"$(exit 7)\`exit 7\`\\`,
    imageUrl: `https://example.com/a'b"c\\n$HOME\${x}{y}%s🦊\u2028?d=1&e=2`,
  },
];

const [model] = MODELS;
if (!model) throw new Error('the catalogue is empty');

function textsFor(values: { apiKey: string; imageUrl: string }) {
  return samples(model as NonNullable<typeof model>, { baseUrl, ...values });
}

async function runPython(text: string) {
  return run('python3', ['-c', text], { env: { ...process.env, no_proxy: '127.0.0.1' } });
}

async function runJavaScript(text: string) {
  const file = join(folder, `sample-${crypto.randomUUID()}.mjs`);
  await writeFile(file, text);
  return run(process.execPath, [file]);
}

/** The samples that poll. One whose interpreter is not on this machine is skipped. */
const LANGUAGES = [
  { language: 'python', execute: runPython, possible: hasPython },
  { language: 'javascript', execute: runJavaScript, possible: true },
] as const;

/** Interpreters on a busy machine: only a hang should fail a test. */
vi.setConfig({ testTimeout: 60_000 });

describe.each(VALUES)('with the key $apiKey', (values) => {
  const submitted = { image_url: values.imageUrl, duration: 6, resolution: '1080p' };

  it.skipIf(!hasCurl)('curl waits for the video and prints the answer', async () => {
    const { stdout } = await run('sh', ['-c', textsFor(values).curl], {
      env: { ...process.env, no_proxy: '127.0.0.1' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ result: VIDEO });
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: `/api/${model.id}`,
        authorization: `Bearer ${values.apiKey}`,
        body: submitted,
      },
    ]);
  });

  it.for(LANGUAGES)(
    '$language polls until the video is there and prints its URL',
    async (sample, { skip }) => {
      const { language, execute, possible } = sample;
      skip(!possible);
      statuses = [
        { status: 'in_progress', phase: 'queued' },
        { status: 'in_progress', phase: 'rendering' },
        { status: 'completed', result: VIDEO },
      ];
      const { stdout } = await execute(textsFor(values)[language]);
      expect(stdout.trim()).toBe(VIDEO.video.url);
      expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
        `POST /api/${model.id}`,
        ...Array(3).fill('GET /api/fal/status/job_1?wait=30'),
      ]);
      expect(seen[0]?.body).toMatchObject({ ...submitted, response_mode: 'polling' });
      for (const { authorization } of seen) expect(authorization).toBe(`Bearer ${values.apiKey}`);
    },
  );
});

describe.each(LANGUAGES)(
  '$language says what is wrong and ends with an error',
  ({ language, execute, possible }) => {
    const values = { apiKey: 'ff_live_abc', imageUrl: 'https://example.com/cat.png' };

    it.skipIf(!possible)('when the job fails', async () => {
      statuses = [{ status: 'failed', error: { code: 'image_not_loadable', message: 'No such image.' } }];
      await expect(execute(textsFor(values)[language])).rejects.toThrow(/image_not_loadable/);
    });

    it.skipIf(!possible)('when the request is refused', async () => {
      refusal = { status: 402, body: { detail: 'This job needs 29 credits.', code: 'insufficient_credits' } };
      await expect(execute(textsFor(values)[language])).rejects.toThrow(/402|29 credits/);
      expect(seen).toHaveLength(1);
    });
  },
);

describe('the receiver in JavaScript', () => {
  let receiver: ChildProcess | undefined;
  afterEach(() => receiver?.kill('SIGKILL'));

  it('takes our events and refuses forged ones', async () => {
    // Inside the project, so that the sample finds the library as a project of its reader would.
    const file = join(import.meta.dirname, `.receiver-${crypto.randomUUID()}.mjs`);
    const text = VERIFY_JAVASCRIPT.replace(
      'process.env.PORT ?? 3000);',
      '0, "127.0.0.1", function () { console.log(this.address().port); });',
    );
    expect(text).not.toBe(VERIFY_JAVASCRIPT);
    const secret = newWebhookSecret();
    await writeFile(file, text);
    try {
      const child = spawn(process.execPath, [file], { env: { ...process.env, WEBHOOK_SECRET: secret } });
      receiver = child;
      const lines = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
      const port = Number(String((await lines.next()).value).trim());
      const event = { type: 'job.completed', data: { job_id: 'job_1' } };
      const delivery = {
        url: `http://127.0.0.1:${port}/webhook`,
        id: 'evt_1',
        secrets: [secret],
        body: JSON.stringify(event),
        local: true,
        // Not asked about this machine.
        resolver: 'http://127.0.0.1:9/dns-query',
      };
      expect(await deliver(delivery)).toMatchObject({ ok: true, statusCode: 204 });
      expect(String((await lines.next()).value).trim()).toBe('evt_1 job.completed job_1');
      const forged = { ...delivery, secrets: [newWebhookSecret()] };
      expect(await deliver(forged)).toMatchObject({ ok: false, statusCode: 400 });
    } finally {
      await rm(file);
    }
  });
});
