import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Replica } from '../../src/worker/accounts/contract.ts';
import { configOf } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { decrypt } from '../../src/worker/secrets.ts';
import { installClock } from '../support/time.ts';
import { DAY_MS, endpoint, known, learn, made, opened, ring, rows } from './endpoints-account-fixtures.ts';
import { onStage } from './fixtures/fake-shards.ts';

describe('making an endpoint', () => {
  it('shows its secret once, and keeps secret and headers encrypted', () =>
    onStage(async (scene) => {
      await scene.create();
      const { endpoint: view, secret } = await made(scene, {
        description: 'orders',
        events: ['job.completed', 'credits.low'],
        headers: { 'X-Tenant': 'tenant-7', Authorization: 'Bearer s3cret' },
        rateLimit: 5,
      });
      expect(view).toEqual({
        id: expect.stringMatching(/^ep_[0-9a-z]{12}$/),
        url: 'https://hooks.example.com/ff',
        description: 'orders',
        events: ['job.completed', 'credits.low'],
        headerNames: ['X-Tenant', 'Authorization'],
        rateLimit: 5,
        enabled: true,
        disabledAt: null,
        disabledReason: null,
        createdAt: expect.any(Number),
        updatedAt: view.createdAt,
        expiringSecrets: [],
      });
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      const stored = JSON.stringify([
        rows(scene, 'SELECT * FROM endpoints'),
        rows(scene, 'SELECT * FROM signing_secrets'),
      ]);
      expect(stored).toContain('X-Tenant');
      for (const hidden of [secret.slice(6), 'tenant-7', 's3cret']) expect(stored).not.toContain(hidden);
      expect(await scene.account.readEndpoint(view.id)).toEqual({ kind: 'found', endpoint: view });
    }));

  it('reaches shards that learnt before and shards that learn later, who can open what is sealed', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur', 'enam');
      const one = await made(scene, { headers: { 'X-Tenant': 'tenant-7' } });
      expect(one.pending).toEqual([]);
      await learn(scene, 'apac');
      for (const region of ['weur', 'enam', 'apac']) {
        const replica = known(scene, region, one.endpoint.id);
        expect(replica).toMatchObject({ url: one.endpoint.url, events: null, enabled: true, epoch: 1 });
        expect(await opened(scene, replica?.secrets)).toEqual([one.secret]);
        const ring = configOf(env).SIGNING_SECRETS;
        const headers = await decrypt(ring, 'webhook-headers', replica?.headers ?? '', scene.id);
        expect(JSON.parse(headers ?? '')).toEqual({ 'X-Tenant': 'tenant-7' });
      }
      expect(await scene.account.shards()).toEqual(
        ['apac', 'enam', 'weur'].map((region) => scene.shard(region).shardName),
      );
    }));

  it('happens once, however often and at once the same request comes', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const request = endpoint({ headers: { 'X-A': 'b' } });
      const outcomes = await Promise.all([
        scene.account.createEndpoint(request),
        scene.account.createEndpoint(request),
      ]);
      const version = scene.shard('weur').replica?.version;
      scene.crash();
      outcomes.push(await scene.account.createEndpoint(request));
      const secrets = outcomes.map((outcome) => (outcome.kind === 'created' ? outcome.secret : null));
      expect(new Set(secrets).size).toBe(1);
      expect(secrets[0]).toMatch(/^whsec_/);
      expect(await scene.account.listEndpoints()).toMatchObject({ endpoints: [{ id: request.id }] });
      expect(scene.shard('weur').replica?.version).toBe(version);
    }));

  it('is refused beyond twenty, and the twentieth may be asked for again', () =>
    onStage(async (scene) => {
      await scene.create();
      const requests = Array.from({ length: 20 }, () => endpoint());
      for (const request of requests) {
        expect(await scene.account.createEndpoint(request)).toMatchObject({ kind: 'created' });
      }
      const refused = await scene.account.createEndpoint(endpoint());
      expect(refused).toEqual({ kind: 'too_many', limit: 20 });
      const last = requests.at(-1) as (typeof requests)[number];
      expect(await scene.account.createEndpoint(last)).toMatchObject({ kind: 'created' });
      const list = await scene.account.listEndpoints();
      expect(list.kind === 'list' && list.endpoints.map(({ id }) => id)).toEqual(
        requests.map(({ id }) => id),
      );
      await scene.account.deleteEndpoint(last.id);
      expect(await scene.account.createEndpoint(endpoint())).toMatchObject({ kind: 'created' });
    }));

  it('may begin disabled', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const { endpoint: view } = await made(scene, { enabled: false });
      expect(view).toMatchObject({ enabled: false, disabledReason: 'manual', disabledAt: view.createdAt });
      expect(known(scene, 'weur', view.id)?.enabled).toBe(false);
    }));

  it('needs an account, and a look at none leaves nothing behind', () =>
    onStage(async ({ account, id, state }) => {
      const unknown = { kind: 'unknown_account' };
      const secret = { endpointId: null, scheme: 'v1', graceMs: 0, secretId: 'sec_1' } as const;
      expect(await account.createEndpoint(endpoint())).toEqual(unknown);
      expect(await account.updateEndpoint({ id: 'ep_1', fields: {} })).toEqual(unknown);
      expect(await account.deleteEndpoint('ep_1')).toEqual(unknown);
      expect(await account.readEndpoint('ep_1')).toEqual(unknown);
      expect(await account.listEndpoints()).toEqual(unknown);
      expect(await account.rotateSecret(secret)).toEqual(unknown);
      expect(await account.webhookKeys()).toEqual(unknown);
      expect(await account.settings()).toEqual(unknown);
      expect(await account.updateSettings({ creditsLowThreshold: 1 })).toEqual(unknown);
      expect(await account.shards()).toEqual([]);
      const shard = `${id}/weur/0`;
      const report = { shard, endpointId: 'ep_1', epoch: 1, reason: 'gone', since: 0 } as const;
      expect(await account.report(report)).toEqual({ kind: 'kept' });
      const tables = state.storage.sql.exec("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_*'");
      expect(tables.toArray()).toEqual([]);
    }));
});

