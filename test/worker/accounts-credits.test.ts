import { describe, expect, it } from 'vitest';
import { onStage, type Scene } from './fixtures/fake-shards.ts';

const PRICE = 29;
const none = { received: 0, returned: 0, captured: 0, releases: 0 };

/** Lets a shard's float hold `jobs` jobs: they are admitted and released again. */
async function giveFloat(scene: Scene, region: string, jobs: number): Promise<void> {
  const shard = scene.shard(region);
  for (let i = 0; i < jobs; i++) expect(await shard.submit(PRICE)).toBe('accepted');
  for (let i = 0; i < jobs; i++) shard.endHold(false);
}

describe('making an account', () => {
  it('is once, however often and at once it is asked for', () =>
    onStage(async ({ account, id }) => {
      const request = { id, name: 'Ada', reference: 'order-1' };
      const outcomes = await Promise.all([account.create(request), account.create(request)]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['created', 'exists']);
      const first = await account.webhookSecret();
      expect(await account.create({ ...request, name: 'Eve' })).toEqual({ kind: 'exists', id, name: 'Ada' });
      expect(await account.create({ ...request, reference: 'order-2' })).toEqual({ kind: 'conflict' });
      expect(await account.webhookSecret()).toEqual(first);
      await expect(account.create({ ...request, id: 'acct_other' })).rejects.toThrow(TypeError);
    }));

  it('is needed: before it, nothing is there and looking leaves no table', () =>
    onStage(async ({ account, id, state }) => {
      const shard = `${id}/weur/0`;
      expect(await account.summary()).toEqual({ ok: false, kind: 'unknown_account' });
      expect(await account.authenticate('00')).toBe(false);
      expect(await account.webhookSecret()).toEqual({ found: false, kind: 'unknown_account' });
      expect(await account.ringUsage()).toBeNull();
      expect(await account.renewSecret()).toEqual({ kind: 'unknown_account' });
      expect(await account.createKey({ name: 'k' })).toEqual({ kind: 'unknown_account' });
      expect(await account.revokeKey('key_1')).toEqual({ kind: 'unknown_account' });
      expect(await account.grant({ credits: 1, reference: 'r' })).toEqual({ kind: 'unknown_account' });
      expect(await account.learn({ shard })).toEqual({ found: false });
      expect(await account.lease({ shard, totals: none, need: 1, want: 1 })).toEqual({
        kind: 'unknown_account',
      });
      expect(await account.settle({ shard, totals: none })).toEqual({ leased: 0, returnedSeen: 0 });
      await account.alarm();
      const tables = state.storage.sql.exec("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_*'");
      expect(tables.toArray()).toEqual([]);
    }));
});

describe('grants', () => {
  it('count once for each reference, and outlive a restart', () =>
    onStage(async (scene) => {
      await scene.create();
      const grant = { credits: 500, reference: 'invoice-1' };
      expect(await scene.account.grant(grant)).toEqual({ kind: 'granted', credits: 500, repeated: false });
      scene.crash();
      expect(await scene.account.grant(grant)).toEqual({ kind: 'granted', credits: 500, repeated: true });
      expect(await scene.account.grant({ ...grant, credits: 501 })).toEqual({
        kind: 'conflict',
        credits: 500,
      });
      expect(await scene.account.grant({ credits: 7, reference: 'invoice-2' })).toMatchObject({
        repeated: false,
      });
      expect(await scene.credits()).toEqual({ available: 507, held: 0, captured: 0 });
    }));

  it.each([0, -1, 0.5, Number.NaN, 2 ** 53])('of %s credits are refused', (credits) =>
    onStage(async (scene) => {
      await scene.create();
      await expect(scene.account.grant({ credits, reference: 'r' })).rejects.toThrow(RangeError);
      expect(await scene.credits()).toEqual({ available: 0, held: 0, captured: 0 });
    }),
  );
});

