/** An account with webhook endpoints, as the Worker asks its shards about their deliveries. */

import { env } from 'cloudflare:workers';
import type { Replica } from '../../src/worker/accounts/contract.ts';
import type { EndpointFields } from '../../src/worker/accounts/endpoints/contract.ts';
import { mintEndpointId } from '../../src/worker/accounts/endpoints/mint.ts';
import { configOf, type Env } from '../../src/worker/env.ts';
import { homeShard, mintId, type ShardRef } from '../../src/worker/ids.ts';
import { accountStub } from '../../src/worker/objects.ts';
import { DeliveryClient } from '../../src/worker/webhooks/client.ts';
import type { DeliveryStatus, DeliveryView, ListDeliveries } from '../../src/worker/webhooks/contract.ts';
import type { Health } from '../../src/worker/webhooks/health.ts';
import { deliveryIdOf, OWN_RECEIVER, receiverOf } from '../../src/worker/webhooks/ids.ts';
import type { JobEventType } from '../../src/worker/webhooks/types.ts';
import type { Json } from '../support/customer.ts';
import { type StartedJob, World } from './jobs-fixtures.ts';
import { expectKind } from './links-object-fixtures.ts';

export const bindings = env as unknown as Env;
const { SIGNING_SECRETS } = configOf(bindings);

/** What reached a receiver. */
export interface Hit {
  readonly id: string;
  readonly body: Json;
}

/** A delivery that is put into the table as it is. */
export interface Seed {
  readonly endpointId: string | null;
  readonly status: DeliveryStatus;
  /** When its job was made and its event happened, in ms. */
  readonly at: number;
  readonly type?: JobEventType;
  /** One answer of each try. */
  readonly responses?: readonly string[];
  /** Whether there is a job. */
  readonly job?: StartedJob;
}

let hosts = 0;

export class DeskWorld {
  readonly world: World;
  readonly keyHash: string;
  /** Of the home shard. */
  readonly client: DeliveryClient;
  readonly home: ShardRef;

  private constructor(world: World, keyHash: string) {
    this.world = world;
    this.keyHash = keyHash;
    this.home = homeShard(world.customer.account);
    this.client = new DeliveryClient(bindings, this.home);
  }

  static async create(): Promise<DeskWorld> {
    const world = await World.create();
    return new DeskWorld(world, await world.keyHash());
  }

  get account() {
    return accountStub(bindings, this.world.customer.account);
  }

  /** Makes an endpoint. */
  async endpoint(url: string, fields: Partial<EndpointFields> = {}): Promise<string> {
    const id = mintEndpointId();
    const plain = { description: '', events: null, headers: {}, rateLimit: null, enabled: true };
    expectKind(await this.account.createEndpoint({ ...plain, ...fields, id, url }), 'created');
    return id;
  }

  async enable(id: string, enabled: boolean): Promise<void> {
    expectKind(await this.account.updateEndpoint({ id, fields: { enabled } }), 'updated');
  }

  /** A receiver of its own; its address, and what has reached it. */
  receiver(answer: (hit: Hit, nth: number) => Response | Promise<Response> = () => new Response('thanks')) {
    const origin = `https://desk-${++hosts}.example.org`;
    const hits: Hit[] = [];
    this.world.installed.receive(origin, async (request) => {
      const hit = { id: request.headers.get('webhook-id') ?? '', body: (await request.json()) as Json };
      hits.push(hit);
      return answer(hit, hits.length);
    });
    return { url: `${origin}/hooks`, hits };
  }

  /** A job that has its video, when all that follows of it has been done. */
  async completed(fields: Record<string, unknown> = {}): Promise<StartedJob> {
    const job = await this.world.start({ status: ['running'] }, fields);
    await this.world.callBack(job.prompt, 'ok');
    await this.world.quiet();
    return job;
  }

  /** The shard meets the account. */
  async meet(): Promise<void> {
    await this.world.customer.get(`/api/fal/status/${this.mint(Date.now())}`);
    expectKind(await this.world.stub().authorize(this.keyHash), 'ok');
  }