describe('changing an endpoint', () => {
  it('tells the shards of all that they need, and of nothing else', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      await learn(scene, 'weur');
      const { endpoint: before } = await made(scene);
      const { id } = before;
      const weur = scene.shard('weur');
      const pushes = () => weur.pushed.length;
      const update = async (fields: Parameters<typeof endpoint>[0] & object) => {
        clock.advance(1_000);
        const outcome = await scene.account.updateEndpoint({ id, fields });
        if (outcome.kind !== 'updated') throw new Error(outcome.kind);
        return outcome.endpoint;
      };
      const first = pushes();
      const described = await update({ description: 'orders' });
      expect(described).toEqual({ ...before, description: 'orders', updatedAt: before.updatedAt + 1_000 });
      // The same once more changes nothing at all.
      expect(await update({ description: 'orders', url: before.url, enabled: true })).toEqual(described);
      expect(pushes()).toBe(first);

      const changes = [
        [{ events: ['job.failed'] }, { events: ['job.failed'] }],
        [{ rateLimit: 3 }, { rateLimit: 3 }],
        [{ headers: { 'X-A': '1' } }, { headers: expect.any(String) }],
        [{ url: 'https://other.example.com/' }, { url: 'https://other.example.com/', epoch: 2 }],
        [{ enabled: false }, { enabled: false, epoch: 2 }],
        [{ enabled: true }, { enabled: true, epoch: 3 }],
        [
          { events: null, rateLimit: null, headers: {} },
          { events: null, rateLimit: null, headers: null },
        ],
      ] as const;
      for (const [index, [fields, replica]] of changes.entries()) {
        await update(fields);
        expect(known(scene, 'weur', id)).toMatchObject(replica);
        expect(pushes()).toBe(first + index + 1);
      }
      expect(await scene.account.updateEndpoint({ id: 'ep_none', fields: {} })).toEqual({
        kind: 'not_found',
      });
    }));

  it('disables with the reason that came first, and enables anew', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      const { endpoint: before } = await made(scene);
      const { id } = before;
      clock.advance(5);
      const off = await scene.account.updateEndpoint({ id, fields: { enabled: false } });
      const disabled = { enabled: false, disabledReason: 'manual', disabledAt: before.createdAt + 5 };
      expect(off).toMatchObject({ endpoint: disabled });
      clock.advance(5);
      const again = await scene.account.updateEndpoint({ id, fields: { enabled: false } });
      expect(again).toMatchObject({ endpoint: disabled });
      const on = await scene.account.updateEndpoint({ id, fields: { enabled: true } });
      expect(on).toMatchObject({ endpoint: { enabled: true, disabledReason: null, disabledAt: null } });
      // The other endpoints hear of it, once.
      const notices = scene.shard('weur').pushed.flatMap((replica) => replica.notices);
      const since = new Date(before.createdAt + 5).toISOString();
      const data = { endpoint_id: id, url: before.url, reason: 'manual', since };
      expect(notices).toMatchObject([{ type: 'endpoint.disabled', at: before.createdAt + 5, data }]);
    }));

  it('names the shards that could not be told, and tells them by alarm', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur', 'enam');
      const { endpoint: view } = await made(scene);
      const enam = scene.shard('enam');
      enam.always('unreached');
      const request = { id: view.id, fields: { url: 'https://new.example.com/' } };
      const first = await scene.account.updateEndpoint(request);
      expect(first).toMatchObject({ kind: 'updated', pending: [enam.shardName] });
      expect(known(scene, 'weur', view.id)?.url).toBe('https://new.example.com/');
      expect(known(scene, 'enam', view.id)?.url).toBe(view.url);
      // The same again still names it; after a restart the alarm still has it to do.
      expect(await scene.account.updateEndpoint(request)).toMatchObject({ pending: [enam.shardName] });
      scene.crash();
      expect(await scene.state.storage.getAlarm()).not.toBeNull();
      enam.always(null);
      await ring(scene);
      expect(known(scene, 'enam', view.id)?.url).toBe('https://new.example.com/');
      expect(await scene.state.storage.getAlarm()).toBeNull();
    }));

  it('wins over an older version, in whichever order the two arrive', () =>
    onStage(async (scene) => {
      await scene.create();
      const { endpoint: view } = await made(scene);
      // enam is told of the old address, and the new one overtakes that answer.
      const late = await scene.account.learn({ shard: scene.shard('enam').shardName });
      await scene.account.updateEndpoint({ id: view.id, fields: { url: 'https://new.example.com/' } });
      const { replica } = scene.shard('enam');
      expect(known(scene, 'enam', view.id)?.url).toBe('https://new.example.com/');
      expect(late.found && late.replica.version).toBeLessThan(replica?.version ?? 0);

      // A second change comes while the first is pushed: the shard ends with the second.
      const enam = scene.shard('enam');
      let second: Promise<unknown> = Promise.resolve();
      enam.onCall = () => {
        enam.onCall = null;
        second = scene.account.updateEndpoint({ id: view.id, fields: { rateLimit: 9 } });
      };
      await scene.account.updateEndpoint({ id: view.id, fields: { rateLimit: 8 } });
      await second;
      await ring(scene);
      expect(known(scene, 'enam', view.id)?.rateLimit).toBe(9);
    }));
});