describe('leases', () => {
  it('go to shards of the account alone, in whole credits', () =>
    onStage(async (scene) => {
      await scene.create(100);
      const request = { shard: scene.shard('weur').shardName, totals: none, need: 1, want: 0 };
      for (const shard of ['', 'acct_w0000000000000/weur/0', `${scene.id}/mars/0`, `${scene.id}/weur`]) {
        await expect(scene.account.lease({ ...request, shard })).rejects.toThrow(TypeError);
      }
      for (const need of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(scene.account.lease({ ...request, need })).rejects.toThrow(RangeError);
      }
      const liar = { ...none, received: 10, returned: 10 };
      await expect(scene.account.lease({ ...request, totals: liar })).rejects.toThrow(RangeError);
      expect(await scene.credits()).toEqual({ available: 100, held: 0, captured: 0 });
    }));

  it('start exactly what there is credit for, of many submits at once in four regions', () =>
    onStage(async (scene) => {
      await scene.create(10 * PRICE + 28);
      const regions = ['weur', 'enam', 'apac', 'sam'];
      const submits = Array.from({ length: 100 }, (_, i) =>
        scene.shard(regions[i % 4] as string).submit(PRICE),
      );
      const admissions = await Promise.all(submits);
      expect(admissions.filter((admission) => admission === 'accepted')).toHaveLength(10);
      expect(admissions.filter((admission) => admission === 'refused')).toHaveLength(90);
      expect(await scene.credits()).toEqual({ available: 28, held: 10 * PRICE, captured: 0 });
    }));

  it('serve two shards that both need the other’s float', () =>
    onStage(async (scene) => {
      await scene.create(4 * PRICE);
      await giveFloat(scene, 'weur', 2);
      await giveFloat(scene, 'enam', 2);
      const [weur, enam] = [scene.shard('weur'), scene.shard('enam')];
      // Each has two thirds of what it needs, and only one of the two can get the rest.
      const admissions = await Promise.all([weur.submit(3 * PRICE), enam.submit(3 * PRICE)]);
      expect(admissions.sort()).toEqual(['accepted', 'refused']);
      expect(await scene.credits()).toEqual({ available: PRICE, held: 3 * PRICE, captured: 0 });
    }));

  it('find the float of every other shard before they call credits exhausted', () =>
    onStage(async (scene) => {
      await scene.create(6 * PRICE);
      for (const region of ['weur', 'enam', 'apac']) await giveFloat(scene, region, 2);
      expect(await scene.shard('oc').submit(6 * PRICE)).toBe('accepted');
      expect(await scene.shard('weur').submit(1)).toBe('refused');
      expect(await scene.credits()).toEqual({ available: 0, held: 6 * PRICE, captured: 0 });
    }));

  it('count a recall once whose answer was lost', () =>
    onStage(async (scene) => {
      await scene.create(2 * PRICE);
      await giveFloat(scene, 'weur', 2);
      scene.shard('weur').meet('answer lost');
      expect(await scene.shard('enam').submit(2 * PRICE)).toBe('accepted');
      expect(scene.shard('weur').calls).toEqual(['recall', 'recall']);
      expect(await scene.credits()).toEqual({ available: 0, held: 2 * PRICE, captured: 0 });
    }));

  it('refuse nobody while a shard that may have credits is out of reach', () =>
    onStage(async (scene) => {
      await scene.create(2 * PRICE);
      await giveFloat(scene, 'weur', 2);
      scene.shard('weur').always('unreached');
      expect(await scene.shard('enam').submit(PRICE)).toBe('unavailable');
      expect(await scene.credits()).toBe('unreachable');
      // Both recalls had their effect, and no answer: the credits are in transfer, not gone.
      scene.shard('weur').always('answer lost');
      expect(await scene.shard('enam').submit(PRICE)).toBe('unavailable');
      scene.shard('weur').always(null);
      expect(await scene.credits()).toEqual({ available: 2 * PRICE, held: 0, captured: 0 });
      expect(await scene.shard('enam').submit(PRICE)).toBe('accepted');
    }));

  it('do not refuse the shard itself whose returned credits the account has not heard of', () =>
    onStage(async (scene) => {
      await scene.create(2 * PRICE);
      await giveFloat(scene, 'weur', 2);
      scene.shard('weur').always('answer lost');
      const [enam, tooMuch, fits] = await Promise.all([
        scene.shard('enam').submit(PRICE),
        // Both wait; the recall for enam takes their shard's float, and the account hears nothing of it.
        scene.shard('weur').submit(2 * PRICE + 1),
        scene.shard('weur').submit(2 * PRICE),
      ]);
      expect([enam, tooMuch, fits]).toEqual(['unavailable', 'refused', 'accepted']);
    }));

  it('do not ask an overloaded shard twice', () =>
    onStage(async (scene) => {
      await scene.create(PRICE);
      await giveFloat(scene, 'weur', 1);
      scene.shard('weur').meet('overloaded');
      expect(await scene.shard('enam').submit(PRICE)).toBe('unavailable');
      expect(scene.shard('weur').calls).toEqual(['recall']);
    }));

  it('take nothing from a hold that is released behind the back of a round', () =>
    onStage(async (scene) => {
      await scene.create(PRICE);
      const [weur, enam] = [scene.shard('weur'), scene.shard('enam')];
      expect(await weur.submit(PRICE)).toBe('accepted');
      // The first recall finds the credits held; they are free before the second comes.
      weur.onCall = () => {
        if (weur.calls.length === 2) weur.endHold(false);
      };
      expect(await enam.submit(PRICE)).toBe('accepted');
      expect(await scene.credits()).toEqual({ available: 0, held: PRICE, captured: 0 });
    }));

  it('lose nothing when the account dies in the middle of a recall', () =>
    onStage(async (scene) => {
      await scene.create(3 * PRICE);
      await giveFloat(scene, 'weur', 3);
      const weur = scene.shard('weur');
      let recalled: () => void = () => undefined;
      const inRecall = new Promise<void>((resolve) => {
        recalled = resolve;
      });
      weur.onCall = () => {
        recalled();
        return new Promise(() => undefined);
      };
      void scene.shard('enam').submit(PRICE);
      await inRecall;
      weur.onCall = null;
      scene.crash();
      expect(await scene.credits()).toEqual({ available: 3 * PRICE, held: 0, captured: 0 });
      expect(await scene.shard('apac').submit(2 * PRICE)).toBe('accepted');
      expect(await scene.credits()).toEqual({ available: PRICE, held: 2 * PRICE, captured: 0 });
    }));
});

