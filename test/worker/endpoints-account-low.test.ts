import { describe, expect, it } from 'vitest';
import { until } from '../support/upstream.ts';
import { learn, made, ring, rows } from './endpoints-account-fixtures.ts';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

const PRICE = 29;

/** An account with credits and a threshold, and its home shard. */
async function scenery(scene: Scene, credits: number, threshold: number): Promise<void> {
  await scene.create(credits);
  await learn(scene, 'weur');
  expect(await scene.account.updateSettings({ creditsLowThreshold: threshold })).toEqual({
    kind: 'found',
    settings: { creditsLowThreshold: threshold },
  });
  await settled(scene);
}

/** Returns when no balance is to be read and no shard has anything to hear. */
async function settled(scene: Scene): Promise<void> {
  const count = (query: string) => rows(scene, query).length;
  await until(
    () =>
      count('SELECT 1 FROM account WHERE credits_low_check_at IS NOT NULL') === 0 &&
      count('SELECT 1 FROM shards WHERE push_due_at IS NOT NULL') === 0,
  );
}

/** The data of the events that came to the home shard. */
const events = (scene: Scene) =>
  scene
    .shard('weur')
    .pushed.flatMap(({ notices }) => notices)
    .map(({ type, data }) => ({ type, ...data }));

const low = (available: number, threshold: number) => ({ type: 'credits.low', available, threshold });

const armed = (scene: Scene) => rows(scene, 'SELECT credits_low_armed AS a FROM account')[0]?.a === 1;

const submit = (scene: Scene, region = 'weur', credits = PRICE) => scene.shard(region).submit(credits);

const grant = (scene: Scene, credits: number, reference: string) =>
  scene.account.grant({ credits, reference });

