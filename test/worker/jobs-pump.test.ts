import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import type { Claim, DueTable } from '../../src/worker/jobs/due.ts';
import { Lanes } from '../../src/worker/jobs/lanes.ts';
import { Pump } from '../../src/worker/jobs/pump.ts';
import {
  DUE_KINDS,
  type DueKind,
  isUpstream,
  MAX_HUNG,
  MAX_OF_KIND,
  MAX_PER_HOST,
  MAX_RUNNING,
  MAX_UPSTREAM,
} from '../../src/worker/jobs/schedule.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';
import { SECOND_MS } from './jobs-fixtures.ts';

/** Duties of which a shard has one each. */
const ONE_OF_A_SHARD: ReadonlySet<DueKind> = new Set(['settle', 'retain', 'tidy']);

/** A pump over a real table, whose work ends when the test says so. */
class Bench {
  now = 1_000_000;
  readonly started: Claim[] = [];
  readonly running = new Map<Claim, PromiseWithResolvers<void>>();
  readonly log: Readonly<Record<string, unknown>>[] = [];
  readonly due: DueTable;
  readonly lanes = new Lanes();
  readonly pump: Pump;

  constructor(state: DurableObjectState) {
    const store = new JobStore(state.storage);
    store.open();
    this.due = store.due;
    this.pump = new Pump({
      due: this.due,
      lanes: this.lanes,
      now: () => this.now,
      random: () => 0.5,
      log: (entry) => this.log.push(entry),
      work: (claim) => {
        this.started.push(claim);
        const work = Promise.withResolvers<void>();
        this.running.set(claim, work);
        return work.promise;
      },
    });
  }

  /** Plans `count` pieces of work of a kind. */
  crowd(kind: DueKind, count: number, lane = ''): void {
    for (let i = 0; i < count; i++) this.due.plan(`${kind} ${lane} ${i}`, kind, this.now - 1_000 + i, lane);
  }

  /** Ends a piece of work, done. */
  async finish(claim: Claim): Promise<void> {
    this.due.drop(claim.key);
    this.running.get(claim)?.resolve();
    this.running.delete(claim);
    await this.turn();
  }

  async fail(claim: Claim): Promise<void> {
    this.running.get(claim)?.reject(new Error('broken platform'));
    this.running.delete(claim);
    await this.turn();
  }