  mint(at: number, shard = this.home): string {
    return mintId(SIGNING_SECRETS, 'job', shard, at);
  }

  mintNotice(): string {
    return mintId(SIGNING_SECRETS, 'evt', this.home, Date.now());
  }

  /** Puts deliveries into a shard's table, each of a job of its own. */
  async seed(seeds: readonly Seed[], shard = this.home): Promise<string[]> {
    const rows = seeds.map((seed) => ({ ...seed, jobId: this.mint(seed.at, shard) }));
    return this.world.inShard((_, { storage }) => {
      return storage.transactionSync(() => rows.map((row) => insert(storage.sql, row)));
    }, shard.region);
  }

  /** A page of the home shard. */
  async page(query: Partial<ListDeliveries> = {}) {
    const command = { keyHash: this.keyHash, filter: {}, limit: 100, ...query };
    return expectKind(await this.client.deliveries(command), 'page');
  }

  /** Ids of a page of the home shard. */
  async ids(query: Partial<ListDeliveries> = {}): Promise<string[]> {
    return (await this.page(query)).deliveries.map(({ deliveryId }) => deliveryId);
  }

  async read(deliveryId: string): Promise<DeliveryView> {
    const outcome = await this.client.delivery({ keyHash: this.keyHash, deliveryId });
    return expectKind(outcome, 'found').delivery;
  }

  resend(deliveryId: string) {
    return this.client.resend({ keyHash: this.keyHash, deliveryId });
  }

  /** What the home shard knows of an endpoint that does not answer as it should. */
  async writeHealth(endpointId: string, health: Partial<Health>): Promise<void> {
    await this.world.inShard((_, { storage }) => {
      const replica = storage.kv.get<Replica>('replica');
      const epoch = replica?.endpoints.find(({ id }) => id === endpointId)?.epoch;
      const text = JSON.stringify({
        epoch,
        failingSince: null,
        slowUntil: 0,
        slowStep: 0,
        mark: null,
        ...health,
      });
      storage.sql.exec('INSERT INTO endpoint_health VALUES (?, ?)', endpointId, text);
    });
    // What is in memory of it is read anew.
    await this.world.crash();
  }

  /** How many deliveries there are of each status. */
  async statuses(): Promise<Record<string, number>> {
    const rows = await this.world.sql<{ status: string; n: number }>(
      'SELECT status, COUNT(*) AS n FROM deliveries GROUP BY status',
    );
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  }
}

/** The delivery of a job's end. */
export function endOf(job: { readonly id: string }, endpointId: string | null): string {
  return deliveryIdOf(job.id, 'z', endpointId === null ? OWN_RECEIVER : receiverOf(endpointId));
}

function insert(
  sql: SqlStorage,
  { jobId, endpointId, status, at, type, responses = [], job }: Seed & { jobId: string },
) {
  const receiver = endpointId === null ? OWN_RECEIVER : receiverOf(endpointId);
  const id = deliveryIdOf(jobId, type === 'job.created' ? 'c' : 'z', receiver);
  const attempts = responses.map((response) => ({
    at,
    status_code: 500,
    duration_ms: 1,
    error: null,
    response,
  }));
  sql.exec(
    `INSERT INTO deliveries (id, type, receiver, url, status, reason, created_at, tries, attempts)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    type ?? 'job.completed',
    receiver,
    endpointId === null ? 'https://own.example.org/' : null,
    status,
    status === 'failed' ? 'exhausted' : null,
    at,
    attempts.length,
    JSON.stringify(attempts),
  );
  if (job) {
    sql.exec(
      `INSERT INTO jobs (id, state, credits, cost, created_at, ended_at, request, progress)
       SELECT ?, state, credits, cost, ?, ended_at, request, progress FROM jobs WHERE id = ?`,
      jobId,
      at,
      job.id,
    );
  }
  return id;
}
