import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AccountForShard, LeaseOutcome } from '../../src/worker/accounts/contract.ts';
import type { Env } from '../../src/worker/env.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import { Admission } from '../../src/worker/jobs/admission.ts';
import type { SubmitCommand } from '../../src/worker/jobs/contract.ts';
import { JobStore } from '../../src/worker/jobs/store.ts';
import { Outbox } from '../../src/worker/webhooks/shard/outbox.ts';

const MINUTE_MS = 60_000;

const submitOf = (jobId: string, credits: number): SubmitCommand => ({
  jobId,
  keyHash: 'unused',
  credits,
  cost: credits * 10_000,
  request: {
    model: 'ltx-2.3-image-to-video',
    input: { prompt: 'waves' },
    images: { start: { kind: 'url', url: 'https://images.example.com/a.jpg' } },
    usualMs: 30_000,
  },
});

/** An admission in a database of its own, whose account answers when the test says so. Timers are the test's. */
async function withAdmission(
  lease: () => Promise<LeaseOutcome>,
  check: (admission: Admission, store: JobStore) => Promise<void>,
): Promise<void> {
  const { SHARDS } = env as unknown as Env;
  const stub = SHARDS.get(SHARDS.idFromName(`${mintAccountId('weur')}/weur/0`));
  await runInDurableObject(stub, async (_, state) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const store = new JobStore(state.storage);
    store.open();
    const admission = new Admission({
      store,
      outbox: new Outbox({
        deliveries: store.deliveries,
        due: store.due,
        endpoints: () => [],
        isDisabled: () => false,
      }),
      shard: state.id.name ?? '',
      account: () => ({ lease }) as unknown as AccountForShard,
      now: () => Date.now(),
      retentionMs: 86_400_000,
      onWork: () => undefined,
      log: () => undefined,
    });
    await check(admission, store);
  });
}

const leased = (credits: number): LeaseOutcome => ({
  kind: 'leased',
  leased: credits,
  returnedSeen: 0,
  exhausted: false,
  available: 0,
});

describe('a submit that waits for credit', () => {
  it('is told after a minute that nobody could say, and is not taken in when the credit comes later', () => {
    // Slow, and each time without a word that would settle it: five such leases take longer than anybody waits.
    const slow = () =>
      new Promise<LeaseOutcome>((resolve) => {
        setTimeout(() => resolve(leased(0)), 25_000);
      });
    return withAdmission(slow, async (admission, store) => {
      let told = 'waiting';
      const outcome = admission.submit(submitOf('job_late', 29)).then((answer) => {
        told = answer.kind;
        return answer;
      });
      await vi.advanceTimersByTimeAsync(MINUTE_MS - 1);
      expect(told).toBe('waiting');
      await vi.advanceTimersByTimeAsync(1);
      expect(await outcome).toMatchObject({ kind: 'unavailable', part: 'credits' });
      admission.grant(100, () => undefined);
      expect(store.job('job_late')).toBeNull();
      expect(store.book().book.held).toBe(0);
    });
  });

  it('leaves no timer behind once it was admitted', () => {
    const answer = Promise.withResolvers<LeaseOutcome>();
    return withAdmission(
      () => answer.promise,
      async (admission, store) => {
        const both = ['job_first', 'job_second'].map((id) => admission.submit(submitOf(id, 29)));
        answer.resolve(leased(58));
        expect((await Promise.all(both)).map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
        expect(store.book().book.held).toBe(58);
        expect(vi.getTimerCount()).toBe(0);
      },
    );
  });
});
