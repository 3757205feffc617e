import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { ACCOUNT_MIGRATIONS } from '../../src/worker/accounts/migrations.ts';
import { configOf } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { migrate } from '../../src/worker/migrate.ts';
import { encrypt } from '../../src/worker/secrets.ts';
import { newWebhookSecret } from '../../src/worker/webhooks/sign.ts';
import { crash } from '../support/hops.ts';
import { until } from '../support/upstream.ts';
import { learn, made, opened, rotated, rows } from './endpoints-account-fixtures.ts';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

/** The account as the first release made it, with a shard in weur, and the secret that it gave out. */
async function oldAccount(scene: Scene): Promise<string> {
  const secret = newWebhookSecret();
  const ring = configOf(env).SIGNING_SECRETS;
  const sealed = await encrypt(ring, 'webhook-secret', secret, scene.id);
  const { storage } = scene.state;
  migrate(storage, ACCOUNT_MIGRATIONS.slice(0, 1));
  storage.sql.exec(
    `INSERT INTO account (only, id, name, reference, created_at, granted, version, published_version, webhook_secret)
     VALUES (0, ?, 'Ada', 'order-1', 1700000000000, 100, 7, 5, ?)`,
    scene.id,
    sealed,
  );
  storage.sql.exec("INSERT INTO grants VALUES ('first', 100, 1700000000000)");
  storage.sql.exec(
    "INSERT INTO shards VALUES (?, 0, 0, 0, 0, 'test', NULL, 0)",
    scene.shard('weur').shardName,
  );
  scene.crash();
  return secret;
}

const settled = (scene: Scene) =>
  until(() => rows(scene, 'SELECT 1 FROM shards WHERE push_due_at IS NOT NULL').length === 0);

const schemes = (scene: Scene, region: string) =>
  scene.shard(region).replica?.secrets.map(({ scheme }) => scheme);

describe('an account of the first release', () => {
  it('keeps its secret and its credits, and its ciphertext is counted once', () =>
    onStage(async (scene) => {
      const secret = await oldAccount(scene);
      expect(await scene.account.webhookSecret()).toEqual({ found: true, secret });
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { test: 2 } });
      expect(await scene.credits()).toEqual({ available: 100, held: 0, captured: 0 });
      expect(await scene.account.listEndpoints()).toEqual({ kind: 'list', endpoints: [] });
      expect(await scene.account.settings()).toMatchObject({ settings: { creditsLowThreshold: null } });
    }));

  it('gets its key when a shard learns, which has it at once; the others are told', () =>
    onStage(async (scene) => {
      const secret = await oldAccount(scene);
      await Promise.all([learn(scene, 'enam'), learn(scene, 'apac')]);
      await settled(scene);
      for (const region of ['enam', 'apac', 'weur']) expect(schemes(scene, region)).toEqual(['v1', 'v1a']);
      const [first] = await opened(scene, scene.shard('weur').replica?.secrets);
      expect(first).toBe(secret);
      expect(rows(scene, "SELECT 1 FROM signing_secrets WHERE scheme = 'v1a'")).toHaveLength(1);
    }));

  it('gets its key when keys are read, when an endpoint is made, and when it is rotated', async () => {
    const needs = [
      (scene: Scene) => scene.account.webhookKeys(),
      (scene: Scene) => made(scene),
      (scene: Scene) => rotated(scene, null, 0, 'v1a'),
    ];
    for (const need of needs) {
      await onStage(async (scene) => {
        await oldAccount(scene);
        await need(scene);
        await settled(scene);
        expect(schemes(scene, 'weur')).toEqual(['v1', 'v1a']);
        expect(await scene.account.webhookKeys()).toMatchObject({
          kind: 'found',
          keys: [{ expiresAt: null }],
        });
      });
    }
  });

  it('rotates the secret that it has', () =>
    onStage(async (scene) => {
      const secret = await oldAccount(scene);
      const { secret: next } = await rotated(scene, null);
      const v1 = scene.shard('weur').replica?.secrets.filter(({ scheme }) => scheme === 'v1');
      expect(await opened(scene, v1)).toEqual([next, secret]);
    }));
});

it('a shard reads the replica that an earlier release stored, until it is told anew', async () => {
  const id = mintAccountId('weur');
  const account = env.ACCOUNTS.getByName(id);
  await account.create({ id, name: 'Ada', reference: 'r' });
  const key = await account.createKey({ name: 'server' });
  if (key.kind !== 'created') throw new Error(key.kind);
  const shard = env.SHARDS.getByName(`${id}/weur/0`);
  const hash = 'a'.repeat(64);
  const old = { version: 1, keys: [{ id: key.id, hash, revoked: false }], webhookSecret: 'test.AAAA' };
  expect(await shard.authorize(hash)).toEqual({ kind: 'unauthorized' });
  await runInDurableObject(shard, (_, state) => state.storage.kv.put('replica', old));
  await crash(shard);
  const again = env.SHARDS.getByName(`${id}/weur/0`);
  expect(await again.authorize(hash)).toEqual({ kind: 'ok' });
  expect(await again.applyReplica({ version: 1, keys: [], secrets: [], endpoints: [], notices: [] })).toEqual(
    {
      version: 1,
    },
  );
  expect(await again.authorize(hash)).toEqual({ kind: 'ok' });
  await account.createEndpoint({
    id: 'ep_000000000000',
    url: 'https://hooks.example.com/',
    description: '',
    events: null,
    headers: {},
    rateLimit: null,
    enabled: true,
  });
  expect(await again.authorize(hash)).toEqual({ kind: 'unauthorized' });
});
