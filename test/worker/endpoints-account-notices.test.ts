import { describe, expect, it } from 'vitest';
import { MAX_WAITING_NOTICES } from '../../src/worker/accounts/endpoints/limits.ts';
import { learn, made, ring, rows } from './endpoints-account-fixtures.ts';
import { onStage } from './fixtures/fake-shards.ts';

describe('events about the account that wait for its home shard', () => {
  it('never grow too many for the replica that they travel in, and the latest arrive', () =>
    onStage(async (scene) => {
      await scene.create();
      await learn(scene, 'weur');
      const url = `https://hooks.example.com/${'a'.repeat(4_000)}`;
      const { endpoint } = await made(scene, { url });
      const weur = scene.shard('weur');
      weur.always('overloaded');
      for (let n = 0; n < MAX_WAITING_NOTICES + 20; n++) {
        for (const enabled of [false, true]) {
          const outcome = await scene.account.updateEndpoint({ id: endpoint.id, fields: { enabled } });
          expect(outcome).toMatchObject({ kind: 'updated', pending: [weur.shardName] });
        }
      }
      const waiting = rows(scene, 'SELECT id FROM notices ORDER BY id').map(({ id }) => id);
      expect(waiting).toHaveLength(MAX_WAITING_NOTICES);
      weur.always(null);
      await ring(scene);
      expect(weur.replica?.notices.map(({ id }) => id)).toEqual(waiting);
      // As one value of a Durable Object's storage.
      expect(JSON.stringify(weur.replica).length).toBeLessThan(1_000_000);
      expect(rows(scene, 'SELECT id FROM notices')).toEqual([]);
    }));
});