describe('credits.low', () => {
  it('is sent once, with what is available over all shards, when that falls to the threshold', () =>
    onStage(async (scene) => {
      await scenery(scene, 4 * PRICE, 2 * PRICE);
      // All is leased to one shard, and still available.
      const weur = scene.shard('weur');
      expect(await submit(scene, 'weur', 4 * PRICE)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toEqual([low(0, 2 * PRICE)]);
      weur.endHold(false);
      expect(await submit(scene, 'enam')).toBe('accepted');
      expect(await submit(scene, 'enam', 3 * PRICE)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toHaveLength(1);
    }));

  it('does not take credits for gone that a shard has leased and not used', () =>
    onStage(async (scene) => {
      await scenery(scene, 4 * PRICE, 2 * PRICE);
      const weur = scene.shard('weur');
      expect(await submit(scene, 'weur', 4 * PRICE)).toBe('accepted');
      await settled(scene);
      await grant(scene, 4 * PRICE, 'second');
      await settled(scene);
      weur.endHold(false);
      // The account has nothing of its own after this lease; eight jobs' worth less one is available.
      expect(await submit(scene, 'enam', 5 * PRICE)).toBe('accepted');
      scene.shard('enam').endHold(false);
      expect(await submit(scene, 'enam')).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toHaveLength(1);
      expect(armed(scene)).toBe(true);
    }));

  it('is sent at exactly the threshold, and not at one credit more', () =>
    onStage(async (scene) => {
      await scenery(scene, 2 * PRICE + 1, PRICE);
      expect(await submit(scene)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toEqual([]);
      expect(await submit(scene, 'enam', 1)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toEqual([low(PRICE, PRICE)]);
    }));

  it('is sent again only after a grant that brings credits above the threshold', () =>
    onStage(async (scene) => {
      await scenery(scene, 3 * PRICE, 2 * PRICE);
      expect(await submit(scene, 'weur', 3 * PRICE)).toBe('accepted');
      await settled(scene);
      // Not enough: still two jobs' worth, or less.
      await grant(scene, 2 * PRICE, 'small');
      await settled(scene);
      expect(armed(scene)).toBe(false);
      expect(await submit(scene)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toHaveLength(1);
      // Enough, though most of it is with a shard.
      scene.shard('weur').endHold(false);
      await grant(scene, 1, 'enough');
      await settled(scene);
      expect(armed(scene)).toBe(true);
      // The same grant again is none.
      expect(await grant(scene, 1, 'enough')).toMatchObject({ repeated: true });
      expect(await submit(scene, 'enam', 3 * PRICE)).toBe('accepted');
      await settled(scene);
      const second = events(scene).at(-1);
      expect(events(scene)).toHaveLength(2);
      expect(second).toEqual(low(PRICE + 1, 2 * PRICE));
      // Much, of which the account knows without asking.
      await grant(scene, 10 * PRICE, 'much');
      expect(armed(scene)).toBe(true);
    }));

  it('follows the threshold: another one above what is available, and none', () =>
    onStage(async (scene) => {
      await scenery(scene, 100, 10);
      expect(events(scene)).toEqual([]);
      const set = async (creditsLowThreshold: number | null) => {
        const settings = { creditsLowThreshold };
        expect(await scene.account.updateSettings(settings)).toEqual({ kind: 'found', settings });
        await settled(scene);
      };
      await set(100);
      expect(events(scene)).toEqual([low(100, 100)]);
      await set(200);
      expect(events(scene)).toHaveLength(1);
      await set(99);
      await set(150);
      expect(events(scene)).toEqual([low(100, 100), low(100, 150)]);
      await set(null);
      expect(await submit(scene, 'weur', 100)).toBe('accepted');
      await settled(scene);
      expect(events(scene)).toHaveLength(2);
      expect(await scene.account.settings()).toEqual({
        kind: 'found',
        settings: { creditsLowThreshold: null },
      });
      for (const wrong of [-1, 0.5, Number.NaN]) {
        await expect(scene.account.updateSettings({ creditsLowThreshold: wrong })).rejects.toThrow(
          RangeError,
        );
      }
      expect(await scene.account.updateSettings({})).toMatchObject({
        settings: { creditsLowThreshold: null },
      });
    }));

  it('is found at a settlement too', () =>
    onStage(async (scene) => {
      await scenery(scene, 4 * PRICE, PRICE);
      const weur = scene.shard('weur');
      // Leased at once, used up without another word to the account.
      expect(await submit(scene, 'weur', 3 * PRICE)).toBe('accepted');
      weur.endHold(false);
      expect(await submit(scene, 'weur', 3 * PRICE)).toBe('accepted');
      expect(await submit(scene)).toBe('accepted');
      weur.endHold(true);
      await settled(scene);
      await scene.account.settle({ shard: weur.shardName, totals: weur.totals() });
      await settled(scene);
      expect(events(scene)).toEqual([low(0, PRICE)]);
    }));

  it('keeps no lease waiting for a shard that does not answer', () =>
    onStage(async (scene) => {
      await scenery(scene, 4 * PRICE, 3 * PRICE);
      const weur = scene.shard('weur');
      let asked = false;
      let answer: () => void = () => undefined;
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      weur.onCall = (call) => {
        if (call !== 'balance') return;
        asked = true;
        return answered;
      };
      // Its own lease, for which it is asked, and those of others: all go on while it is silent.
      expect(await submit(scene)).toBe('accepted');
      await until(() => asked);
      expect(await submit(scene, 'enam')).toBe('accepted');
      expect(await submit(scene, 'apac')).toBe('accepted');
      expect(events(scene)).toEqual([]);
      answer();
      await settled(scene);
      expect(events(scene)).toEqual([low(PRICE, 3 * PRICE)]);
    }));

  it('is read again by the alarm when a shard could not be reached, or the account died', () =>
    onStage(async (scene) => {
      await scenery(scene, 2 * PRICE, PRICE);
      const enam = scene.shard('enam');
      enam.onCall = (call) => (call === 'balance' ? new Promise(() => undefined) : undefined);
      expect(await submit(scene, 'enam', 2 * PRICE)).toBe('accepted');
      await until(() => enam.calls.includes('balance'));
      enam.onCall = null;
      scene.crash();
      const checkAt = () => rows(scene, 'SELECT credits_low_check_at AS at FROM account')[0]?.at;
      expect(checkAt()).toEqual(expect.any(Number));
      expect(await scene.state.storage.getAlarm()).toBe(checkAt());
      const due = () => scene.state.storage.sql.exec('UPDATE account SET credits_low_check_at = 1');
      enam.always('unreached');
      due();
      await scene.account.alarm();
      expect(events(scene)).toEqual([]);
      expect(await scene.state.storage.getAlarm()).toBe(checkAt());
      enam.always(null);
      due();
      await scene.account.alarm();
      expect(events(scene)).toEqual([low(0, PRICE)]);
      expect(checkAt()).toBeNull();
      expect(await scene.state.storage.getAlarm()).toBeNull();
    }));

  it('is not taken for heard when the home shard acknowledges a version from before it', () =>
    onStage(async (scene) => {
      await scenery(scene, 100, 10);
      const weur = scene.shard('weur');
      // While a replica without the event is on its way, the event is written, and its own pushes get lost.
      weur.onCall = async (call) => {
        if (call !== 'applyReplica') return;
        weur.onCall = null;
        weur.meet('unreached', 'unreached');
        await scene.account.updateSettings({ creditsLowThreshold: 100 });
        await until(() => rows(scene, 'SELECT 1 FROM shards WHERE push_failures > 0').length === 1);
      };
      await made(scene);
      expect(rows(scene, 'SELECT type FROM notices')).toEqual([{ type: 'credits.low' }]);
      await ring(scene);
      expect(weur.replica?.notices.map(({ type }) => type)).toEqual(['credits.low']);
      expect(rows(scene, 'SELECT * FROM notices')).toEqual([]);
    }));

  it('is one event however many shards lease at once', () =>
    onStage(async (scene) => {
      await scenery(scene, 20 * PRICE, 15 * PRICE);
      const regions = ['weur', 'enam', 'apac', 'sam'];
      await Promise.all(Array.from({ length: 24 }, (_, i) => submit(scene, regions[i % 4])));
      await settled(scene);
      expect(events(scene)).toHaveLength(1);
      const [event] = events(scene) as unknown as { available: number }[];
      expect(event?.available).toBeLessThanOrEqual(15 * PRICE);
      expect((event?.available ?? 0) % PRICE).toBe(0);
    }));
});
