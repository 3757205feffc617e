/** Very many events, receivers that fail, and a shard that dies again and again: nothing is lost, all is written down. */

import { expect, it, vi } from 'vitest';
import { mintId } from '../../src/worker/ids.ts';
import { newJob } from '../../src/worker/jobs/job.ts';
import { readReplica } from '../../src/worker/jobs/replica-record.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';
import { eventIdOf } from '../../src/worker/webhooks/ids.ts';
import { Outbox } from '../../src/worker/webhooks/shard/outbox.ts';
import type { EventType } from '../../src/worker/webhooks/types.ts';
import { tick } from '../support/customer.ts';
import { soakOr } from '../support/soak.ts';
import { until } from '../support/upstream.ts';
import { type Answer, Endpoints, type Hit, type MadeEndpoint, ok, status } from './deliveries-fixtures.ts';
import { SECOND_MS, World } from './jobs-fixtures.ts';
import { config } from './links-object-fixtures.ts';

/** The events of each job, as a job of this life has them. */
const LIFE: readonly (readonly ['c' | 's' | 'z', EventType])[] = [
  ['c', 'job.created'],
  ['s', 'job.started'],
  ['z', 'job.failed'],
];
const JOBS = Math.ceil(soakOr(20_000, 90) / LIFE.length);
const CRASHES = soakOr(300, 6);
/** Jobs that end at about the same time. */
const BATCH = 20;
const RECEIVERS = 10;
/** Tries between two crashes, about: half of those that there are at least, since others come between looks. */
const APART = (2 * JOBS * LIFE.length) / CRASHES;
const breaks: Answer = () => {
  throw new TypeError('Network connection lost');
};
/** Ways to fail, of three receivers in ten. None that slows its endpoint down: that would take days of the test's time. */
const FAILURES: readonly Answer[] = [status(500), status(503, { 'Retry-After': '3' }), breaks];
/** Less than a turn of the gate lasts. */
const TOGETHER_MS = 900;
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
  /** What has come of each event, by its id: the bodies, and how often. */
  readonly came = new Map<string, { readonly texts: Set<string>; count: number }>();
  /** Events of each job in the order of their first arrival, as the letters of their moments. */
  readonly firsts = new Map<string, string>();
  /** Times that an event has been refused. */
  readonly #refusals = new Map<string, number>();
  #crashWanted = false;
  #tries = 0;
  #nextCrash = 1 + Math.floor(this.random() * APART);

  constructor(endpoints: Endpoints) {
    this.endpoints = endpoints;
    this.world = endpoints.world;
  }

  /** A receiver; one that fails does so one to four times an event. */
  async addReceiver(failure: Answer | undefined): Promise<void> {
    const answer: Answer = async (hit, nth) => {
      this.#note(hit);
      if (++this.#tries >= this.#nextCrash) {
        this.#nextCrash = this.#tries + 1 + Math.floor(this.random() * 2 * APART);
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

  #note({ id, text }: Hit): void {
    const known = this.came.get(id) ?? { texts: new Set(), count: 0 };
    this.came.set(id, known);
    known.texts.add(text);
    const [job, moment] = [id.slice(0, -1), id.slice(-1)];
    if (known.count++ === 0) this.firsts.set(job, (this.firsts.get(job) ?? '') + moment);
  }

  /** Nothing else is remembered of what has passed: a test of hours would run out of memory. */
  forget(): void {
    for (const { hits } of this.receivers) hits.length = 0;
    this.world.installed.dns.questions.length = 0;
    vi.mocked(globalThis.fetch).mockClear();
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
    const batch = Array.from({ length: BATCH }, () => ({
      id: mintId(config.SIGNING_SECRETS, 'job', shard, now),
      to: this.receivers[Math.floor(this.random() * RECEIVERS)]?.id,
    }));
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
          store.takeIn({ id, credits: 29, cost: 288_000, request, job }, store.book(), 'poll', now);
          store.due.drop(id);
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
      const goal = (CRASHES * run.jobs.length) / JOBS;
      if (run.crashes < goal) await run.drain(Math.floor(run.random() * 4));
      await run.drain();
      world.clock.advance(SECOND_MS);
      run.forget();
    }
    for (;;) {
      await run.drain(run.crashes < CRASHES ? Math.floor(run.random() * 3) : undefined);
      const next = await run.nextAt();
      if (next === null) break;
      // What is due within a second goes together: no turn is missed by that.
      world.clock.advance(Math.max(0, next - Date.now()) + TOGETHER_MS);
      run.forget();
    }

    const events = run.jobs.flatMap((id) => LIFE.map(([moment]) => eventIdOf(id, moment)));
    const tries = [...run.came.values()].reduce((sum, { count }) => sum + count, 0);
    console.log({ seed: SEED, events: events.length, tries, crashes: run.crashes });
    // None is lost, and there is none that nobody knows.
    expect([...run.came.keys()].sort()).toEqual(events.sort());
    const rows = await endpoints.deliveries();
    expect(rows).toHaveLength(events.length);
    let unlogged = 0;
    for (const { id, status: is, attempts } of rows) {
      expect(is).toBe('delivered');
      expect(attempts.at(-1)).toMatchObject({ status_code: 200, error: null });
      const came = run.came.get(`evt_${id.slice(4, 36)}`);
      // One id and one body for all tries; each that was written down was made.
      expect(came?.texts.size).toBe(1);
      expect(came?.count).toBeGreaterThanOrEqual(attempts.length);
      unlogged += (came?.count ?? 0) - attempts.length;
    }
    // A try is not written down only where the shard died over it: three are under way at most.
    expect(unlogged).toBeLessThanOrEqual(3 * run.crashes);
    expect(new Set(run.firsts.values())).toEqual(new Set(['csz']));
    expect(run.crashes).toBeGreaterThanOrEqual(Math.floor(CRASHES / 3));
  },
  soakOr(1_800_000, 60_000),
);
