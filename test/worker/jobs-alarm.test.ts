import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { Alarm } from '../../src/worker/jobs/alarm.ts';
import type { DueTable } from '../../src/worker/jobs/due.ts';
import { ALARM_LEASE_MS } from '../../src/worker/jobs/schedule.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';
import { HOUR_MS, SECOND_MS } from './jobs-fixtures.ts';

/** How long after `now` the alarm rings that rests over what `plan` has planned; null when none does. */
function restsFor(plan: (due: DueTable, now: number) => void): Promise<number | null> {
  const { SHARDS } = env as unknown as Env;
  const stub = SHARDS.get(SHARDS.idFromName(`${mintAccountId('weur')}/weur/0`));
  return runInDurableObject(stub, async (_, state) => {
    const store = new JobStore(state.storage);
    store.open();
    // Ahead of the real time, so that no alarm rings while the test looks at it.
    const now = Date.now() + HOUR_MS;
    plan(store.due, now);
    await new Alarm(state.storage, store.due).rest(now);
    const at = await state.storage.getAlarm();
    await state.storage.deleteAlarm();
    return at === null ? null : at - now;
  });
}

it('an alarm rings for what is due next', async () => {
  expect(await restsFor((due, now) => due.plan('job', 'poll', now + 5 * SECOND_MS))).toBe(5 * SECOND_MS);
  expect(await restsFor(() => undefined)).toBeNull();
});

it('does not ring at once for what is due and waits for room', async () => {
  const waiting = (due: DueTable, now: number) => due.plan('event', 'deliver', now - SECOND_MS, 'hangs');
  expect(await restsFor(waiting)).toBe(ALARM_LEASE_MS);
});

it('rings in time for a job while events of a receiver that hangs wait for room', async () => {
  const rests = await restsFor((due, now) => {
    for (let n = 0; n < 20; n++) due.plan(`event ${n}`, 'deliver', now - SECOND_MS, 'hangs');
    due.claim('deliver', now, now + 35 * SECOND_MS);
    due.plan('event later', 'deliver', now + 20 * SECOND_MS, 'hangs');
    due.plan('job', 'poll', now + 5 * SECOND_MS);
  });
  expect(rests).toBe(5 * SECOND_MS);
});

it('rings when a claim runs out that its process may have died with', async () => {
  const rests = await restsFor((due, now) => {
    due.plan('event', 'deliver', now - SECOND_MS);
    due.claim('deliver', now, now + 10 * SECOND_MS);
  });
  expect(rests).toBe(10 * SECOND_MS);
});
