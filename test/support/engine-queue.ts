/** An engine whose renders are moved by hand, and what tests say to it. */

import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFalClient, type FalClient } from '@fal-ai/client';
import { expect, onTestFinished, vi } from 'vitest';
import type {
  Engine,
  EngineLogEntry,
  EngineOptions,
  ErrorDetail,
  Render,
  RenderOptions,
  RenderOutcome,
  RenderRequest,
} from '../../src/engine/contract.ts';
import { startEngine } from '../../src/engine/index.ts';

/** How long a test waits for what must come, in milliseconds: these tests start processes on a busy machine. */
export const PATIENCE_MS = 120_000;

vi.setConfig({ testTimeout: PATIENCE_MS });

/** Reads again and again until it is as expected. */
export function eventually<Value>(read: () => Value | Promise<Value>) {
  return expect.poll(read, { timeout: PATIENCE_MS });
}

export const ENDPOINT = 'fal-ai/ltx-2.3/image-to-video/fast';
export const INPUT = { prompt: 'slowly in', image_url: 'data:image/png;base64,AAAA' };
export const HEADERS = { authorization: 'Key any:key', 'content-type': 'application/json' };

/** A render that does what the test says. */
export class ManualRender implements Render {
  readonly pid = undefined;
  readonly request: RenderRequest;
  readonly #options: RenderOptions;
  readonly #outcome = Promise.withResolvers<RenderOutcome>();
  readonly outcome = this.#outcome.promise;
  canceled = false;

  constructor(request: RenderRequest, options: RenderOptions) {
    this.request = request;
    this.#options = options;
    writeFileSync(`${options.outputPath}.part`, 'half');
  }

  cancel(): void {
    this.canceled = true;
    this.#outcome.resolve({ kind: 'canceled' });
  }

  progress(done: number, total: number): void {
    this.#options.onProgress?.(done, total);
  }

  /** Ends with a file that holds `bytes`. */
  finish(bytes: Uint8Array | string = 'a video'): void {
    const path = this.#options.outputPath;
    writeFileSync(path, bytes);
    const { fps, duration } = this.request;
    const file = {
      path,
      bytes: bytes.length,
      width: 1920,
      height: 1080,
      fps,
      duration,
      frames: fps * duration,
    };
    this.#outcome.resolve({ kind: 'done', file });
  }

  fail(status: number, detail: readonly ErrorDetail[]): void {
    this.#outcome.resolve({ kind: 'failed', status, detail });
  }

  crash(): void {
    this.#outcome.resolve({ kind: 'crashed', message: 'the child died' });
  }
}

/** Hands out renders in the order in which they were started. */
export class ManualRenderer {
  readonly started: ManualRender[] = [];
  #taken = 0;
  #wake = () => {};

  readonly startRender = (request: RenderRequest, options: RenderOptions): ManualRender => {
    const render = new ManualRender(request, options);
    this.started.push(render);
    this.#wake();
    return render;
  };

  /** The next render, as soon as it has been started. */
  async next(): Promise<ManualRender> {
    for (;;) {
      const render = this.started[this.#taken];
      if (render) {
        this.#taken += 1;
        return render;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A directory that goes with the test. */
export async function testDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'firstframe-engine-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** An engine that goes with the test. */
export async function testEngine(options: Partial<EngineOptions> = {}): Promise<{
  engine: Engine;
  renderer: ManualRenderer;
  dataDir: string;
  log: EngineLogEntry[];
}> {
  const dataDir = options.dataDir ?? (await testDirectory());
  const renderer = new ManualRenderer();
  const log: EngineLogEntry[] = [];
  const engine = await startEngine({
    startRender: renderer.startRender,
    log: (entry) => log.push(entry),
    ...options,
    dataDir,
  });
  onTestFinished(() => engine.close());
  return { engine, renderer, dataDir, log };
}

/** fal's own client, its requests sent to the engine instead. */
export function falClient(engineUrl: string): FalClient {
  return createFalClient({
    credentials: 'any:key',
    requestMiddleware: async (request) => ({
      ...request,
      url: request.url.replace('https://queue.fal.run', engineUrl),
    }),
  });
}

/** The bodies that tests read, loosely: what is in them is what they assert. */
export interface Submitted {
  readonly request_id: string;
  readonly response_url: string;
  readonly status_url: string;
  readonly cancel_url: string;
  readonly queue_position: number;
}

/** Submits, raw. */
export function submit(engine: Engine, webhook?: string, input: unknown = INPUT): Promise<Response> {
  const query = webhook === undefined ? '' : `?fal_webhook=${encodeURIComponent(webhook)}`;
  return fetch(`${engine.url}/${ENDPOINT}${query}`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify(input),
  });
}

/** Submits and reads the answer. */
export async function submitted(engine: Engine, webhook?: string, input?: unknown): Promise<Submitted> {
  return (await (await submit(engine, webhook, input)).json()) as Submitted;
}

/** The status answer of a request. */
export async function status(request: Submitted): Promise<Record<string, unknown>> {
  const response = await fetch(request.status_url, { headers: HEADERS });
  return { http: response.status, ...((await response.json()) as object) };
}

/** Reads the status stream to its end: every event of it. */
export async function untilCompleted(statusUrl: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${statusUrl}/stream?logs=1`, { headers: HEADERS });
  return (await response.text())
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => JSON.parse(event.slice('data: '.length)) as Record<string, unknown>);
}

/** A webhook as it came in. */
export interface Received {
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** A receiver of webhooks. `answer` gives the status for the n-th call, from 0; undefined: never answers. */
export async function testReceiver(answer: (call: number) => number | undefined = () => 200): Promise<{
  url: string;
  received: Received[];
  /** Resolves when `count` calls have come in. */
  calls(count: number): Promise<void>;
}> {
  const received: Received[] = [];
  let wake = () => {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      const code = answer(received.length - 1);
      if (code !== undefined) response.writeHead(code, code === 302 ? { location: '/elsewhere' } : {}).end();
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async calls(count) {
      while (received.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
