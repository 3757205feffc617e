/** Very many events, receivers that fail, and a shard that dies again and again: nothing is lost, all is written down. */

import { expect, it } from 'vitest';
import { mintId } from '../../src/worker/ids.ts';
import { newJob } from '../../src/worker/jobs/job.ts';
import { readReplica } from '../../src/worker/jobs/replica-record.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { Outbox } from '../../src/worker/webhooks/shard/outbox.ts';
import type { EventType } from '../../src/worker/webhooks/types.ts';
import { tick } from '../support/customer.ts';
import { SOAK, soakOr } from '../support/soak.ts';
import { until } from '../support/upstream.ts';
import { type Answer, Endpoints, type MadeEndpoint, ok, status, timesOut } from './deliveries-fixtures.ts';
import { SECOND_MS, World } from './jobs-fixtures.ts';
import { config } from './links-object-fixtures.ts';

/** The events of each job, as a job of this life has them. */
const LIFE: readonly (readonly ['c' | 's' | 'z', EventType])[] = [
  ['c', 'job.created'],
  ['s', 'job.started'],
  ['z', 'job.failed'],
];
const JOBS = Math.ceil(soakOr(20_000, 150) / LIFE.length);
const CRASHES = soakOr(300, 8);
/** Jobs that end at about the same time. */
const BATCH = 20;
const RECEIVERS = 10;
/** Ways to fail, of three receivers in ten. */
const FAILURES: readonly Answer[] = [status(500), status(503, { 'Retry-After': '3' }), timesOut];
/** An object that dies while it works comes back so soon. */
const RESTART_MS = 2 * SECOND_MS;

const SEED = Date.now() % 1_000_000;

/** A small generator of numbers, so that a run can be repeated from its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

class Run {
  readonly random = randomOf(SEED);
  readonly jobs: string[] = [];
  readonly world: World;
  readonly endpoints: Endpoints;
  readonly receivers: MadeEndpoint[] = [];
  crashes = 0;
  /** Times that an event has been refused. */
  readonly #refusals = new Map<string, number>();
  #crashWanted = false;

  constructor(endpoints: Endpoints) {
    this.endpoints = endpoints;
    this.world = endpoints.world;
  }

  /** A receiver; one that fails does so one to four times an event. */
  async addReceiver(failure: Answer | undefined): Promise<void> {
    const answer: Answer = async (hit, nth) => {
      if (this.random() < CRASHES / (JOBS * LIFE.length * 2)) {
        // By whoever looks on: an object that aborts itself may take the whole runtime with it.
        this.#crashWanted = true;
        await until(() => !this.#crashWanted);
      }
      if (!failure) return ok(hit, nth);
      const left = this.#refusals.get(hit.id) ?? 1 + Math.floor(this.random() * 4);
      this.#refusals.set(hit.id, left - 1);
      return (left > 0 ? failure : ok)(hit, nth);
    };
    this.receivers.push(await this.endpoints.make(answer));
  }

  /** The shard dies in the middle of whatever it does, and comes back a little later. */
  async crash(): Promise<void> {
    this.crashes++;
    await this.world.crash();
    this.#crashWanted = false;
    this.world.clock.advance(RESTART_MS);
    await this.#ring();
  }

  /** Writes the events of a batch of jobs, each for one receiver, and lets what is due begin. */
  async begin(): Promise<void> {
    const now = Date.now();
    const shard = { account: this.world.customer.account, region: 'weur', n: 0 } as const;
    const batch = await Promise.all(
      Array.from({ length: BATCH }, async () => ({
        id: await mintId(config.SIGNING_SECRETS, 'job', shard, now),
        to: this.receivers[Math.floor(this.random() * RECEIVERS)]?.id,
      })),
    );
    await this.world.inShard((_, { storage }) => {
      const store = new JobStore(storage);
      const all = readReplica(storage.kv.get('replica')).endpoints;
      store.transaction(() => {
        for (const { id, to } of batch) {
          const picked = all.filter((endpoint) => endpoint.id === to);
          const outbox = new Outbox({
            deliveries: store.deliveries,
            due: store.due,
            endpoints: () => picked,
            isDisabled: () => false,
          });
          const failure = { code: 'upstream_error', message: 'Try again.' } as const;
          const job = { ...newJob(now, 30_000), state: 'failed', endedAt: now, failure } as const;
          const start = { kind: 'url', url: 'https://images.example.org/a.png' } as const;
          const request = { model: 'ltx-2.3-image-to-video', input: {}, images: { start }, usualMs: 30_000 };
          store.insertJob({ id, credits: 29, cost: 288_000, request, job });
          store.updateJob(id, job);
          for (const [moment, type] of LIFE) outbox.announce({ aboutId: id, moment, type, at: now });
        }
      });
    });
    this.jobs.push(...batch.map(({ id }) => id));
  }

  /** What is due now is done, however often the shard dies over it; also at look number `crashAt`, whatever it does then. */
  async drain(crashAt?: number): Promise<void> {
    await this.#ring();
    for (let looks = 0; ; looks++) {
      const at = await this.nextAt();
      if (at === null || at > Date.now()) return;
      if (this.#crashWanted || looks === crashAt) await this.crash();
      else await tick();
    }
  }

  /** When the next try or report is due, in ms. */
  async nextAt(): Promise<number | null> {
    const [row] = await this.world.sql<{ at: number | null }>(
      "SELECT MIN(due_at) AS at FROM due WHERE kind IN ('deliver', 'report')",
    );
    return row?.at ?? null;
  }

  async #ring(): Promise<void> {
    await this.world.inShard((shard) => shard.alarm());
  }
}

