/** The world around one customer's jobs: a clock, a scripted upstream, a receiver of webhooks, and looks into the shard. */

import { runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { onTestFinished, vi } from 'vitest';
import { toHex } from '../../src/worker/bytes.ts';
import type { Env } from '../../src/worker/env.ts';
import type { JobShard } from '../../src/worker/jobs/shard.ts';
import { Customer, type CustomerOptions, type Json, tick, uniquePrompt } from '../support/customer.ts';
import { crash, crashOver, stubOf } from '../support/hops.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { type Clock, cron, installClock } from '../support/time.ts';
import {
  type JobPlan,
  type ScriptedUpstream,
  until,
  type WebhookContent,
  type WebhookFaults,
} from '../support/upstream.ts';

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

export const bucket = (env as unknown as Env).BUCKET;

/** The Worker's front door, as an upstream calls it. */
export const deliver = (request: Request) => exports.default.fetch(request);

/** An image that a request can carry. Only its first bytes are looked at. */
export const TINY_PNG =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** A row of the due table. */
export interface DueRow {
  readonly key: string;
  readonly kind: string;
  readonly due_at: number;
  readonly claimed_until: number;
}

/** An event as it reached the receiver. */
export interface Received {
  readonly id: string;
  readonly timestamp: number;
  readonly signature: string;
  /** Whether the sender would follow a redirect. */
  readonly redirect: string;
  readonly text: string;
  readonly body: Json;
}

/** A job that was started. */
export interface StartedJob {
  readonly id: string;
  readonly prompt: string;
}

export class World {
  readonly clock: Clock;
  readonly installed: InstalledUpstream;
  readonly upstream: ScriptedUpstream;
  readonly customer: Customer;

  private constructor(clock: Clock, installed: InstalledUpstream, customer: Customer) {
    this.clock = clock;
    this.installed = installed;
    this.upstream = installed.upstream;
    this.customer = customer;
  }

  /** The world of the running test. */
  static async create(options: CustomerOptions = {}): Promise<World> {
    const clock = installClock();
    const installed = installUpstream();
    const { upstream } = installed;
    installed.receive(upstream.filesUrl, async (request) => ofPlainStream(await upstream.handle(request)));
    return World.#of(clock, installed, options);
  }

  /** Another customer in the same world. */
  async another(options: CustomerOptions = {}): Promise<World> {
    return World.#of(this.clock, this.installed, options);
  }

  static async #of(clock: Clock, installed: InstalledUpstream, options: CustomerOptions): Promise<World> {
    const world = new World(clock, installed, await Customer.create({ credits: 290, ...options }));
    // What it leaves to do, such as a retry, is not for a later test's receivers.
    onTestFinished(async () => {
      await crashOver();
      await world.inShard((_, state) => state.storage.deleteAlarm());
    });
    return world;
  }

  /** Starts a job whose upstream follows `plan`, and returns when nothing is under way any more. */
  async start(plan: JobPlan = {}, fields: Record<string, unknown> = {}): Promise<StartedJob> {
    const job = await this.startRaw(plan, fields);
    await this.quiet();
    return job;
  }

  /** Starts a job, and leaves it to itself. */
  async startRaw(plan: JobPlan = {}, fields: Record<string, unknown> = {}): Promise<StartedJob> {
    const prompt = uniquePrompt();
    this.upstream.plan(prompt, plan);
    return { id: await this.customer.start({ prompt, ...fields }), prompt };
  }

  /** Sends the upstream's signed callback to the Worker. */
  callBack(job: string, content: WebhookContent, faults: WebhookFaults = {}): Promise<Response[]> {
    return this.upstream.callBack(job, content, deliver, faults);
  }

  /** Lets the time pass, then lets cron do what is due. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await cron();
    await this.quiet();
  }

  /** Lets the time pass, then rings the shard's alarm. What is due goes on after it, also what hangs. */
  async ring(ms = 0): Promise<void> {
    await crashOver();
    this.clock.advance(ms);
    await this.inShard((shard) => shard.alarm());
  }

  /** The status of the ended job; time passes, a cron run every `step` minutes, until it has ended. */
  async ended({ id }: StartedJob, minutes = 70, step = 1): Promise<Json> {
    for (let minute = 0; minute <= minutes; minute += step) {
      const status = await this.customer.status(id);
      if (status.status !== 'in_progress') return status;
      await this.pass(step * MINUTE_MS);
    }
    throw new Error(`job ${id} has not ended: ${JSON.stringify(await this.due())}`);
  }

  /** Resolves when nothing is due in the shard, nor under way. */
  async quiet(region = 'weur'): Promise<void> {
    for (;;) {
      const now = Date.now();
      if (!(await this.due(region)).some((row) => row.due_at <= now)) return;
      await tick();
    }
  }

  /** Rows of a query in the shard's database. */
  sql<T extends Record<string, SqlStorageValue>>(
    query: string,
    bindings: readonly unknown[] = [],
    region = 'weur',
  ): Promise<T[]> {
    return this.inShard((_, state) => state.storage.sql.exec<T>(query, ...bindings).toArray(), region);
  }

  /** Runs something inside the shard of a region. */
  inShard<R>(
    run: (shard: JobShard, state: DurableObjectState) => R | Promise<R>,
    region = 'weur',
  ): Promise<R> {
    return runInDurableObject<JobShard, R>(this.stub(region), run);
  }

  /** The shard's stub, whose calls no test controls or counts. */
  stub(region = 'weur'): DurableObjectStub<JobShard> {
    const { SHARDS } = env as unknown as Env;
    return stubOf(SHARDS, `${this.customer.account}/${region}/0`);
  }

  /** How the shard knows the customer's key. */
  async keyHash(): Promise<string> {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(this.customer.key));
    return toHex(new Uint8Array(digest));
  }

  due(region = 'weur'): Promise<DueRow[]> {
    return this.sql<DueRow & Record<string, SqlStorageValue>>(
      'SELECT key, kind, due_at, claimed_until FROM due ORDER BY due_at',
      [],
      region,
    );
  }

  /** What is planned under a key. */
  async planned(key: string): Promise<DueRow | undefined> {
    return (await this.due()).find((row) => row.key === key);
  }

  /** The state of a job as the shard has it. */
  async state({ id }: StartedJob): Promise<string | undefined> {
    return (await this.sql<{ state: string }>('SELECT state FROM jobs WHERE id = ?', [id]))[0]?.state;
  }

  /** The shard's row of credits. */
  async book(region = 'weur'): Promise<Record<string, number>> {
    const [row] = await this.sql<Record<string, number>>('SELECT * FROM book', [], region);
    if (!row) throw new Error('the shard has no book');
    return row;
  }

  /** Credits as the customer sees them. */
  credits(): Promise<{ available: number; held: number; captured: number }> {
    return this.customer.credits();
  }

  /** The shard loses its memory in the middle of whatever it does, and its alarm if it is to. */
  async crash({ alarm = true, region = 'weur' } = {}): Promise<void> {
    if (!alarm) await this.inShard((_, state) => state.storage.deleteAlarm(), region);
    await crash(this.stub(region));
  }

  /** Installs a receiver that answers with `answer`; what it received is verified with the account's secret. */
  async receiver(
    origin: string,
    answer: (received: Received) => Response | Promise<Response> = () => new Response('thanks'),
  ): Promise<Received[]> {
    const verifier = new Webhook(await this.secret());
    const all: Received[] = [];
    this.installed.receive(origin, async (request) => {
      const text = await request.text();
      const headers = Object.fromEntries(request.headers);
      const received: Received = {
        id: headers['webhook-id'] ?? '',
        timestamp: Number(headers['webhook-timestamp']) * SECOND_MS,
        signature: headers['webhook-signature'] ?? '',
        redirect: request.redirect,
        text,
        body: verifier.verify(text, headers),
      };
      all.push(received);
      return answer(received);
    });
    return all;
  }

  /** The account's `whsec_` secret. */
  async secret(): Promise<string> {
    const answer: Json = await (await this.customer.get('/api/account/webhook-secret')).json();
    return answer.webhook_secret;
  }

  /** Objects in the bucket that belong to a job. */
  async files(jobId: string): Promise<string[]> {
    const account = this.customer.account;
    const [results, inputs] = await Promise.all(
      [`out/${account}/${jobId}`, `in/${account}/${jobId}`].map((prefix) => bucket.list({ prefix })),
    );
    return [...(results?.objects ?? []), ...(inputs?.objects ?? [])].map(({ key }) => key);
  }
}

/**
 * The same answer with a body as the network gives it: the scripted one may come out of a transform, which workerd
 * cannot pipe into another one.
 */
function ofPlainStream(response: Response): Response {
  if (!response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

/** Everything that is written to the console from now on, as text. */
export function recordLog(): { readonly text: () => string; readonly entries: unknown[] } {
  const entries: unknown[] = [];
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, level).mockImplementation((...args: unknown[]) => void entries.push(...args));
  }
  return {
    entries,
    text: () =>
      entries
        .map((entry) => (entry instanceof Error ? `${entry} ${entry.stack}` : JSON.stringify(entry)))
        .join('\n'),
  };
}

/** A gate that holds whoever comes, and counts them. */
export class Gate {
  waiting = 0;
  peak = 0;
  passed = 0;
  #open = false;

  /** Waits until the gate is opened. */
  async hold(): Promise<void> {
    this.waiting++;
    this.peak = Math.max(this.peak, this.waiting);
    await until(() => this.#open);
    this.waiting--;
    this.passed++;
  }

  open(): void {
    this.#open = true;
  }
}
