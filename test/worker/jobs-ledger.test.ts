import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { EMPTY_BOOK, floatOf } from '../../src/worker/accounts/float.ts';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { type Claim, SETTLE_KEY } from '../../src/worker/jobs/due.ts';
import { type Job, newJob } from '../../src/worker/jobs/job.ts';
import { JobLedger } from '../../src/worker/jobs/ledger.ts';
import type { JobEvent } from '../../src/worker/jobs/state.ts';
import { JobStore, type StoredJob } from '../../src/worker/jobs/store.ts';
import { deliveryIdOf, OWN_RECEIVER } from '../../src/worker/webhooks/ids.ts';
import { Outbox } from '../../src/worker/webhooks/shard/outbox.ts';

const T = 1_000_000;
/** Ids of deliveries are made of the job's, so it is one in full. */
const ID = `job_${'1'.repeat(31)}`;
const DELIVERY = deliveryIdOf(ID, 'z', OWN_RECEIVER);
const handle = { requestId: 'r1', statusUrl: 's', responseUrl: 'r', cancelUrl: 'c' };
const failure = { code: 'upstream_error', message: 'Try again.' } as const;
const video = { key: 'out/a/1.mp4', bytes: 9, duration: 6, width: 1920, height: 1080, fps: 25 };
const RUNNING: JobEvent = { type: 'poll', reply: { kind: 'running' } };
const FAILED: JobEvent = { type: 'poll', reply: { kind: 'failed', failure } };
const STORED: JobEvent = { type: 'copy', outcome: { kind: 'stored', video } };

interface Bench {
  readonly storage: DurableObjectStorage;
  readonly store: JobStore;
  readonly ledger: JobLedger;
  readonly ended: StoredJob[];
  readonly works: () => number;
}

/** Runs `check` on a ledger with one job that holds 29 of 100 credits, and a claim on its step. */
function onLedger(
  change: Partial<Job>,
  check: (bench: Bench, claim: Claim) => void,
  webhookUrl: string | null = 'https://receiver.example.org/',
): Promise<void> {
  const { SHARDS } = env as unknown as Env;
  const stub = SHARDS.get(SHARDS.idFromName(`${mintAccountId('weur')}/weur/0`));
  return runInDurableObject(stub, (_, state) => {
    const store = new JobStore(state.storage);
    store.open();
    const ended: StoredJob[] = [];
    let works = 0;
    const ledger = new JobLedger({
      store,
      outbox: new Outbox({
        deliveries: store.deliveries,
        due: store.due,
        endpoints: () => [],
        isDisabled: () => false,
      }),
      policy: { dedupes: false, jobDeadlineMs: 3_600_000, submitDeadlineMs: 900_000 },
      now: () => T,
      random: () => 0.5,
      onEnd: (stored) => ended.push(stored),
      onWork: () => works++,
    });
    const job: Job = { ...newJob(T, 30_000), state: 'submitted', handle, submittedAt: T, ...change };
    const request = {
      model: 'ltx-2.3-image-to-video',
      input: {},
      images: { start: { kind: 'url', url: 'https://x.example.org/a.png' } },
      usualMs: 30_000,
      ...(webhookUrl ? { webhookUrl } : {}),
    } as const;
    store.takeIn({ id: ID, credits: 29, cost: 288_000, job, request }, store.book(), 'poll', T);
    store.updateJob(ID, job);
    store.writeBook({ ...store.book(), book: { ...EMPTY_BOOK, received: 100, held: 29 } });
    const claim = store.due.claim('poll', T, T + 25_000);
    if (!claim) throw new Error('nothing claimed');
    check({ storage: state.storage, store, ledger, ended, works: () => works }, claim);
  });
}

const stateOf = (store: JobStore) => {
  const stored = store.job(ID);
  return stored && stored !== 'gone' ? stored.job.state : null;
};

describe('an outcome', () => {
  it('under a claim that holds is written, with the next step', () =>
    onLedger({}, ({ store, ledger, works }, claim) => {
      expect(ledger.apply(ID, RUNNING, claim)).toMatchObject({
        changed: true,
        stored: { job: { rendering: true } },
      });
      expect([store.due.holds(claim), store.due.at(ID), works()]).toEqual([false, T + 3_000, 1]);
    }));

  it.each([
    ['planned', (store: JobStore) => store.due.plan(ID, 'cancel', T + 7)],
    ['claimed', (store: JobStore) => void store.due.claim('poll', T + 25_000, T + 50_000)],
  ])('under a claim that was overtaken changes nothing: the row was %s since', (_, overtake) =>
    onLedger({}, ({ store, ledger, ended }, claim) => {
      overtake(store);
      const at = store.due.at(ID);
      expect(ledger.apply(ID, FAILED, claim)).toMatchObject({ changed: false });
      expect([stateOf(store), store.due.at(ID), store.book().book.held, ended]).toEqual([
        'submitted',
        at,
        29,
        [],
      ]);
    }),
  );

  it('of a job that is not there takes its work off the table', () =>
    onLedger({}, ({ store, ledger }, claim) => {
      store.due.plan('job_none', 'poll', T);
      expect(ledger.apply('job_none', RUNNING, { ...claim, key: 'job_none' })).toBeNull();
      expect(store.due.at('job_none')).toBeNull();
    }));
});

