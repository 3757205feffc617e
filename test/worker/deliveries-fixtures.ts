/** Webhook endpoints of a test's customer: made in its account, received here, looked at in the shard. */

import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import type { Account } from '../../src/worker/accounts/account.ts';
import type {
  EndpointFields,
  EndpointView,
  RotateSecret,
} from '../../src/worker/accounts/endpoints/contract.ts';
import type { Env } from '../../src/worker/env.ts';
import { mintId } from '../../src/worker/ids.ts';
import type { JobRequest, SubmitOutcome } from '../../src/worker/jobs/contract.ts';
import { deliveryIdOf, type Moment, OWN_RECEIVER, receiverOf } from '../../src/worker/webhooks/ids.ts';
import type { LoggedAttempt } from '../../src/worker/webhooks/shard/records.ts';
import { type Json, uniquePrompt } from '../support/customer.ts';
import { stubOf } from '../support/hops.ts';
import { SECOND_MS, type World } from './jobs-fixtures.ts';
import { config, jobOf } from './links-object-fixtures.ts';

/** A request as it came to an endpoint, its signature verified. */
export interface Hit {
  readonly id: string;
  /** When it came, in ms of the test's clock. */
  readonly at: number;
  readonly text: string;
  readonly body: Json;
  readonly headers: Readonly<Record<string, string>>;
}

/** How a receiver answers; `nth` counts from 1. */
export type Answer = (hit: Hit, nth: number) => Response | Promise<Response>;

export interface MadeEndpoint {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
  /** What has come so far, in order. */
  readonly hits: Hit[];
}

/** A delivery as the shard has it. */
export interface DeliveryRow {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly reason: string | null;
  readonly tries: number;
  readonly attempts: readonly LoggedAttempt[];
}

/** What an endpoint of these tests is unless it is told otherwise. */
const FIELDS: Omit<EndpointFields, 'url'> = {
  description: '',
  events: null,
  headers: {},
  rateLimit: null,
  enabled: true,
};

let serial = 0;
const letters = () =>
  crypto
    .randomUUID()
    .replaceAll(/[^0-9a-f]/g, '')
    .slice(0, 12);

export const ok: Answer = () => new Response('thanks');
/** An answer of this status. */
export const status = (code: number, headers: Record<string, string> = {}): Answer => {
  return () => new Response(code === 204 ? null : 'no', { status: code, headers });
};
/** No answer in time, as the runtime says it. */
export const timesOut: Answer = () => {
  throw new DOMException('The operation timed out', 'TimeoutError');
};

export class Endpoints {
  readonly world: World;

  private constructor(world: World) {
    this.world = world;
  }

  /** Of the world's customer, whose home shard is known to the account from now on. */
  static async of(world: World, regions: readonly string[] = ['weur']): Promise<Endpoints> {
    const keyHash = await world.keyHash();
    for (const region of regions) await world.stub(region).authorize(keyHash);
    return new Endpoints(world);
  }

  /** Of a shard that is as the test has made it. */
  static at(world: World): Endpoints {
    return new Endpoints(world);
  }

  get account(): DurableObjectStub<Account> {
    const { ACCOUNTS } = env as unknown as Env;
    return stubOf(ACCOUNTS, this.world.customer.account);
  }

  /** An endpoint with a host of its own, all of whose events the shards know to be for it. */
  async make(answer: Answer = ok, fields: Partial<EndpointFields> = {}): Promise<MadeEndpoint> {
    const origin = `https://receiver-${++serial}.example.org`;
    const id = `ep_${letters()}`;
    const made = await this.account.createEndpoint({ ...FIELDS, url: `${origin}/hook`, ...fields, id });
    if (made.kind !== 'created') throw new Error(`no endpoint: ${made.kind}`);
    const url = made.endpoint.url;
    const hits = this.receive(origin, made.secret, answer);
    return { id, url, secret: made.secret, hits };
  }

  /** Answers what comes to an origin, and verifies it. */
  receive(origin: string, secret: string, answer: Answer): Hit[] {
    const verifier = new Webhook(secret);
    const hits: Hit[] = [];
    this.world.installed.receive(origin, async (request) => {
      const text = await request.text();
      const headers = Object.fromEntries(request.headers);
      const hit = {
        id: headers['webhook-id'] ?? '',
        at: Date.now(),
        text,
        headers,
        body: verifier.verify(text, headers) as Json,
      };
      hits.push(hit);
      return answer(hit, hits.length);
    });
    return hits;
  }

