import { describe, expect, it } from 'vitest';
import { shardOfId } from '../../src/worker/ids.ts';
import { parseRing } from '../../src/worker/secrets.ts';
import { until } from '../support/upstream.ts';
import {
  ALL_REGIONS,
  DAY_MS,
  endpoint,
  known,
  learn,
  made,
  reportOf,
  ring,
  rows,
} from './endpoints-account-fixtures.ts';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

const RING = parseRing('test:0123456789abcdef0123456789abcdef');

/** An endpoint that shards in three regions know. */
async function scenery(scene: Scene): Promise<string> {
  await scene.create();
  await learn(scene, ...ALL_REGIONS);
  return (await made(scene)).endpoint.id;
}

const view = async (scene: Scene, id: string) => {
  const outcome = await scene.account.readEndpoint(id);
  return outcome.kind === 'found' ? outcome.endpoint : outcome.kind;
};

/** The notices that were pushed to a shard, in the order in which they came, repeats included. */
const noticesTo = (scene: Scene, region: string) =>
  scene.shard(region).pushed.flatMap(({ notices }) => notices);

/** Returns when no shard has anything to hear any more. */
const quiet = (scene: Scene) =>
  until(() => rows(scene, 'SELECT 1 FROM shards WHERE push_due_at IS NOT NULL').length === 0);

describe('a report that a receiver wants no more', () => {
  it.each(['gone', 'requested'] as const)('(%s) disables the endpoint at once, and tells why', (reason) =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const report = { ...reportOf(scene, 'enam', id), reason };
      expect(await scene.account.report(report)).toEqual({ kind: 'disabled' });
      expect(await view(scene, id)).toMatchObject({ enabled: false, disabledReason: reason });
      await quiet(scene);
      for (const region of ALL_REGIONS) expect(known(scene, region, id)?.enabled).toBe(false);
      const disabledAt = ((await view(scene, id)) as { disabledAt: number }).disabledAt;
      const since = new Date(report.since).toISOString();
      const data = { endpoint_id: id, url: 'https://hooks.example.com/ff', reason, since };
      expect(noticesTo(scene, 'weur')).toEqual([
        { id: expect.any(String), type: 'endpoint.disabled', at: disabledAt, data },
      ]);
      expect([...noticesTo(scene, 'enam'), ...noticesTo(scene, 'apac')]).toEqual([]);
      for (const region of ALL_REGIONS) expect(scene.shard(region).calls).not.toContain('endpointHealth');
    }),
  );

  it('twice, and by two shards at once, disables once and makes one event', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const outcomes = await Promise.all(
        ['enam', 'apac', 'enam'].map((region) => scene.account.report(reportOf(scene, region, id))),
      );
      outcomes.push(await scene.account.report(reportOf(scene, 'enam', id)));
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array(4).fill('disabled'));
      await quiet(scene);
      expect(noticesTo(scene, 'weur')).toHaveLength(1);
    }));

  it('changes nothing when it is of an older epoch, or of no endpoint', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const old = reportOf(scene, 'enam', id);
      await scene.account.updateEndpoint({ id, fields: { enabled: false } });
      await scene.account.updateEndpoint({ id, fields: { enabled: true } });
      expect(await scene.account.report(old)).toEqual({ kind: 'kept' });
      expect(await scene.account.report({ ...old, endpointId: endpoint().id })).toEqual({ kind: 'kept' });
      expect(await view(scene, id)).toMatchObject({ enabled: true });
      expect(await scene.account.report(reportOf(scene, 'enam', id))).toEqual({ kind: 'disabled' });
      const foreign = { ...old, shard: 'acct_w0000000000000/weur/0' };
      await expect(scene.account.report(foreign)).rejects.toThrow(TypeError);
    }));

  it('ends with the owner who enables it', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const first = reportOf(scene, 'enam', id);
      await scene.account.report(first);
      await scene.account.updateEndpoint({ id, fields: { enabled: true } });
      for (const region of ALL_REGIONS) {
        expect(known(scene, region, id)).toMatchObject({ enabled: true, epoch: first.epoch + 1 });
      }
      // What the shard had seen before, and reports once more, is of the old epoch.
      expect(await scene.account.report(first)).toEqual({ kind: 'kept' });
    }));
});

