import { describe, expect, it } from 'vitest';
import { mintSecretId } from '../../src/worker/accounts/endpoints/mint.ts';
import { signV1a } from '../../src/worker/webhooks/sign-v1a.ts';
import { installClock } from '../support/time.ts';
import {
  DAY_MS,
  endpoint,
  HOUR_MS,
  known,
  learn,
  made,
  opened,
  ring,
  rotated,
  rows,
} from './endpoints-account-fixtures.ts';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

const RENEWED = 'new:fedcba9876543210fedcba9876543210,test:0123456789abcdef0123456789abcdef';

const ciphertexts = (scene: Scene) => rows(scene, 'SELECT id FROM signing_secrets').length;
/** The account's own secrets of a scheme, as the shard in weur has them. */
const own = (scene: Scene, scheme: string) =>
  (scene.shard('weur').replica?.secrets ?? []).filter((secret) => secret.scheme === scheme);

async function keys(scene: Scene) {
  const outcome = await scene.account.webhookKeys();
  if (outcome.kind !== 'found') throw new Error(outcome.kind);
  return outcome.keys;
}

describe('a rotated secret', () => {
  it('signs first, and the old one beside it until its grace is over', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      await learn(scene, 'weur');
      const one = await made(scene);
      const { id } = one.endpoint;
      const two = await rotated(scene, id, HOUR_MS);
      expect(two.secret).toMatch(/^whsec_/);
      expect(two.pending).toEqual([]);
      const expiresAt = Date.now() + HOUR_MS;
      const { secrets } = known(scene, 'weur', id) ?? {};
      expect(await opened(scene, secrets)).toEqual([two.secret, one.secret]);
      expect(secrets?.map((secret) => secret.expiresAt)).toEqual([null, expiresAt]);
      expect(await scene.account.readEndpoint(id)).toMatchObject({
        endpoint: { expiringSecrets: [expiresAt] },
      });
      // The alarm is set for the end of the grace, and takes the ciphertext away everywhere.
      expect(await scene.state.storage.getAlarm()).toBe(expiresAt);
      clock.advance(HOUR_MS);
      expect(await scene.account.readEndpoint(id)).toMatchObject({ endpoint: { expiringSecrets: [] } });
      await scene.account.alarm();
      expect(await opened(scene, known(scene, 'weur', id)?.secrets)).toEqual([two.secret]);
      expect(rows(scene, `SELECT id FROM signing_secrets WHERE owner = '${id}'`)).toEqual([
        { id: two.secretId },
      ]);
      expect(await scene.state.storage.getAlarm()).toBeNull();
    }));

  it('without a grace ends the old one at once, here and in the shards', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const one = await made(scene);
      const before = ciphertexts(scene);
      const two = await rotated(scene, one.endpoint.id, 0);
      expect(await opened(scene, known(scene, 'weur', one.endpoint.id)?.secrets)).toEqual([two.secret]);
      expect(ciphertexts(scene)).toBe(before);
    }));

  it('is made once, however often and at once the same request comes', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const { endpoint: view } = await made(scene);
      const request = {
        endpointId: view.id,
        scheme: 'v1',
        graceMs: DAY_MS,
        secretId: mintSecretId(),
      } as const;
      const outcomes = await Promise.all([
        scene.account.rotateSecret(request),
        scene.account.rotateSecret(request),
      ]);
      scene.crash();
      outcomes.push(await scene.account.rotateSecret(request));
      const secrets = outcomes.map((outcome) => (outcome.kind === 'rotated' ? outcome.secret : outcome.kind));
      expect(new Set(secrets).size).toBe(1);
      expect(known(scene, 'weur', view.id)?.secrets).toHaveLength(2);
      const taken = { ...request, endpointId: null };
      await expect(scene.account.rotateSecret(taken)).rejects.toThrow(TypeError);
    }));

  it('is refused when ten sign already, until the first has had its time', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      await learn(scene, 'weur');
      const { endpoint: view } = await made(scene);
      const firstEnd = Date.now() + HOUR_MS;
      for (let i = 0; i < 9; i++) {
        await rotated(scene, view.id, HOUR_MS);
        clock.advance(1_000);
      }
      expect(known(scene, 'weur', view.id)?.secrets).toHaveLength(10);
      const request = { endpointId: view.id, scheme: 'v1', graceMs: 1, secretId: mintSecretId() } as const;
      const refusal = { kind: 'too_many', limit: 10, freeAt: firstEnd };
      expect(await scene.account.rotateSecret(request)).toEqual(refusal);
      // The account's own, and other endpoints', are counted for themselves.
      await rotated(scene, null);
      await rotated(scene, (await made(scene)).endpoint.id);
      // One that takes the place of another is always possible.
      await rotated(scene, view.id, 0);
      expect(known(scene, 'weur', view.id)?.secrets).toHaveLength(10);
      clock.advance(firstEnd - Date.now());
      expect(await scene.account.rotateSecret(request)).toMatchObject({ kind: 'rotated' });
    }));

  it('must be of somebody, of a scheme that it can have, and of a grace within bounds', () =>
    onStage(async (scene) => {
      await scene.create();
      const { endpoint: view } = await made(scene);
      const request = { endpointId: view.id, scheme: 'v1', graceMs: 0, secretId: mintSecretId() } as const;
      const { account } = scene;
      expect(await account.rotateSecret({ ...request, endpointId: 'ep_none' })).toEqual({
        kind: 'not_found',
      });
      await expect(account.rotateSecret({ ...request, scheme: 'v1a' })).rejects.toThrow(TypeError);
      for (const graceMs of [-1, 0.5, Number.NaN, 7 * DAY_MS + 1]) {
        await expect(account.rotateSecret({ ...request, graceMs })).rejects.toThrow(RangeError);
      }
      expect(await account.rotateSecret({ ...request, graceMs: 7 * DAY_MS })).toMatchObject({
        kind: 'rotated',
      });
    }));

  it('of the account signs what goes to its jobs’ own addresses', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const first = await scene.account.webhookSecret();
      const { secret } = await rotated(scene, null);
      expect(await scene.account.webhookSecret()).toEqual({ found: true, secret });
      expect(await opened(scene, own(scene, 'v1'))).toEqual([secret, first.found && first.secret]);
      expect(own(scene, 'v1a')).toHaveLength(1);
    }));
});