it(
  `${JOBS * LIFE.length} events, three receivers in ten fail, the shard dies ${CRASHES} times (seed ${SEED})`,
  async () => {
    const run = new Run(await Endpoints.of(await World.create()));
    const { world, endpoints } = run;
    for (let n = 0; n < RECEIVERS; n++) await run.addReceiver(FAILURES[n]);

    while (run.jobs.length < JOBS) {
      await run.begin();
      // Not only while a receiver is asked, but between any two steps of ours.
      const crashes = run.random() < (CRASHES / (JOBS / BATCH)) * 0.7;
      await run.drain(crashes ? Math.floor(run.random() * 30) : undefined);
      world.clock.advance(SECOND_MS);
    }
    for (;;) {
      await run.drain(run.crashes < CRASHES ? Math.floor(run.random() * 10) : undefined);
      const next = await run.nextAt();
      if (next === null) break;
      world.clock.advance(Math.max(0, next - Date.now()));
    }

    const hits = run.receivers.flatMap((receiver) => receiver.hits);
    const events = run.jobs.flatMap((id) => LIFE.map(([moment]) => eventIdOf(id, moment)));
    console.log({ seed: SEED, events: events.length, hits: hits.length, crashes: run.crashes });
    // None is lost, and there is none that nobody knows.
    const byId = Map.groupBy(hits, ({ id }) => id);
    expect(new Set(byId.keys())).toEqual(new Set(events));
    const rows = await endpoints.deliveries();
    expect(rows).toHaveLength(events.length);
    let unlogged = 0;
    for (const { id, status: is, attempts } of rows) {
      expect(is).toBe('delivered');
      expect(attempts.at(-1)).toMatchObject({ status_code: 200, error: null });
      const came = byId.get(`evt_${id.slice(4, 36)}`) ?? [];
      // One id and one body for all tries; each that was written down was made.
      expect(new Set(came.map(({ text }) => text)).size).toBe(1);
      expect(came.length).toBeGreaterThanOrEqual(attempts.length);
      unlogged += came.length - attempts.length;
    }
    // A try is not written down only where the shard died over it: three are under way at most.
    expect(unlogged).toBeLessThanOrEqual(3 * run.crashes);
    for (const { hits: own } of run.receivers) {
      const first = [...new Set(own.map(({ id }) => id))];
      for (const [, ids] of Map.groupBy(first, (id) => id.slice(0, -1))) {
        expect(ids.map((id) => id.at(-1)).join('')).toBe('csz');
      }
    }
    expect(run.crashes).toBeGreaterThanOrEqual(SOAK ? CRASHES * 0.9 : 5);
  },
  soakOr(1_800_000, 60_000),
);