describe('a report of five days without success', () => {
  const failing = (scene: Scene, id: string) => ({
    ...reportOf(scene, 'enam', id),
    reason: 'failing' as const,
    since: Date.now() - 5 * DAY_MS,
  });

  it('disables when no other shard has delivered since', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const report = failing(scene, id);
      scene.shard('apac').delivered.set(id, report.since - 1);
      scene.shard('enam').delivered.set(id, report.since + 1);
      expect(await scene.account.report(report)).toEqual({ kind: 'disabled' });
      expect(await view(scene, id)).toMatchObject({ disabledReason: 'failing' });
      const asked = ALL_REGIONS.filter((region) => scene.shard(region).calls.includes('endpointHealth'));
      expect(asked).toEqual(['weur', 'apac']);
    }));

  it('is kept when another shard has delivered since, even if a third cannot be asked', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const report = failing(scene, id);
      scene.shard('apac').delivered.set(id, report.since);
      expect(await scene.account.report(report)).toEqual({ kind: 'kept' });
      scene.shard('weur').always('unreached');
      expect(await scene.account.report(report)).toEqual({ kind: 'kept' });
      expect(await view(scene, id)).toMatchObject({ enabled: true });
      expect(rows(scene, 'SELECT * FROM notices')).toEqual([]);
    }));

  it('decides nothing while a shard cannot be asked', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      scene.shard('apac').always('unreached');
      expect(await scene.account.report(failing(scene, id))).toEqual({ kind: 'unreachable' });
      expect(await view(scene, id)).toMatchObject({ enabled: true });
      scene.shard('apac').always(null);
      expect(await scene.account.report(failing(scene, id))).toEqual({ kind: 'disabled' });
    }));

  it('is about the endpoint as it is when the others have answered', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      let change: Promise<unknown> = Promise.resolve();
      scene.shard('apac').onCall = (call) => {
        if (call !== 'endpointHealth') return;
        change = scene.account.updateEndpoint({ id, fields: { url: 'https://new.example.com/' } });
      };
      expect(await scene.account.report(failing(scene, id))).toEqual({ kind: 'kept' });
      await change;
      expect(await view(scene, id)).toMatchObject({ enabled: true });
    }));
});

describe('an event about the account', () => {
  it('has an id of the home shard, which is listed for it though it was never met', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'enam');
      const { id } = (await made(scene)).endpoint;
      await scene.account.report(reportOf(scene, 'enam', id));
      await quiet(scene);
      const [notice] = noticesTo(scene, 'weur');
      const home = { account: scene.id, region: 'weur', n: 0 };
      expect(shardOfId(RING, 'evt', scene.id, notice?.id ?? '')).toEqual(home);
      expect(await scene.account.shards()).toContain(scene.shard('weur').shardName);
      expect(known(scene, 'weur', id)?.enabled).toBe(false);
    }));

  it('is pushed until the home shard has said that it has it, and never after', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const weur = scene.shard('weur');
      weur.always('unreached');
      await scene.account.report(reportOf(scene, 'enam', id));
      await until(() => rows(scene, 'SELECT 1 FROM shards WHERE push_failures > 0').length === 1);
      expect(rows(scene, 'SELECT type FROM notices')).toEqual([{ type: 'endpoint.disabled' }]);
      scene.crash();
      // It arrives, and the account does not hear so: it comes again, the same.
      weur.always('answer lost');
      await ring(scene);
      const [first] = noticesTo(scene, 'weur');
      expect(rows(scene, 'SELECT id FROM notices')).toEqual([{ id: first?.id }]);
      weur.always(null);
      await ring(scene);
      expect(new Set(noticesTo(scene, 'weur').map((notice) => notice.id))).toEqual(new Set([first?.id]));
      expect(rows(scene, 'SELECT id FROM notices')).toEqual([]);
      const before = noticesTo(scene, 'weur').length;
      await scene.account.updateEndpoint({ id, fields: { rateLimit: 1 } });
      expect(noticesTo(scene, 'weur')).toHaveLength(before);
      expect(weur.replica?.notices).toEqual([]);
    }));

  it('is not taken for heard when the home shard acknowledges a version from before it', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      const weur = scene.shard('weur');
      let report: Promise<unknown> = Promise.resolve();
      // The endpoint is disabled while a replica without the notice is on its way.
      weur.onCall = (call) => {
        if (call !== 'applyReplica') return;
        weur.onCall = null;
        weur.meet(null, 'unreached', 'unreached');
        report = scene.account.report(reportOf(scene, 'enam', id));
        return report.then(() => undefined);
      };
      await scene.account.updateEndpoint({ id, fields: { rateLimit: 1 } });
      await report;
      await ring(scene);
      await quiet(scene);
      expect(weur.replica?.notices.map(({ type }) => type)).toEqual(['endpoint.disabled']);
      expect(rows(scene, 'SELECT id FROM notices')).toEqual([]);
    }));

  it('is learnt by the home shard too, and by no other', () =>
    onStage(async (scene) => {
      const id = await scenery(scene);
      scene.shard('weur').always('unreached');
      await scene.account.report(reportOf(scene, 'enam', id));
      await learn(scene, 'weur', 'oc');
      expect(scene.shard('weur').replica?.notices).toHaveLength(1);
      expect(scene.shard('oc').replica?.notices).toEqual([]);
    }));
});