describe('the keys of scheme v1a', () => {
  it('are made with the account, and verify what the shards sign', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const [first] = await keys(scene);
      const { secret: publicKey } = await rotated(scene, null, HOUR_MS, 'v1a');
      const [second, old] = await keys(scene);
      expect(publicKey).toBe(`whpk_${second?.publicKey}`);
      expect(old).toEqual({ ...first, expiresAt: expect.any(Number) });
      const sealed = own(scene, 'v1a');
      expect(sealed.map(({ id }) => id)).toEqual([second?.id, old?.id]);
      const message = { id: 'evt_1', timestamp: 1_700_000_000, body: '{}' };
      for (const [index, secret] of (await opened(scene, sealed)).entries()) {
        const signature = (await signV1a(secret ?? '', message)).slice('v1a,'.length);
        const bytes = (text = '') => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const key = bytes([second, old][index]?.publicKey);
        const verifier = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
        const signed = new TextEncoder().encode('evt_1.1700000000.{}');
        expect(await crypto.subtle.verify('Ed25519', verifier, bytes(signature), signed)).toBe(true);
      }
    }));

  it('are published no more once they have expired', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      await rotated(scene, null, HOUR_MS, 'v1a');
      expect(await keys(scene)).toHaveLength(2);
      clock.advance(HOUR_MS);
      expect(await keys(scene)).toHaveLength(1);
    }));
});

describe('the secrets of the ring', () => {
  it('are counted for every ciphertext, and dropped when all have moved, here and in every shard', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur', 'enam');
      const request = endpoint({ headers: { 'X-A': 'b' } });
      await scene.account.createEndpoint(request);
      // Two of the account's, one endpoint's with its headers, and two shards.
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { test: 6 } });

      scene.crash({ SIGNING_SECRETS: RENEWED });
      const two = await rotated(scene, request.id);
      // Now the shards have something of both.
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { test: 6, new: 3 } });

      const enam = scene.shard('enam');
      enam.always('unreached');
      expect(await scene.account.renewSecret()).toEqual({ kind: 'renewed', pending: [enam.shardName] });
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { test: 1, new: 7 } });
      enam.always(null);
      await ring(scene);
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { new: 7 } });
      const pushed = scene.shard('weur').pushed.length;
      expect(await scene.account.renewSecret()).toEqual({ kind: 'renewed', pending: [] });
      expect(scene.shard('weur').pushed).toHaveLength(pushed);

      // With the old secret gone, everything can still be read; with the new one gone instead, nothing can.
      scene.crash({ SIGNING_SECRETS: RENEWED.split(',')[0] });
      expect(await scene.account.createEndpoint(request)).toMatchObject({ secret: two.secret });
      expect(await keys(scene)).toHaveLength(1);
      scene.crash();
      expect(await scene.account.createEndpoint(request)).toEqual({ kind: 'unreadable' });
      expect(await scene.account.webhookKeys()).toEqual({ kind: 'unreadable' });
      expect(
        await scene.account.rotateSecret({
          endpointId: request.id,
          scheme: 'v1',
          graceMs: 0,
          secretId: two.secretId,
        }),
      ).toEqual({ kind: 'unreadable' });
      expect(await scene.account.renewSecret()).toEqual({ kind: 'unreadable' });
    }));

  it('move what can be read, also when something cannot', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      await made(scene, { headers: { 'X-A': 'b' } });
      scene.state.storage.sql.exec("UPDATE endpoints SET headers = 'dropped.AAAA'");
      scene.crash({ SIGNING_SECRETS: RENEWED });
      expect(await scene.account.renewSecret()).toEqual({ kind: 'unreadable' });
      expect(await scene.account.ringUsage()).toEqual({ keys: {}, ciphertexts: { new: 4, dropped: 2 } });
    }));

  it('that cannot be read hides no key that was made in its place', () =>
    onStage(async (scene) => {
      await scene.create();
      scene.state.storage.sql.exec(
        "UPDATE signing_secrets SET ciphertext = 'dropped.AAAA' WHERE scheme = 'v1a'",
      );
      expect(await scene.account.webhookKeys()).toEqual({ kind: 'unreadable' });
      const { secretId } = await rotated(scene, null, DAY_MS, 'v1a');
      const outcome = await scene.account.webhookKeys();
      expect(outcome).toMatchObject({ kind: 'found', keys: [{ id: secretId, expiresAt: null }] });
      expect(outcome.kind === 'found' && outcome.keys).toHaveLength(1);
    }));
});
