import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { Alarm } from '../../src/worker/jobs/alarm.ts';
import { DueTable, type LaneFilter, RETAIN_KEY, SETTLE_KEY } from '../../src/worker/jobs/due.ts';
import { ALARM_LEASE_MS } from '../../src/worker/jobs/schedule.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';

const T = 1_000_000;
const CLAIM = 45_000;

/** Runs `check` on the due table of a shard of its own. */
function onDue<R>(
  check: (due: DueTable, store: JobStore, state: DurableObjectState) => R | Promise<R>,
): Promise<R> {
  const { SHARDS } = env as unknown as Env;
  const stub = SHARDS.get(SHARDS.idFromName(`${mintAccountId('weur')}/weur/0`));
  return runInDurableObject(stub, (_, state) => {
    const store = new JobStore(state.storage);
    store.open();
    return check(store.due, store, state);
  });
}

const claim = (due: DueTable, now = T, lanes: LaneFilter = {}) => due.claim('poll', now, now + CLAIM, lanes);

describe('a claim', () => {
  it('is of what is due longest, and of nothing that is not due yet', () =>
    onDue((due) => {
      due.plan('late', 'poll', T - 1);
      due.plan('later', 'poll', T);
      due.plan('latest', 'poll', T - 2);
      due.plan('tomorrow', 'poll', T + 1);
      due.plan('other', 'copy', T - 9);
      expect([claim(due)?.key, claim(due)?.key, claim(due)?.key, claim(due)]).toEqual([
        'latest',
        'late',
        'later',
        null,
      ]);
    }));

  it('keeps everybody else off until it runs out', () =>
    onDue((due) => {
      due.plan('a', 'poll', T);
      const first = claim(due);
      expect(claim(due, T + CLAIM - 1)).toBeNull();
      const second = claim(due, T + CLAIM);
      expect(second?.key).toBe('a');
      expect([first && due.holds(first), second && due.holds(second)]).toEqual([false, true]);
    }));

  it.each([
    ['planning', (due: DueTable) => due.plan('a', 'poll', T)],
    ['planning something else', (due: DueTable) => due.plan('a', 'cancel', T + 5)],
    ['dropping', (due: DueTable) => due.drop('a')],
  ])('is lost by %s under its key', (_, overtake) =>
    onDue((due) => {
      due.plan('a', 'poll', T);
      const held = claim(due);
      if (!held) throw new Error('nothing claimed');
      expect(due.holds(held)).toBe(true);
      overtake(due);
      expect([due.holds(held), due.renew(held, T + 9 * CLAIM)]).toEqual([false, false]);
    }),
  );

  it('is not lost by a wish to have it sooner, and lasts longer when it is renewed', () =>
    onDue((due) => {
      due.plan('a', 'poll', T);
      const held = claim(due);
      if (!held) throw new Error('nothing claimed');
      due.planSooner('a', 'poll', T - 5);
      expect([due.holds(held), due.renew(held, T + 2 * CLAIM)]).toEqual([true, true]);
      expect([claim(due, T + CLAIM), claim(due, T + 2 * CLAIM)?.key]).toEqual([null, 'a']);
    }));

  it('leaves full lanes alone and takes what is behind them', () =>
    onDue((due) => {
      due.plan('a', 'poll', T - 3, 'slow.example');
      due.plan('b', 'poll', T - 2, 'slow.example');
      due.plan('c', 'poll', T - 1, 'swift.example');
      due.plan('d', 'poll', T);
      expect(claim(due, T, { except: ['slow.example'] })).toMatchObject({ key: 'c', lane: 'swift.example' });
      expect(claim(due, T, { except: ['slow.example', 'swift.example'] })?.key).toBe('d');
      expect(claim(due, T, { except: ['slow.example'] })).toBeNull();
      expect(claim(due)?.key).toBe('a');
    }));

  it('takes from certain lanes alone when it is told to', () =>
    onDue((due) => {
      due.plan('a', 'poll', T - 2, 'slow.example');
      due.plan('b', 'poll', T - 1, 'swift.example');
      expect(claim(due, T, { only: [] })).toBeNull();
      expect(claim(due, T, { only: ['swift.example'], except: ['swift.example'] })).toBeNull();
      expect(claim(due, T, { only: ['swift.example'] })?.key).toBe('b');
      expect(claim(due, T, { only: ['swift.example'] })).toBeNull();
    }));
});

it('the sooner of two times is planned, whoever comes first', () =>
  onDue((due) => {
    due.planSooner(SETTLE_KEY, 'settle', T + 5);
    due.planSooner(SETTLE_KEY, 'settle', T + 9);
    expect(due.nextAt()).toBe(T + 5);
    due.planSooner(SETTLE_KEY, 'settle', T + 2);
    expect(due.nextAt()).toBe(T + 2);
  }));