describe('deleting an endpoint', () => {
  it('takes its secrets along, here and in the shards, and may be asked for again', () =>
    onStage(async (scene) => {
      const clock = installClock();
      await scene.create();
      await learn(scene, 'weur');
      const request = endpoint();
      await scene.account.createEndpoint(request);
      const { id } = request;
      expect(await scene.account.deleteEndpoint(id)).toEqual({ kind: 'deleted', pending: [] });
      expect(known(scene, 'weur', id)).toBeUndefined();
      expect(rows(scene, `SELECT * FROM signing_secrets WHERE owner = '${id}'`)).toEqual([]);
      const { version } = scene.shard('weur').replica ?? {};
      expect(await scene.account.deleteEndpoint(id)).toEqual({ kind: 'deleted', pending: [] });
      expect(scene.shard('weur').replica?.version).toBe(version);
      expect(await scene.account.readEndpoint(id)).toEqual({ kind: 'not_found' });
      expect(await scene.account.updateEndpoint({ id, fields: {} })).toEqual({ kind: 'not_found' });
      await expect(scene.account.createEndpoint(request)).rejects.toThrow(TypeError);
      expect(await scene.account.deleteEndpoint('ep_none')).toEqual({ kind: 'not_found' });

      // After a day the next change forgets that it ever was.
      clock.advance(DAY_MS);
      await made(scene);
      expect(await scene.account.deleteEndpoint(id)).toEqual({ kind: 'not_found' });
    }));
});

it('an endpoint made over RPC is in the real shard that has learnt, before it is answered', async () => {
  const id = mintAccountId('weur');
  const account = env.ACCOUNTS.getByName(id);
  await account.create({ id, name: 'Ada', reference: 'r' });
  const key = await account.createKey({ name: 'server' });
  const shard = `${id}/weur/0`;
  await account.learn({ shard });
  const request = endpoint({ events: ['job.completed'], headers: { 'X-A': 'b' } });
  const outcome = await account.createEndpoint(request);
  expect(outcome).toMatchObject({ kind: 'created', pending: [] });
  const replica = await runInDurableObject(env.SHARDS.getByName(shard), (_, state) =>
    state.storage.kv.get<Replica>('replica'),
  );
  expect(replica).toMatchObject({
    keys: [{ id: key.kind === 'created' && key.id, revoked: false }],
    secrets: [{ scheme: 'v1' }, { scheme: 'v1a' }],
    endpoints: [{ id: request.id, url: request.url, events: ['job.completed'], enabled: true }],
    notices: [],
  });
});
