import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { parseKey } from '../../src/worker/accounts/keys.ts';
import { configOf } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { decrypt, parseRing } from '../../src/worker/secrets.ts';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

const OLD = 'test:0123456789abcdef0123456789abcdef';
const RENEWED = `new:fedcba9876543210fedcba9876543210,${OLD}`;

async function makeKey(scene: Scene, label = 'server') {
  const outcome = await scene.account.createKey({ name: label });
  if (outcome.kind !== 'created') throw new Error(outcome.kind);
  const caller = await parseKey(parseRing(OLD), outcome.key);
  if (!caller) throw new Error('the key is none of ours');
  return { ...outcome, ...caller };
}

/** A shard meets the account, and keeps what it is told. */
async function learn(scene: Scene, region: string): Promise<void> {
  const shard = scene.shard(region);
  const outcome = await scene.account.learn({ shard: shard.shardName });
  if (outcome.found) shard.replica = outcome.replica;
}

const revokedIn = (scene: Scene, region: string, id: string) =>
  scene.shard(region).replica?.keys.find((key) => key.id === id)?.revoked;

/** Lets the alarm ring until nothing is left to push. Returns how often it rang. */
async function ringUntilQuiet(scene: Scene): Promise<number> {
  let rings = 0;
  const { storage } = scene.state;
  while ((await storage.getAlarm()) !== null) {
    if (++rings > 10) throw new Error('the alarm does not come to rest');
    storage.sql.exec('UPDATE shards SET push_due_at = 1 WHERE push_due_at IS NOT NULL');
    await scene.account.alarm();
  }
  return rings;
}

describe('keys', () => {
  it('are valid until revoked, and only their hash is kept', () =>
    onStage(async (scene) => {
      await scene.create();
      const { key, keyHash, account, id } = await makeKey(scene);
      expect(account).toBe(scene.id);
      expect(await scene.account.authenticate(keyHash)).toBe(true);
      const rows = scene.state.storage.sql.exec('SELECT * FROM keys').toArray();
      expect(rows).toMatchObject([{ id, hash: keyHash, name: 'server', ring_id: 'test', revoked_at: null }]);
      expect(JSON.stringify(rows)).not.toContain(key);
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [] });
      expect(await scene.account.authenticate(keyHash)).toBe(false);
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [] });
      expect(await scene.account.revokeKey('key_none')).toEqual({ kind: 'unknown_key' });
    }));

  it('reach a shard with a version that grows with each change', () =>
    onStage(async (scene) => {
      await scene.create();
      const first = await makeKey(scene);
      await learn(scene, 'weur');
      const before = scene.shard('weur').replica;
      expect(before?.keys).toEqual([{ id: first.id, hash: first.keyHash, revoked: false }]);
      await makeKey(scene, 'second');
      await learn(scene, 'weur');
      expect(scene.shard('weur').replica?.version).toBeGreaterThan(before?.version ?? 0);
      expect(scene.shard('weur').replica?.keys).toHaveLength(2);
      expect(scene.shard('weur').calls).toEqual([]);
    }));

  it('are learnt over RPC by nobody’s shard but the account’s own', async () => {
    const id = mintAccountId('weur');
    const account = env.ACCOUNTS.getByName(id);
    await account.create({ id, name: 'Ada', reference: 'r' });
    expect(await account.learn({ shard: `${id}/weur/0` })).toMatchObject({
      found: true,
      replica: { keys: [] },
    });
    await runInDurableObject(account, async (instance) => {
      const other = { shard: `${mintAccountId('weur')}/weur/0` };
      await expect(instance.learn(other)).rejects.toThrow(TypeError);
    });
  });
});