it('tells what can be claimed next, and how much of it there is', () =>
  onDue((due) => {
    expect([due.nextAt(), due.countDue(T)]).toEqual([null, 0]);
    due.plan('a', 'poll', T);
    due.plan('b', 'copy', T + 5);
    expect([due.nextAt(), due.countDue(T)]).toEqual([T, 1]);
    claim(due);
    expect([due.nextAt(), due.countDue(T)]).toEqual([T + 5, 0]);
    due.drop('b');
    expect(due.nextAt()).toBe(T + CLAIM);
  }));

it('tells what can be claimed next behind however many claims', () =>
  onDue((due) => {
    for (let n = 0; n < 40; n++) due.plan(`a${n}`, 'poll', T - n);
    for (let n = 0; n < 40; n++) due.claim('poll', T, T + CLAIM - n);
    expect([due.nextAt(), due.countDue(T)]).toEqual([T + CLAIM - 39, 0]);
    due.plan('b', 'poll', T + 1);
    expect(due.nextAt()).toBe(T + 1);
    expect(due.releaseClaims(T)).toBe(40);
    expect([due.nextAt(), due.countDue(T)]).toEqual([T - 39, 40]);
  }));

it('reads none of the work that is not due yet to tell what is', () =>
  onDue((due, _, { storage }) => {
    for (let n = 0; n < 1_000; n++) due.plan(`later${n}`, 'deliver', T + 1 + n);
    for (let n = 0; n < 3; n++) due.plan(`now${n}`, 'deliver', T);
    due.claim('deliver', T, T + CLAIM);
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
    const exec = (query: string, ...bindings: unknown[]) => {
      const cursor = storage.sql.exec(query, ...bindings);
      cursors.push(cursor);
      return cursor;
    };
    const counted = new DueTable({ exec } as unknown as SqlStorage);
    expect([counted.nextAt(), counted.countDue(T), counted.releaseClaims(T)]).toEqual([T, 2, 1]);
    expect(cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0)).toBeLessThan(100);
  }));

it('counts all but a far-off retention as open work', () =>
  onDue((due) => {
    expect(due.isOpen(T)).toBe(false);
    due.plan(RETAIN_KEY, 'retain', T + 1);
    expect([due.isOpen(T), due.isOpen(T + 1)]).toEqual([false, true]);
    due.planSooner(SETTLE_KEY, 'settle', T + 1_000_000);
    expect(due.isOpen(T)).toBe(true);
  }));

describe('the alarm', () => {
  /** Times that the alarm was set to, and null for each time it was deleted. */
  function recorded(due: DueTable) {
    const set: (number | null)[] = [];
    const platform = { armedFor: null as number | null };
    const storage = {
      getAlarm: async () => platform.armedFor,
      setAlarm: async (at: number) => {
        set.push(at);
        platform.armedFor = at;
      },
      deleteAlarm: async () => {
        set.push(null);
        platform.armedFor = null;
      },
    } as unknown as DurableObjectStorage;
    return { alarm: new Alarm(storage, due), set, platform };
  }

  it('is set for what is due sooner, and not again for what is due later', () =>
    onDue((due) => {
      const { alarm, set } = recorded(due);
      for (const at of [T + 90_000, T + 95_000, T + 50_000, T + 60_000]) alarm.cover(at, T);
      expect(set).toEqual([T + 90_000, T + 50_000]);
    }));

  it('is a lease for what is due now: the pump is at it', () =>
    onDue((due) => {
      const { alarm, set } = recorded(due);
      alarm.cover(T, T);
      alarm.cover(T - 5, T);
      expect(set).toEqual([T + ALARM_LEASE_MS]);
    }));

  it('after a start covers what was planned before it', () =>
    onDue((due) => {
      due.plan('before', 'poll', T + 10);
      const { alarm, set } = recorded(due);
      alarm.cover(T + 90_000, T);
      expect(set).toEqual([T + 10]);
    }));

  it('rests until what is due next, or for good', () =>
    onDue(async (due) => {
      const { alarm, set } = recorded(due);
      due.plan('a', 'poll', T + 70_000);
      await alarm.rest(T);
      due.drop('a');
      await alarm.rest(T);
      alarm.cover(T + 99_000, T);
      expect(set).toEqual([T + 70_000, null, T + 99_000]);
    }));

  it('is armed anew when it was lost or did not ring, and else left alone', () =>
    onDue(async (due) => {
      const { alarm, set, platform } = recorded(due);
      due.plan('a', 'poll', T + 70_000);
      await alarm.rest(T);
      await alarm.repair(T + 70_000);
      expect(set).toEqual([T + 70_000]);
      platform.armedFor = null;
      await alarm.repair(T);
      expect(set).toEqual([T + 70_000, T + 70_000]);
      await alarm.repair(T + 70_001);
      expect(set.slice(2)).toEqual([T + 70_001 + ALARM_LEASE_MS]);
    }));

  it('does not ring at once for work that waits for room: whoever makes room starts it', () =>
    onDue(async (due) => {
      const { alarm, set } = recorded(due);
      for (let i = 0; i < 50; i++) due.plan(`${i}`, 'deliver', T - i);
      claim(due);
      await alarm.rest(T);
      expect(set).toEqual([T + ALARM_LEASE_MS]);
    }));
});
