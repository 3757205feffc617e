import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { TickReport } from '../../src/worker/directory/contract.ts';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId, shardName } from '../../src/worker/ids.ts';
import { directoryStub } from '../../src/worker/objects.ts';
import { REGIONS, type Region } from '../../src/worker/region.ts';
import { type SweepReport, sweep } from '../../src/worker/sweep.ts';

const MINUTE = 60_000;
const CONFIG = { SWEEP_SHARDS: 200 };

/** Real directories of a world of their own, and shards that tick as the test says. */
class World {
  readonly ticked: string[] = [];
  readonly logged: SweepReport[] = [];
  /** How a shard's tick ends, unless it does two pieces of work. */
  tick: (shard: string) => Promise<TickReport> = async () => ({ worked: 2, due: 1 });
  /** Which regions' directories cannot be reached. */
  down: readonly string[] = [];
  now = Date.now();
  running = 0;
  most = 0;
  readonly #salt = crypto.randomUUID();

  get env(): Env {
    const { DIRECTORIES } = env;
    const directories = {
      idFromName: (text: string) => text,
      get: (text: string, hint: DurableObjectNamespaceGetDurableObjectOptions) => {
        const region = text.split('/')[1] ?? '';
        if (this.down.includes(region)) return { claim: () => Promise.reject(new Error('no directory')) };
        return DIRECTORIES.get(DIRECTORIES.idFromName(`directory/${region}/${this.#salt}`), hint);
      },
    };
    const shards = {
      idFromName: (text: string) => text,
      get: (text: string) => ({
        tick: async () => {
          this.ticked.push(text);
          this.most = Math.max(this.most, ++this.running);
          try {
            return await this.tick(text);
          } finally {
            this.running--;
          }
        },
      }),
    };
    return {
      ...env,
      DIRECTORIES: directories as unknown as Env['DIRECTORIES'],
      SHARDS: shards as unknown as Env['SHARDS'],
    };
  }

  async open(region: Region, count = 1): Promise<string[]> {
    const shards = Array.from({ length: count }, () =>
      shardName({ account: mintAccountId(region), region, n: 0 }),
    );
    for (const shard of shards) await directoryStub(this.env, region).mark({ shard, epoch: 1 });
    return shards.sort();
  }

  /** One whose directories have started: on a busy machine that takes longer than a sweep waits for an answer. */
  static async started(): Promise<World> {
    const world = new World();
    while ((await world.run()).regions_failed > 0);
    world.logged.length = 0;
    return world;
  }

  /** The next minute's run. */
  async run(config = CONFIG): Promise<SweepReport> {
    this.now += MINUTE;
    this.ticked.length = 0;
    return sweep(this.env, config, this.now, (line) => this.logged.push(line));
  }
}

describe('a sweep', () => {
  it('of nothing asks each directory once, and says so', async () => {
    const world = await World.started();
    const report = await world.run();
    expect(report).toEqual({
      event: 'sweep',
      regions: REGIONS.length,
      regions_failed: 0,
      listed: 0,
      ticked: 0,
      failed: 0,
      left: 0,
      worked: 0,
      due: 0,
      ms: expect.any(Number),
      failures: [],
    });
    expect(world.logged).toEqual([report]);
  });

  it('ticks every open shard of every region, a few at once, each minute', async () => {
    const world = await World.started();
    world.tick = async () => {
      await new Promise((resolve) => setTimeout(resolve));
      return { worked: 2, due: 1 };
    };
    const shards = [
      ...(await world.open('weur', 8)),
      ...(await world.open('oc', 2)),
      ...(await world.open('me')),
    ];
    for (let run = 0; run < 2; run++) {
      const report = await world.run();
      expect(report).toMatchObject({ listed: 11, ticked: 11, failed: 0, left: 0, worked: 22, due: 11 });
      expect(world.ticked.toSorted()).toEqual(shards.toSorted());
      expect(world.most).toBe(5);
    }
    expect(world.logged).toHaveLength(2);
  });

  it('does not let a busy region keep the others waiting', async () => {
    const world = await World.started();
    await world.open('weur', 20);
    const [quiet] = await world.open('sam');
    await world.run();
    expect(world.ticked.indexOf(quiet as string)).toBeLessThan(2);
  });

  it('is not hit by a shard that fails, nor by a region that cannot be reached', async () => {
    const world = await World.started();
    const [broken, ...well] = await world.open('weur', 4);
    await world.open('enam', 2);
    world.down = ['enam'];
    world.tick = async (shard) => {
      if (shard === broken) throw new Error('this shard is broken');
      return { worked: 1, due: 0 };
    };
    const report = await world.run();
    expect(report).toMatchObject({
      regions: 8,
      regions_failed: 1,
      listed: 4,
      ticked: 3,
      failed: 1,
      worked: 3,
    });
    expect(report.failures).toEqual([
      { what: 'directory/enam/0', cause: 'Error: no directory' },
      { what: broken, cause: 'Error: this shard is broken' },
    ]);
    for (const shard of well) expect(world.ticked).toContain(shard);
    world.down = [];
    expect(await world.run()).toMatchObject({ regions: 9, ticked: 5, failed: 1 });
  });

  it('gives shards that always fail their turn, and no more than that', async () => {
    const world = await World.started();
    const shards = await world.open('weur', 6);
    const broken = shards.slice(0, 3);
    world.tick = async (shard) => {
      if (broken.includes(shard)) throw new Error('broken');
      return { worked: 1, due: 0 };
    };
    const config = { SWEEP_SHARDS: 3 };
    expect(await world.run(config)).toMatchObject({ listed: 6, ticked: 0, failed: 3 });
    expect(await world.run(config)).toMatchObject({ ticked: 3, failed: 0 });
    expect(world.ticked.toSorted()).toEqual(shards.slice(3));
  });
});
