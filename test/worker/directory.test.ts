import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { mintAccountId, shardName } from '../../src/worker/ids.ts';
import type { Region } from '../../src/worker/region.ts';

/** A directory of its own for each test. */
let directories = 0;
const newDirectory = (region: Region = 'weur') =>
  env.DIRECTORIES.getByName(`directory/${region}/${100 + directories++}`);
const newShard = (region: Region = 'weur') => shardName({ account: mintAccountId(region), region, n: 0 });

/** Far enough apart for claims to run out in between, in ms. */
const MINUTE = 60_000;
const START = 1_000_000;

describe('marks', () => {
  it('list a shard once, and an unmark takes it off', async () => {
    const directory = newDirectory();
    const shard = newShard();
    await directory.mark({ shard, epoch: 1 });
    await directory.mark({ shard, epoch: 1 });
    expect(await directory.claim({ limit: 10, now: START })).toEqual({ shards: [shard], listed: 1 });
    await directory.unmark({ shard, epoch: 1 });
    expect(await directory.claim({ limit: 10, now: START + MINUTE })).toEqual({ shards: [], listed: 0 });
    await directory.mark({ shard, epoch: 2 });
    expect(await directory.claim({ limit: 10, now: START + MINUTE })).toEqual({ shards: [shard], listed: 1 });
  });

  it('mean the same in whichever order they come, and however often', async () => {
    type Message = readonly ['mark' | 'unmark', number];
    const said: Message[] = [
      ['mark', 1],
      ['unmark', 1],
      ['mark', 2],
      ['unmark', 2],
      ['mark', 3],
    ];
    const orders = (rest: readonly Message[]): Message[][] =>
      rest.length === 0
        ? [[]]
        : rest.flatMap((first, at) => orders(rest.toSpliced(at, 1)).map((tail) => [first, ...tail]));
    const listedAfter = async (messages: readonly Message[]) => {
      const directory = newDirectory();
      const shard = newShard();
      return runInDurableObject(directory, async (instance) => {
        for (const [kind, epoch] of messages) await instance[kind]({ shard, epoch });
        return (await instance.claim({ limit: 10, now: START })).listed;
      });
    };
    // The last word of each prefix, told in every order, and each with its first message again at the end.
    for (let told = 1; told <= said.length; told++) {
      const listed = said[told - 1]?.[0] === 'mark' ? 1 : 0;
      const all = orders(said.slice(0, told));
      for (const order of told < 5 ? all : all.filter((_, i) => i % 12 === 0)) {
        expect(await listedAfter([...order, ...order.slice(0, 1)]), JSON.stringify(order)).toBe(listed);
      }
    }
  });

  it('of new work outlive the late unmark of old work', async () => {
    const directory = newDirectory();
    const shard = newShard();
    await directory.mark({ shard, epoch: 1 });
    await Promise.all([directory.mark({ shard, epoch: 2 }), directory.unmark({ shard, epoch: 1 })]);
    expect(await directory.claim({ limit: 10, now: START })).toMatchObject({ listed: 1 });
  });

  it('of another region, or of what is no shard, are refused', async () => {
    await runInDurableObject(newDirectory('weur'), async (directory, { storage }) => {
      for (const shard of [newShard('enam'), 'nonsense', '', `${mintAccountId('weur')}/weur`]) {
        await expect(directory.mark({ shard, epoch: 1 })).rejects.toThrow(TypeError);
        await expect(directory.unmark({ shard, epoch: 1 })).rejects.toThrow(TypeError);
      }
      await expect(directory.mark({ shard: newShard(), epoch: Number.NaN })).rejects.toThrow(RangeError);
      expect(
        storage.sql.exec("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_*'").toArray(),
      ).toEqual([]);
    });
  });
});