  /** Lets the pump see what has ended. */
  async turn(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  count(is: (claim: Claim) => boolean): number {
    return [...this.running.keys()].filter(is).length;
  }
}

/** Runs `check` on a bench in a shard of its own. */
function onBench(check: (bench: Bench) => Promise<void> | void): Promise<void> {
  const { SHARDS } = env as unknown as Env;
  const stub = SHARDS.get(SHARDS.idFromName(`${mintAccountId('weur')}/weur/0`));
  return runInDurableObject(stub, (_, state) => check(new Bench(state)));
}

/** Whether all limits are kept at this moment (invariant 8). */
function expectWithinLimits(bench: Bench): void {
  expect(bench.running.size).toBeLessThanOrEqual(MAX_RUNNING);
  expect(bench.count(({ kind }) => isUpstream(kind))).toBeLessThanOrEqual(MAX_UPSTREAM);
  for (const kind of DUE_KINDS) {
    expect(bench.count((claim) => claim.kind === kind)).toBeLessThanOrEqual(MAX_OF_KIND[kind]);
  }
  for (const host of new Set([...bench.running.keys()].map(({ lane }) => lane))) {
    if (host) expect(bench.count(({ lane }) => lane === host)).toBeLessThanOrEqual(MAX_PER_HOST);
  }
}

/** A small generator of numbers, so that a run can be repeated from its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it('the limits are those of invariant 8', () => {
  expect([MAX_RUNNING, MAX_UPSTREAM, MAX_PER_HOST]).toEqual([5, 3, 2]);
  for (const kind of DUE_KINDS)
    expect(MAX_OF_KIND[kind]).toBeLessThan(isUpstream(kind) ? MAX_UPSTREAM : MAX_RUNNING);
});

describe('with hundreds due, the pump', () => {
  it('keeps its limits at every moment, whatever ends when, and does all of it', () =>
    onBench(async (bench) => {
      const seed = Date.now() % 1_000_000;
      console.log({ seed });
      const random = randomOf(seed);
      for (const kind of DUE_KINDS) {
        if (kind === 'deliver') for (const host of ['a', 'b', 'c', 'd']) bench.crowd(kind, 20, host);
        else bench.crowd(kind, ONE_OF_A_SHARD.has(kind) ? 1 : 40);
      }
      bench.pump.kick();
      expect(bench.running.size).toBe(MAX_RUNNING);
      while (bench.running.size > 0) {
        expectWithinLimits(bench);
        const running = [...bench.running.keys()];
        await bench.finish(running[Math.floor(random() * running.length)] as Claim);
      }
      const inHundreds = DUE_KINDS.length - ONE_OF_A_SHARD.size - 1;
      expect(bench.started).toHaveLength(inHundreds * 40 + 4 * 20 + ONE_OF_A_SHARD.size);
      expect(new Set(bench.started.map(({ key }) => key)).size).toBe(bench.started.length);
      expect([bench.pump.done, bench.due.countDue(bench.now)]).toEqual([bench.started.length, 0]);
    }));

  it('lets no kinds keep the others back for ever, however many of them are due', () =>
    onBench(async (bench) => {
      const kinds = ['submit', 'poll', 'result', 'cancel', 'copy', 'expire', 'deliver'] as const;
      for (const kind of kinds) bench.crowd(kind, 100);
      bench.pump.kick();
      for (let i = 0; i < 70; i++) await bench.finish([...bench.running.keys()][0] as Claim);
      for (const kind of kinds) {
        expect(bench.started.filter((claim) => claim.kind === kind).length, kind).toBeGreaterThanOrEqual(5);
      }
    }));

  it.each(['submit', 'poll', 'result', 'cancel', 'copy', 'deliver'] as const)(
    'is not stopped by a crowd of %s that hang',
    (hanging) =>
      onBench(async (bench) => {
        bench.crowd(hanging, 200);
        bench.pump.kick();
        const others = DUE_KINDS.filter((kind) => kind !== hanging);
        for (const kind of others) bench.crowd(kind, 3);
        bench.pump.kick();
        for (let i = 0; i < 3 * others.length; i++) {
          const next = [...bench.running.keys()].find(({ kind }) => kind !== hanging);
          if (!next) throw new Error(`only ${i} of ${3 * others.length} were done`);
          await bench.finish(next);
          expectWithinLimits(bench);
        }
        expect(bench.count(({ kind }) => kind === hanging)).toBe(MAX_OF_KIND[hanging]);
      }),
  );

  it('is not stopped by two hosts that hang', () =>
    onBench(async (bench) => {
      bench.crowd('deliver', 100, 'hangs');
      bench.pump.kick();
      expect(bench.running.size).toBe(MAX_PER_HOST);
      bench.crowd('deliver', 10, 'answers');
      bench.pump.kick();
      for (let i = 0; i < 10; i++) {
        const next = [...bench.running.keys()].find(({ lane }) => lane === 'answers');
        if (!next) throw new Error(`only ${i} of 10 were delivered`);
        await bench.finish(next);
      }
    }));

  it('leaves one place to all hosts together that hung last time, however many they are', () =>
    onBench(async (bench) => {
      const hosts = Array.from({ length: 30 }, (_, n) => `hangs-${n}`);
      for (const host of hosts) bench.lanes.heard(host, false);
      for (const host of hosts) bench.crowd('deliver', 5, host);
      const hung = () => bench.count(({ lane }) => lane.startsWith('hangs'));
      bench.pump.kick();
      expect(hung()).toBe(MAX_HUNG);
      bench.crowd('deliver', 10, 'answers');
      bench.pump.kick();
      for (let i = 0; i < 10; i++) {
        const next = [...bench.running.keys()].find(({ lane }) => lane === 'answers');
        if (!next) throw new Error(`only ${i} of 10 were delivered`);
        await bench.finish(next);
        expect(hung()).toBe(MAX_HUNG);
      }
      // One that answers again has its places back.
      bench.lanes.heard('hangs-7', true);
      bench.pump.kick();
      expect(hung()).toBe(MAX_PER_HOST + MAX_HUNG);
    }));

  it('gives its last place to a host that is not tried yet, so a healthy one waits once for five that begin to hang', () =>
    onBench(async (bench) => {
      const hosts = Array.from({ length: 5 }, (_, n) => `hangs-${n}`);
      for (const host of [...hosts, 'answers']) bench.lanes.heard(host, true);
      for (const host of hosts) bench.crowd('deliver', 3, host);
      bench.pump.kick();
      bench.due.plan('awaited', 'deliver', bench.now, 'answers');
      // Their time is over, all within the same moment.
      for (const claim of [...bench.running.keys()]) {
        bench.lanes.heard(claim.lane, false);
        await bench.finish(claim);
      }
      expect(bench.started.map(({ key }) => key)).toContain('awaited');
      expectWithinLimits(bench);
    }));

  it('keeps its last place for hosts that answer before a crowd of strangers', () =>
    onBench(async (bench) => {
      for (let n = 0; n < 30; n++) bench.crowd('deliver', 1, `stranger-${n}`);
      bench.pump.kick();
      // Nobody is known to answer yet.
      expect(bench.running.size).toBe(MAX_OF_KIND.deliver);
      bench.lanes.heard('answers', true);
      await bench.finish([...bench.running.keys()][0] as Claim);
      expect(bench.running.size).toBe(MAX_OF_KIND.deliver - 1);
      for (let n = 0; n < 10; n++) bench.due.plan(`awaited ${n}`, 'deliver', bench.now, 'answers');
      bench.pump.kick();
      for (let n = 0; n < 10; n++) {
        const next = [...bench.running.keys()].find(({ lane }) => lane === 'answers');
        if (!next) throw new Error(`only ${n} of 10 were delivered`);
        await bench.finish(next);
      }
      expect(bench.running.size).toBe(MAX_OF_KIND.deliver - 1);
      // A stranger that answers is none any more, and has the place too.
      const [stranger] = bench.running.keys();
      bench.lanes.heard(stranger?.lane ?? '', true);
      bench.crowd('deliver', 1, stranger?.lane ?? '');
      bench.pump.kick();
      expect(bench.running.size).toBe(MAX_OF_KIND.deliver);
    }));
});

it('work that throws is planned again, later each time, and hurts no other', () =>
  onBench(async (bench) => {
    bench.due.plan('bad', 'poll', bench.now);
    bench.due.plan('good', 'copy', bench.now);
    bench.pump.kick();
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const bad = [...bench.running.keys()].find(({ key }) => key === 'bad');
      if (!bad) throw new Error('it was not tried again');
      await bench.fail(bad);
      if (i === 0) await bench.finish([...bench.running.keys()][0] as Claim);
      const at = bench.due.nextAt() ?? 0;
      waits.push((at - bench.now) / SECOND_MS);
      bench.now = at;
      bench.pump.kick();
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(bench.log).toHaveLength(9);
    expect(bench.log[8]).toMatchObject({
      event: 'work_threw',
      key: 'bad',
      attempts: 9,
      cause: 'Error: broken platform',
    });
    expect(bench.started.filter(({ key }) => key === 'good')).toHaveLength(1);
  }));

it('work that throws after somebody planned anew changes nothing of the plan', () =>
  onBench(async (bench) => {
    bench.due.plan('job', 'poll', bench.now);
    bench.pump.kick();
    bench.due.plan('job', 'cancel', bench.now + 77);
    await bench.fail([...bench.running.keys()][0] as Claim);
    expect(bench.due.nextAt()).toBe(bench.now + 77);
  }));

it('idle tells when nothing is under way and nothing more is due', () =>
  onBench(async (bench) => {
    await bench.pump.idle();
    bench.crowd('poll', 7);
    let idle = false;
    const told = bench.pump.idle().then(() => {
      idle = true;
    });
    for (let i = 0; i < 7; i++) {
      await bench.turn();
      expect(idle).toBe(false);
      await bench.finish([...bench.running.keys()][0] as Claim);
    }
    await told;
    expect(bench.pump.done).toBe(7);
  }));