describe('an end', () => {
  it.each<[string, Partial<Job>, JobEvent, { held: number; captured: number; float: number }]>([
    ['completed', { state: 'storing' }, STORED, { held: 0, captured: 29, float: 71 }],
    ['failed', {}, FAILED, { held: 0, captured: 0, float: 100 }],
    ['canceled', { state: 'queued' }, { type: 'cancel_requested' }, { held: 0, captured: 0, float: 100 }],
  ])('%s: state, credits, event and due work are one', (state, change, event, credits) =>
    onLedger(change, ({ store, ledger, ended }) => {
      expect(ledger.apply(ID, event)?.changed).toBe(true);
      const { book } = store.book();
      expect({ held: book.held, captured: book.captured, float: floatOf(book) }).toEqual(credits);
      expect([stateOf(store), store.due.at(ID), ended.length]).toEqual([state, null, 1]);
      expect(store.deliveries.get(DELIVERY)).toMatchObject({
        type: `job.${state}`,
        status: 'pending',
        attempts: [],
      });
      expect(store.due.at(DELIVERY)).toBe(T);
      // What was released may go back one day; what was captured never does.
      expect(store.due.at(SETTLE_KEY)).toBe(state === 'completed' ? null : T + 600_000);
    }),
  );

  it('comes once: whatever follows changes nothing', () =>
    onLedger({ state: 'storing' }, ({ store, ledger, ended }, claim) => {
      ledger.apply(ID, STORED);
      for (const event of [STORED, FAILED, { type: 'cancel_requested' }, { type: 'time' }] as JobEvent[]) {
        expect(ledger.apply(ID, event)?.changed).toBe(false);
        expect(ledger.apply(ID, event, claim)?.changed).toBe(false);
      }
      expect([ended.length, store.book().book.captured]).toEqual([1, 29]);
    }));

  it('is wholly undone when a part of it cannot be written', () =>
    onLedger(
      { state: 'storing' },
      ({ store, ledger, ended }) => {
        expect(() => ledger.apply(ID, STORED)).toThrow();
        expect([stateOf(store), store.book().book, ended]).toEqual([
          'storing',
          { ...EMPTY_BOOK, received: 100, held: 29 },
          [],
        ]);
        expect(store.due.at(ID)).toBe(T);
      },
      'no address',
    ));

  it('without a receiver writes no event', () =>
    onLedger(
      {},
      ({ store, ledger }) => {
        ledger.apply(ID, FAILED);
        expect([store.deliveries.get(DELIVERY), store.due.at(DELIVERY)]).toEqual([null, null]);
      },
      null,
    ));
});

describe('taking a job in', () => {
  const OTHER = `job_${'2'.repeat(31)}`;
  const taken = (store: JobStore, id: string, held: number) => {
    const same = store.job(ID);
    if (!same || same === 'gone') throw new Error('no job');
    const row = store.book();
    const used = { ...row, book: { ...row.book, held }, lastUsedAt: T + 1, lastPrice: 1, hourUsed: 1 };
    return store.transaction(() => store.takeIn({ ...same, id, credits: 1 }, used, 'submit', T + 1));
  };
  const all = (store: JobStore) => [store.job(ID), store.job(OTHER), store.book(), store.due.at(ID)];

  it('writes it, its hold and its first work', () =>
    onLedger({}, ({ storage, store }) => {
      expect(taken(store, OTHER, 30)).toBe(true);
      expect(store.job(OTHER)).toMatchObject({ id: OTHER, credits: 1 });
      expect(store.due.at(OTHER)).toBe(T + 1);
      const { book, lastUsedAt, lastPrice, hourUsed } = new JobStore(storage).book();
      expect([book.held, lastUsedAt, lastPrice, hourUsed]).toEqual([30, T + 1, 1, 1]);
    }));

  it('again writes nothing', () =>
    onLedger({}, ({ store }) => {
      const before = all(store);
      expect(taken(store, ID, 30)).toBe(false);
      expect(all(store)).toEqual(before);
    }));

  it('beyond the float writes nothing', () =>
    onLedger({}, ({ store }) => {
      const before = all(store);
      expect(() => taken(store, OTHER, 101)).toThrow('CHECK');
      expect(all(store)).toEqual(before);
    }));
});