describe('claims', () => {
  it('of an empty directory find nothing and leave no table', () =>
    runInDurableObject(newDirectory(), async (directory, { storage }) => {
      expect(await directory.claim({ limit: 10, now: START })).toEqual({ shards: [], listed: 0 });
      await directory.served({ shards: [newShard()], now: START });
      expect(await directory.accounts()).toEqual({ accounts: [], cursor: null });
      expect(
        storage.sql.exec("SELECT name FROM sqlite_schema WHERE name NOT GLOB '_cf_*'").toArray(),
      ).toEqual([]);
    }));

  it('give the longest unserved first, and no shard to two sweeps', async () => {
    const directory = newDirectory();
    const shards = Array.from({ length: 6 }, () => newShard()).sort();
    for (const shard of shards) await directory.mark({ shard, epoch: 1 });
    const first = await directory.claim({ limit: 4, now: START });
    expect(first).toEqual({ shards: shards.slice(0, 4), listed: 6 });
    // A second sweep while the first runs gets the rest, and a third nothing.
    expect(await directory.claim({ limit: 4, now: START + 1 })).toEqual({
      shards: shards.slice(4),
      listed: 6,
    });
    expect(await directory.claim({ limit: 4, now: START + 2 })).toEqual({ shards: [], listed: 6 });
    await directory.served({ shards: shards.slice(4), now: START + 1 });
    await directory.served({ shards: first.shards, now: START });
    const next = await directory.claim({ limit: 5, now: START + MINUTE });
    expect(next.shards).toEqual(shards.slice(0, 5));
  });

  it('of a sweep that died run out before the next one', async () => {
    const directory = newDirectory();
    const shards = [newShard(), newShard(), newShard()].sort();
    for (const shard of shards) await directory.mark({ shard, epoch: 1 });
    await directory.claim({ limit: 3, now: START });
    expect((await directory.claim({ limit: 3, now: START + MINUTE })).shards).toEqual(shards);
  });

  it('serve every shard in turn, however many there are', async () => {
    const directory = newDirectory();
    const shards = Array.from({ length: 250 }, () => newShard());
    await runInDurableObject(directory, async (instance) => {
      for (const shard of shards) await instance.mark({ shard, epoch: 1 });
    });
    const seen = new Set<string>();
    for (let run = 0; run < 3; run++) {
      const now = START + run * MINUTE;
      const claim = await directory.claim({ limit: 100, now });
      for (const shard of claim.shards) seen.add(shard);
      await directory.served({ shards: claim.shards, now });
    }
    expect(seen.size).toBe(250);
  });
});

describe('accounts', () => {
  it('are listed once for each reference, at their home', async () => {
    const directory = newDirectory();
    const request = { id: mintAccountId('weur'), name: 'Ada', reference: 'order-1' };
    const first = await directory.register(request);
    expect(first).toMatchObject({ kind: 'registered', account: request });
    expect(await directory.register({ ...request, id: mintAccountId('weur'), name: 'Eve' })).toEqual(first);
    expect(await directory.register({ ...request, reference: 'order-2' })).toEqual({ kind: 'conflict' });
    await runInDurableObject(directory, async (instance) => {
      await expect(instance.register({ ...request, id: mintAccountId('enam') })).rejects.toThrow(TypeError);
      await expect(instance.register({ ...request, id: 'acct_nonsense' })).rejects.toThrow(TypeError);
    });
    expect(await directory.accounts()).toMatchObject({ accounts: [request], cursor: null });
  });

  it('are read page by page, in the order of their making', async () => {
    const directory = newDirectory();
    const ids = Array.from({ length: 7 }, () => mintAccountId('weur'));
    for (const id of ids) await directory.register({ id, name: 'A', reference: id });
    const read: string[] = [];
    let cursor: string | null = '0';
    let pages = 0;
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof directory.accounts>> = await directory.accounts({
        cursor,
        limit: 3,
      });
      read.push(...page.accounts.map(({ id }) => id));
      cursor = page.cursor;
      pages++;
    }
    expect(read).toEqual(ids);
    expect(pages).toBe(3);
    for (const nonsense of ['x', '-1', '1e99', '1.5']) {
      expect(await directory.accounts({ cursor: nonsense })).toEqual({ accounts: [], cursor: null });
    }
  });
});
