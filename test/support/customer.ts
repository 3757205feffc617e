/** A customer of the Worker under test, through its public door, inside workerd. */

import { env, exports } from 'cloudflare:workers';
import type { Env } from '../../src/worker/env.ts';
import { until } from './upstream.ts';

export const PUBLIC_URL = 'https://firstframe.test';
const ADMIN = { Authorization: 'Bearer test-admin-token-0123456789' };

/** A request to the Worker, as the world sends it. */
export function call(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(PUBLIC_URL + path, init));
}

/** A JSON request to the Worker. */
export function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** A parsed answer of any shape. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at members of answers that they then assert
export type Json = any;

/** The operator's call; fails the test when it is refused. */
export async function admin(method: string, path: string, body?: unknown): Promise<Json> {
  const response = await call(`/admin${path}`, {
    method,
    headers: { ...ADMIN, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} /admin${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

let serial = 0;

export interface CustomerOptions {
  readonly credits?: number;
  readonly region?: string;
}

/** An account with a key and credits. */
export class Customer {
  readonly account: string;
  readonly key: string;
  readonly keyId: string;

  private constructor(account: string, key: string, keyId: string) {
    this.account = account;
    this.key = key;
    this.keyId = keyId;
  }

  static async create({ credits = 1_000, region = 'weur' }: CustomerOptions = {}): Promise<Customer> {
    const { id } = await admin('POST', '/accounts', { name: `customer ${++serial}`, region });
    const key = await admin('POST', `/accounts/${id}/keys`, { name: 'test' });
    if (credits > 0) await admin('POST', `/accounts/${id}/credits`, { credits, reference: 'first' });
    return new Customer(id, key.key, key.id);
  }

  /** Submits a job; a prompt of its own unless one is given. */
  submit(fields: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Response> {
    const body = {
      prompt: uniquePrompt(),
      image_url: 'https://images.example.org/start.png',
      response_mode: 'polling',
      ...fields,
    };
    return post('/api/ltx-2.3-image-to-video', body, {
      'X-API-Key': this.key,
      'X-Firstframe-Region': 'weur',
      ...headers,
    });
  }

  /** Submits a job that must be taken in, and gives its id. */
  async start(fields: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<string> {
    const response = await this.submit(fields, headers);
    const body: Json = await response.json();
    if (response.status !== 202) throw new Error(`submit: ${response.status} ${JSON.stringify(body)}`);
    return body.job_id;
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return call(path, { ...init, headers: { 'X-API-Key': this.key, ...init.headers } });
  }

  async status(jobId: string): Promise<Json> {
    return (await this.get(`/api/fal/status/${jobId}`)).json();
  }

  /** The status once `condition` holds. */
  async statusWhen(jobId: string, condition: (status: Json) => boolean): Promise<Json> {
    for (;;) {
      const status = await this.status(jobId);
      if (condition(status)) return status;
      await tick();
    }
  }

  /** The status of the ended job. */
  ended(jobId: string): Promise<Json> {
    return this.statusWhen(jobId, (status) => status.status !== 'in_progress');
  }

  async credits(): Promise<{ available: number; held: number; captured: number }> {
    const answer: Json = await (await this.get('/api/account')).json();
    return answer.credits;
  }

  /** The shard of a region. */
  shard(region = 'weur') {
    const namespace = (env as unknown as Env).SHARDS;
    return namespace.get(namespace.idFromName(`${this.account}/${region}/0`));
  }
}

/** A prompt that no other test uses: the scripted upstream knows jobs by their prompts. */
export function uniquePrompt(): string {
  return `prompt ${++serial} ${crypto.randomUUID()}`;
}

/** Lets other work go on. */
export async function tick(): Promise<void> {
  let turned = false;
  await until(() => {
    const before = turned;
    turned = true;
    return before;
  });
}