describe('a revocation', () => {
  it('reaches every shard that ever learnt, before it is answered', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id } = await makeKey(scene);
      for (const region of ['weur', 'enam', 'apac']) await learn(scene, region);
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [] });
      for (const region of ['weur', 'enam', 'apac']) expect(revokedIn(scene, region, id)).toBe(true);
      expect(await scene.state.storage.getAlarm()).toBeNull();
    }));

  it('names the shards that could not be told, and tells them as soon as they can be', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id, keyHash } = await makeKey(scene);
      for (const region of ['weur', 'enam']) await learn(scene, region);
      const enam = scene.shard('enam');
      enam.always('unreached');
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [enam.shardName] });
      expect(await scene.account.authenticate(keyHash)).toBe(false);
      expect(revokedIn(scene, 'enam', id)).toBe(false);

      // It stays due over restarts and failures, each time later, until the shard is back.
      scene.crash();
      const due = () =>
        scene.state.storage.sql
          .exec('SELECT push_failures, push_due_at FROM shards WHERE push_due_at > 0')
          .one();
      expect(await scene.state.storage.getAlarm()).toBe(due().push_due_at);
      scene.state.storage.sql.exec('UPDATE shards SET push_due_at = 1 WHERE push_due_at IS NOT NULL');
      await scene.account.alarm();
      expect(due().push_failures).toBe(2);
      expect(await scene.state.storage.getAlarm()).toBe(due().push_due_at);
      enam.always(null);
      await ringUntilQuiet(scene);
      expect(revokedIn(scene, 'enam', id)).toBe(true);
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [] });
    }));

  it('that was applied though its answer was lost is pushed until it is acknowledged', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id } = await makeKey(scene);
      await learn(scene, 'weur');
      scene.shard('weur').always('answer lost');
      expect(await scene.account.revokeKey(id)).toMatchObject({ pending: [scene.shard('weur').shardName] });
      expect(revokedIn(scene, 'weur', id)).toBe(true);
      scene.shard('weur').always(null);
      expect(await ringUntilQuiet(scene)).toBe(1);
    }));

  it('wins over a shard that learns the key meanwhile, in whichever order they arrive', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id } = await makeKey(scene);
      await learn(scene, 'weur');
      // enam is told the key is good, and the revocation overtakes that answer.
      const late = await scene.account.learn({ shard: scene.shard('enam').shardName });
      expect(await scene.account.revokeKey(id)).toEqual({ kind: 'revoked', pending: [] });
      expect(revokedIn(scene, 'enam', id)).toBe(true);
      const { replica } = scene.shard('enam');
      expect(late.found && late.replica.version).toBeLessThan(replica?.version ?? 0);

      // apac learns while the push is under way: it is told of the revocation at once.
      const second = await makeKey(scene, 'second');
      scene.shard('weur').onCall = () => learn(scene, 'apac');
      await scene.account.revokeKey(second.id);
      expect(revokedIn(scene, 'apac', second.id)).toBe(true);
    }));

  it('is not taken for done when a second one came while the first was pushed', () =>
    onStage(async (scene) => {
      await scene.create();
      const [first, second] = [await makeKey(scene), await makeKey(scene)];
      await learn(scene, 'weur');
      const weur = scene.shard('weur');
      let other: Promise<unknown> = Promise.resolve();
      weur.onCall = () => {
        weur.onCall = null;
        weur.meet('unreached', 'unreached');
        other = scene.account.revokeKey(second.id);
      };
      await scene.account.revokeKey(first.id);
      await other;
      await ringUntilQuiet(scene);
      expect(revokedIn(scene, 'weur', first.id)).toBe(true);
      expect(revokedIn(scene, 'weur', second.id)).toBe(true);
    }));

  it('is taken up by the alarm when the account dies before it told anybody', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id } = await makeKey(scene);
      await learn(scene, 'weur');
      const weur = scene.shard('weur');
      let arrived: () => void = () => undefined;
      const arrival = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      weur.onCall = () => {
        arrived();
        return new Promise(() => undefined);
      };
      void scene.account.revokeKey(id);
      await arrival;
      weur.onCall = null;
      scene.crash();
      expect(await scene.state.storage.getAlarm()).not.toBeNull();
      await ringUntilQuiet(scene);
      expect(revokedIn(scene, 'weur', id)).toBe(true);
    }));
});

describe('the webhook secret', () => {
  it('is 32 bytes in the form of Standard Webhooks, and encrypted where it is kept', () =>
    onStage(async (scene) => {
      await scene.create();
      const outcome = await scene.account.webhookSecret();
      const secret = outcome.found ? outcome.secret : '';
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      await learn(scene, 'weur');
      const ciphertext = scene.shard('weur').replica?.secrets[0]?.sealed ?? '';
      expect(ciphertext).not.toContain(secret.slice('whsec_'.length));
      const ring = configOf(env).SIGNING_SECRETS;
      expect(await decrypt(ring, 'webhook-secret', ciphertext, scene.id)).toBe(secret);
      expect(await decrypt(ring, 'webhook-secret', ciphertext, mintAccountId('weur'))).toBeNull();
    }));

  it('moves to a new secret of the ring, and the old one is in use until every shard has moved', () =>
    onStage(async (scene) => {
      await scene.create();
      const { id } = await makeKey(scene);
      const before = await scene.account.webhookSecret();
      for (const region of ['weur', 'enam']) await learn(scene, region);
      scene.crash({ SIGNING_SECRETS: RENEWED });
      await makeKey(scene, 'after').catch(() => undefined);
      expect(await scene.account.ringUsage()).toEqual({
        keys: { test: 1, new: 1 },
        // Two secrets of the account's, and two shards.
        ciphertexts: { test: 4 },
      });

      scene.shard('enam').always('unreached');
      const { shardName } = scene.shard('enam');
      expect(await scene.account.renewSecret()).toEqual({ kind: 'renewed', pending: [shardName] });
      await scene.account.revokeKey(id);
      expect(await scene.account.ringUsage()).toEqual({ keys: { new: 1 }, ciphertexts: { test: 1, new: 3 } });
      scene.shard('enam').always(null);
      await ringUntilQuiet(scene);
      expect(await scene.account.ringUsage()).toEqual({ keys: { new: 1 }, ciphertexts: { new: 4 } });
      expect(await scene.account.renewSecret()).toEqual({ kind: 'renewed', pending: [] });
      expect(await scene.account.webhookSecret()).toEqual(before);

      scene.crash();
      expect(await scene.account.webhookSecret()).toEqual({ found: false, kind: 'unreadable' });
      expect(await scene.account.renewSecret()).toEqual({ kind: 'unreadable' });
    }));
});
