/** What the tests of an account's webhooks do again and again: endpoints, shards that learn, alarms, secrets opened. */

import { env } from 'cloudflare:workers';
import type {
  CreateEndpoint,
  ReplicaEndpoint,
  ReportEndpoint,
  SealedSecret,
} from '../../src/worker/accounts/endpoints/contract.ts';
import { mintEndpointId, mintSecretId } from '../../src/worker/accounts/endpoints/mint.ts';
import { openSecret } from '../../src/worker/accounts/endpoints/sealing.ts';
import { configOf } from '../../src/worker/env.ts';
import type { Scene } from './fixtures/fake-shards.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const ALL_REGIONS = ['weur', 'enam', 'apac'] as const;

/** A request for an endpoint, with an id of its own. */
export function endpoint(fields: Partial<CreateEndpoint> = {}): CreateEndpoint {
  return {
    id: mintEndpointId(),
    url: 'https://hooks.example.com/ff',
    description: '',
    events: null,
    headers: {},
    rateLimit: null,
    enabled: true,
    ...fields,
  };
}

/** Makes an endpoint; throws when it is not made. */
export async function made(scene: Scene, fields: Partial<CreateEndpoint> = {}) {
  const outcome = await scene.account.createEndpoint(endpoint(fields));
  if (outcome.kind !== 'created') throw new Error(outcome.kind);
  return outcome;
}

/** Rotates a secret with a new id; throws when it is not rotated. */
export async function rotated(
  scene: Scene,
  endpointId: string | null,
  graceMs = DAY_MS,
  scheme: SealedSecret['scheme'] = 'v1',
) {
  const secretId = mintSecretId();
  const outcome = await scene.account.rotateSecret({ endpointId, scheme, graceMs, secretId });
  if (outcome.kind !== 'rotated') throw new Error(outcome.kind);
  return { ...outcome, secretId };
}

/** Shards meet the account, and take over what they are told as real ones do. */
export async function learn(scene: Scene, ...regions: readonly string[]): Promise<void> {
  for (const region of regions) {
    const shard = scene.shard(region);
    const outcome = await scene.account.learn({ shard: shard.shardName });
    if (!outcome.found) throw new Error('there is no account');
    if (outcome.replica.version > (shard.replica?.version ?? 0)) shard.replica = outcome.replica;
  }
}

/** The endpoint as a shard knows it. */
export function known(scene: Scene, region: string, id: string): ReplicaEndpoint | undefined {
  return scene.shard(region).replica?.endpoints.find((one) => one.id === id);
}

/** The secrets of a replica as they were before they were encrypted; null for what cannot be read. */
export function opened(scene: Scene, secrets: readonly SealedSecret[] = []): Promise<(string | null)[]> {
  const seal = { ring: configOf(env).SIGNING_SECRETS, account: scene.id };
  return Promise.all(secrets.map((secret) => openSecret(seal, secret)));
}

/** The alarm rings: what waits for a later push is pushed now. */
export async function ring(scene: Scene): Promise<void> {
  const { sql } = scene.state.storage;
  sql.exec('UPDATE shards SET push_due_at = 1 WHERE push_due_at IS NOT NULL');
  await scene.account.alarm();
}

/** What a shard reports of an endpoint that it knows. */
export function reportOf(scene: Scene, region: string, id: string): ReportEndpoint {
  const epoch = known(scene, region, id)?.epoch ?? 0;
  return {
    shard: scene.shard(region).shardName,
    endpointId: id,
    epoch,
    reason: 'gone',
    since: Date.now() - HOUR_MS,
  };
}

/** Rows of a query in the account's database. */
export function rows(scene: Scene, query: string): Record<string, SqlStorageValue>[] {
  return scene.state.storage.sql.exec(query).toArray();
}