  async update({ id }: Pick<MadeEndpoint, 'id'>, fields: Partial<EndpointFields>): Promise<EndpointView> {
    const updated = await this.account.updateEndpoint({ id, fields });
    if (updated.kind !== 'updated') throw new Error(`not updated: ${updated.kind}`);
    return updated.endpoint;
  }

  async remove({ id }: Pick<MadeEndpoint, 'id'>): Promise<void> {
    const deleted = await this.account.deleteEndpoint(id);
    if (deleted.kind !== 'deleted') throw new Error(`not deleted: ${deleted.kind}`);
  }

  /** A new secret of an endpoint or of the account, as text. */
  async rotate(fields: Omit<RotateSecret, 'secretId'>): Promise<string> {
    const rotated = await this.account.rotateSecret({ ...fields, secretId: `sec_${letters()}` });
    if (rotated.kind !== 'rotated') throw new Error(`not rotated: ${rotated.kind}`);
    return rotated.secret;
  }

  async view({ id }: Pick<MadeEndpoint, 'id'>): Promise<EndpointView> {
    const found = await this.account.readEndpoint(id);
    if (found.kind !== 'found') throw new Error(`no endpoint: ${found.kind}`);
    return found.endpoint;
  }

  /** The delivery of an event to an endpoint, or to the subject's own address. */
  async delivery(
    aboutId: string,
    moment: Moment,
    to?: Pick<MadeEndpoint, 'id'>,
  ): Promise<DeliveryRow | null> {
    const id = deliveryIdOf(aboutId, moment, to ? receiverOf(to.id) : OWN_RECEIVER);
    return (await this.#rows('WHERE id = ?', [id]))[0] ?? null;
  }

  /** A job that stays with the upstream, taken in with these fields of its request. */
  async submit(fields: Partial<JobRequest> = {}): Promise<{ id: string; prompt: string }> {
    const { customer, upstream } = this.world;
    const prompt = uniquePrompt();
    upstream.plan(prompt, { status: ['running'] });
    const shard = { account: customer.account, region: 'weur', n: 0 } as const;
    const id = mintId(config.SIGNING_SECRETS, 'job', shard, Date.now());
    const { model, input, usualMs, credits, cost } = jobOf(prompt);
    const start = { kind: 'url', url: 'https://images.example.org/start.png' } as const;
    const request = { model, input, usualMs, images: { start }, ...fields };
    const keyHash = await this.world.keyHash();
    const command = { jobId: id, keyHash, request, credits, cost };
    const send = async (): Promise<SubmitOutcome> => this.world.stub().submit(command);
    // As the Worker does: the shard may die over it, and a repeated submit is the same.
    const outcome = await send().catch(send);
    if (outcome.kind !== 'accepted') throw new Error(`not taken: ${outcome.kind}`);
    return { id, prompt };
  }

  /** All deliveries of a region's shard, in the order of their ids. */
  deliveries(region = 'weur'): Promise<DeliveryRow[]> {
    return this.#rows('ORDER BY id', [], region);
  }

  /** What the shard has written down of an endpoint that is not well. */
  async health({ id }: Pick<MadeEndpoint, 'id'>): Promise<Json | null> {
    const [row] = await this.world.sql<{ health: string }>(
      'SELECT health FROM endpoint_health WHERE endpoint = ?',
      [id],
    );
    return row ? JSON.parse(row.health) : null;
  }

  /** Time passes until nothing is due within `horizonMs` any more, each thing at its time. */
  async run(horizonMs: number): Promise<void> {
    const until = Date.now() + horizonMs;
    for (;;) {
      await this.world.quiet();
      const [next] = (await this.world.due()).filter(({ kind }) => kind === 'deliver' || kind === 'report');
      if (!next || next.due_at > until) break;
      await this.world.ring(Math.max(0, next.due_at - Date.now()));
    }
    await this.world.ring(Math.max(0, until - Date.now()));
    await this.world.quiet();
  }

  async #rows(where: string, bindings: unknown[], region = 'weur'): Promise<DeliveryRow[]> {
    const rows = await this.world.sql<Record<string, SqlStorageValue>>(
      `SELECT id, type, status, reason, tries, attempts FROM deliveries ${where}`,
      bindings,
      region,
    );
    return rows.map((row) => ({
      ...(row as unknown as DeliveryRow),
      attempts: JSON.parse(String(row.attempts)),
    }));
  }
}

/** Seconds between hits. */
export function gaps(hits: readonly Hit[]): number[] {
  return hits.slice(1).map(({ at }, n) => (at - (hits[n]?.at ?? 0)) / SECOND_MS);
}