describe('the balance', () => {
  it('adds up at each step of a job’s life', () =>
    onStage(async (scene) => {
      await scene.create(3 * PRICE);
      const weur = scene.shard('weur');
      await Promise.all([weur.submit(PRICE), weur.submit(PRICE), scene.shard('enam').submit(PRICE)]);
      expect(await scene.credits()).toEqual({ available: 0, held: 3 * PRICE, captured: 0 });
      weur.endHold(true);
      expect(await scene.credits()).toEqual({ available: 0, held: 2 * PRICE, captured: PRICE });
      weur.endHold(false);
      expect(await scene.credits()).toEqual({ available: PRICE, held: PRICE, captured: PRICE });
      weur.giveBack(10);
      expect(await scene.credits()).toEqual({ available: PRICE, held: PRICE, captured: PRICE });
      const { shardName } = weur;
      const settled = { leased: 2 * PRICE, returnedSeen: 10 };
      expect(await scene.account.settle({ shard: shardName, totals: weur.totals() })).toEqual(settled);
      expect(
        await scene.account.settle({ shard: shardName, totals: { ...weur.totals(), returned: 3 } }),
      ).toEqual(settled);
      scene.crash();
      expect(await scene.credits()).toEqual({ available: PRICE, held: PRICE, captured: PRICE });
    }));

  it('does not count credits twice that move to another shard while it is read', () =>
    onStage(async (scene) => {
      await scene.create(PRICE);
      const [enam, weur] = [scene.shard('enam'), scene.shard('weur')];
      expect(await enam.submit(PRICE)).toBe('accepted');
      expect(await weur.submit(PRICE)).toBe('refused');
      const moved: Promise<unknown>[] = [];
      enam.onCall = () => {
        if (moved.length > 0) return;
        // enam answers that it holds them; before the reading is over they are free, and held in weur.
        moved.push(
          Promise.resolve().then(() => {
            enam.endHold(false);
            return weur.submit(PRICE);
          }),
        );
      };
      const credits = await scene.credits();
      await Promise.all(moved);
      expect(credits).toMatchObject({ captured: 0 });
      expect(credits).toSatisfy(
        (sum: { available: number; held: number }) => sum.available + sum.held === PRICE,
      );
      expect(credits).toSatisfy(
        (sum: { available: number; held: number }) => sum.available >= 0 && sum.held <= PRICE,
      );
      expect(await scene.credits()).toEqual({ available: 0, held: PRICE, captured: 0 });
    }));
});
