import { describe, expect, it } from 'vitest';
import { type Attempt, unanswered } from '../../src/worker/webhooks/attempt.ts';
import { RETRY_DELAYS_MS } from '../../src/worker/webhooks/schedule.ts';
import {
  afterTry,
  MAX_ANSWERS_LENGTH,
  MAX_ATTEMPTS,
  RESOLVER_PATIENCE_MS,
} from '../../src/worker/webhooks/shard/outcome.ts';
import type { StoredDelivery } from '../../src/worker/webhooks/shard/store.ts';

const T = 1_800_000_000_000;
const BODY = '1'.repeat(31);
const FAILED: Attempt = { ...unanswered('network', 12), statusCode: 500, error: null, response: 'no' };
const FRESH: StoredDelivery = {
  id: `dlv_${BODY}z${'2'.repeat(12)}`,
  type: 'job.completed',
  receiver: '2'.repeat(12),
  url: null,
  status: 'pending',
  reason: null,
  createdAt: T,
  tries: 0,
  manual: false,
  attempts: [],
};

const tryOf = (attempt: Attempt, delivery = FRESH, test = false) =>
  afterTry({ delivery, attempt, test, startedAt: T, now: T + 12, random: 0.5 });

describe('a delivery after a try', () => {
  it.each<[string, Attempt, string, string | null]>([
    ['that was taken', { ...FAILED, ok: true, statusCode: 204 }, 'delivered', null],
    ['answered by 410', { ...FAILED, gone: true }, 'failed', 'gone'],
    ['answered by abort-message', { ...FAILED, abort: true }, 'failed', 'aborted'],
    ['whose event cannot be made', unanswered('event'), 'failed', 'event'],
    ['answered by disable', { ...FAILED, disable: true }, 'held', null],
  ])('%s is at its end', (_, attempt, status, reason) => {
    expect(tryOf(attempt)).toMatchObject({ delivery: { status, reason, tries: 1 }, next: null });
  });

  it('that failed is tried on the schedule, and has failed after its last', () => {
    for (let tries = 0; tries < RETRY_DELAYS_MS.length - 1; tries++) {
      const { delivery, next } = tryOf(FAILED, { ...FRESH, tries });
      expect(delivery).toMatchObject({ status: 'pending', reason: null, tries: tries + 1 });
      expect(next).toBe(T + 12 + (RETRY_DELAYS_MS[tries + 1] ?? 0));
    }
    expect(tryOf(FAILED, { ...FRESH, tries: RETRY_DELAYS_MS.length - 1 })).toMatchObject({
      delivery: { status: 'failed', reason: 'exhausted' },
      next: null,
    });
  });

  it('of an example is at its end, whatever came of it', () => {
    expect(tryOf(FAILED, FRESH, true)).toMatchObject({ delivery: { status: 'failed' }, next: null });
    expect(tryOf(unanswered('resolver'), FRESH, true).next).toBeNull();
  });

  it('without a resolver is tried again soon, later each time, and has had no try', () => {
    let delivery = FRESH;
    const pauses: number[] = [];
    for (let n = 0; n < 9; n++) {
      const outcome = tryOf(unanswered('resolver'), delivery);
      delivery = outcome.delivery;
      pauses.push(((outcome.next ?? 0) - T - 12) / 1_000);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
    expect(delivery).toMatchObject({ status: 'pending', tries: 0 });
    expect(delivery.attempts).toHaveLength(9);
    // After another outcome it begins anew.
    const outcome = tryOf(unanswered('resolver'), tryOf(FAILED, delivery).delivery);
    expect((outcome.next ?? 0) - T - 12).toBe(5_000);
  });

  it('without a resolver has failed five days after the first try of its schedule, and keeps its log', () => {
    const first = { at: T, status_code: 500, duration_ms: 9, error: null, response: 'busy', manual: false };
    let delivery: StoredDelivery = { ...FRESH, tries: 1, attempts: [first] };
    let at = T + 5_000;
    let tries = 0;
    const again = () => {
      const outcome = afterTry({
        delivery,
        attempt: unanswered('resolver'),
        test: false,
        startedAt: at,
        now: at,
        random: 0.5,
      });
      delivery = outcome.delivery;
      tries++;
      return outcome.next;
    };
    for (let next = again(); next !== null; next = again()) at = next;
    expect(tries).toBeGreaterThan(1_000);
    expect(at - T).toBeGreaterThanOrEqual(RESOLVER_PATIENCE_MS);
    expect(at - T).toBeLessThan(RESOLVER_PATIENCE_MS + 300_000);
    expect(delivery).toMatchObject({ status: 'failed', reason: 'exhausted' });
    expect(delivery.attempts[0]).toEqual(first);
    expect(delivery.attempts.at(-1)?.at).toBe(at);
    // Asked for again, it has its time anew, though it waited long for its turn.
    delivery = { ...delivery, status: 'pending', reason: null, tries: 0, manual: true };
    at += 2 * RESOLVER_PATIENCE_MS;
    expect(again()).toBe(at + 5_000);
    for (let n = 0; n < 60; n++) expect(again()).not.toBeNull();
    expect(delivery.attempts.map(({ manual }) => manual)).toContain(true);
  });

  it('remembers the latest tries, each as it was, and that one was asked for', () => {
    const { delivery } = tryOf(FAILED, { ...FRESH, manual: true });
    expect(delivery.manual).toBe(false);
    expect(delivery.attempts).toEqual([
      { at: T, status_code: 500, duration_ms: 12, error: null, response: 'no', manual: true },
    ]);
    let many = FRESH;
    for (let n = 0; n < MAX_ATTEMPTS + 5; n++) {
      many = tryOf({ ...FAILED, response: `answer ${n}` }, { ...many, tries: 0 }).delivery;
    }
    expect(many.attempts).toHaveLength(MAX_ATTEMPTS);
    expect(many.attempts.at(-1)?.response).toBe(`answer ${MAX_ATTEMPTS + 4}`);
  });

  it('fits into its row, whatever its receiver answers: of the oldest tries the answers go', () => {
    let delivery = FRESH;
    const response = '\u0000'.repeat(16_384);
    for (let n = 0; n < MAX_ATTEMPTS; n++) {
      delivery = tryOf({ ...FAILED, response }, { ...delivery, tries: 0 }).delivery;
    }
    expect(new TextEncoder().encode(JSON.stringify(delivery.attempts)).length).toBeLessThan(1_500_000);
    expect(delivery.attempts).toHaveLength(MAX_ATTEMPTS);
    const kept = delivery.attempts.filter((attempt) => attempt.response === response).length;
    expect(kept).toBe(Math.floor(MAX_ANSWERS_LENGTH / response.length));
    expect(delivery.attempts.at(-1)?.response).toBe(response);
    expect(delivery.attempts[0]?.response).toBe('');
  });
});
