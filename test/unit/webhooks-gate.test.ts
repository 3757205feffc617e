import { describe, expect, it } from 'vitest';
import { Gate, SLOW_GAP_MS, TURN_LASTS_MS, type Verdict } from '../../src/worker/webhooks/gate.ts';
import type { Health } from '../../src/worker/webhooks/health.ts';

const T = 1_800_000_000_000;
const ENDPOINT = { id: 'ep_1', enabled: true, epoch: 1, rateLimit: null };
const SLOW: Health = { epoch: 1, failingSince: T, slowUntil: T + 5_000, slowStep: 1, mark: null };

/** The verdicts on deliveries a, b, c, …, all at one moment. */
function judgeAll(
  gate: Gate,
  count: number,
  more: { rateLimit?: number; health?: Health | null; now?: number } = {},
): Verdict[] {
  const { rateLimit = null, health = null, now = T } = more;
  return Array.from({ length: count }, (_, n) =>
    gate.judge({ deliveryId: `d${n}`, endpoint: { ...ENDPOINT, rateLimit }, health, now }),
  );
}

const waits = (verdicts: readonly Verdict[]) =>
  verdicts.map((verdict) => (verdict.kind === 'wait' ? verdict.until - T : verdict.kind));

/**
 * Tries each delivery when it is due, and every try is a success at once.
 * @param due when each is due; emptied.
 * @param rateLimit of the endpoint, at a time.
 * @returns when something was sent, in order.
 */
function deliver(gate: Gate, due: Map<string, number>, rateLimit: (now: number) => number | null): number[] {
  const sent: number[] = [];
  for (let now = T; due.size > 0; now += 10) {
    const endpoint = { ...ENDPOINT, rateLimit: rateLimit(now) };
    for (const [deliveryId, at] of due) {
      if (at > now) continue;
      const verdict = gate.judge({ deliveryId, endpoint, health: null, now });
      if (verdict.kind === 'wait') {
        due.set(deliveryId, verdict.until);
        continue;
      }
      sent.push(now);
      due.delete(deliveryId);
      for (const { deliveryId: next, at: sooner } of gate.goOn(endpoint, now)) due.set(next, sooner);
    }
  }
  return sent;
}

describe('the gate', () => {
  it('lets everything through to an endpoint that is well and has no limit', () => {
    expect(waits(judgeAll(new Gate(), 5))).toEqual(Array(5).fill('send'));
  });

  it('gives out turns at the rate of the endpoint, and lets each through at its turn', () => {
    const gate = new Gate();
    expect(waits(judgeAll(gate, 4, { rateLimit: 3 }))).toEqual(['send', 334, 667, 1_000]);
    for (const [n, at] of [334, 667, 1_000].entries()) {
      const arrival = { deliveryId: `d${n + 1}`, endpoint: { ...ENDPOINT, rateLimit: 3 }, health: null };
      expect(gate.judge({ ...arrival, now: T + at })).toEqual({ kind: 'send' });
    }
  });

  it('does not let two through for one turn, and none that missed its turn', () => {
    const gate = new Gate();
    expect(waits(judgeAll(gate, 3, { rateLimit: 1 }))).toEqual(['send', 1_000, 2_000]);
    const later = { rateLimit: 1, now: T + 2_000 + TURN_LASTS_MS + 1 };
    expect(waits(judgeAll(gate, 3, later))).toEqual(['send', 4_001, 5_001]);
  });

  it.each([
    ['turns for all', new Gate()],
    ['five turns for sixty', new Gate(5)],
    ['no turns at all', new Gate(0)],
  ])('keeps the limit over any time, however deliveries come, and wastes none of it: %s', (_, gate) => {
    const due = new Map(Array.from({ length: 60 }, (_, n) => [`d${n}`, T + (n % 7) * 130]));
    const sent = deliver(gate, due, () => 10);
    for (const [n, at] of sent.entries()) {
      if (n >= 10) expect(at - (sent[n - 10] ?? 0)).toBeGreaterThanOrEqual(1_000 - 10);
    }
    expect((sent.at(-1) ?? 0) - T).toBeLessThanOrEqual(6_000);
  });

  it.each([
    ['raised', 20, 9_000],
    ['raised to what is no whole number of ms', 30, 7_300],
    ['taken away', null, 4_100],
  ])('hurries those that wait when the limit is %s', (_, raised, mostMs) => {
    const due = new Map(Array.from({ length: 100 }, (__, n) => [`d${n}`, T]));
    const sent = deliver(new Gate(), due, (now) => (now < T + 4_000 ? 1 : raised));
    expect(sent).toHaveLength(100);
    const fast = sent.slice(4);
    for (const [n, at] of fast.entries()) {
      if (raised !== null && n >= raised) expect(at - (fast[n - raised] ?? 0)).toBeGreaterThanOrEqual(990);
    }
    expect((sent.at(-1) ?? 0) - T).toBeLessThanOrEqual(mostMs);
  });

  it('keeps a limit that was lowered, also for those that have their turns', () => {
    const due = new Map(Array.from({ length: 20 }, (_, n) => [`d${n}`, T]));
    const sent = deliver(new Gate(), due, (now) => (now < T + 50 ? 100 : 1));
    for (const [n, at] of sent.slice(6).entries())
      expect(at - (sent[n + 5] ?? 0)).toBeGreaterThanOrEqual(990);
    expect((sent.at(-1) ?? 0) - T).toBeLessThanOrEqual(16_000);
  });

  it('plans few anew whose receiver is slower than its limit, and sends in the order of turns', () => {
    const gate = new Gate();
    const due = new Map(Array.from({ length: 500 }, (_, n) => [`d${n}`, T]));
    const sent: string[] = [];
    let judged = 0;
    // Two tries at once, of 200 ms each; the next one is always that which is due longest.
    const busy = [0, 0];
    for (let now = T; due.size > 0; now += 10) {
      for (const [slot, until] of busy.entries()) {
        for (let isFree = until <= now; isFree; judged++) {
          const [next] = [...due].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
          if (!next) break;
          const [deliveryId] = next;
          const endpoint = { ...ENDPOINT, rateLimit: 50 };
          const verdict = gate.judge({ deliveryId, endpoint, health: null, now });
          if (verdict.kind === 'wait') due.set(deliveryId, verdict.until);
          else {
            due.delete(deliveryId);
            sent.push(deliveryId);
            busy[slot] = now + 200;
            isFree = false;
          }
        }
      }
    }
    expect(judged).toBeLessThanOrEqual(2 * 500);
    expect(sent).toEqual(Array.from({ length: 500 }, (_, n) => `d${n}`));
  });

  it('sends nothing to a slowed endpoint until its pause is over, and then one after the other', () => {
    const gate = new Gate();
    expect(waits(judgeAll(gate, 3, { health: SLOW }))).toEqual([
      5_000,
      5_000 + SLOW_GAP_MS,
      5_000 + 2 * SLOW_GAP_MS,
    ]);
    // Slow again at the first: the second's turn has come too early.
    const again = { ...SLOW, slowUntil: T + 15_000, slowStep: 2 };
    const arrival = { deliveryId: 'd1', endpoint: ENDPOINT, health: again };
    expect(waits([gate.judge({ ...arrival, now: T + 5_250 })])).toEqual([15_000]);
    expect(gate.judge({ ...arrival, now: T + 15_000 })).toEqual({ kind: 'send' });
  });

  it('plans no more than a hundred anew in each pause, however many wait', () => {
    const gate = new Gate();
    let health: Health = { ...SLOW, slowUntil: T + 600_000, slowStep: 20 };
    const turns = new Map(
      judgeAll(gate, 500, { health }).map((verdict, n) => [
        `d${n}`,
        verdict.kind === 'wait' ? verdict.until : 0,
      ]),
    );
    health = { ...health, slowUntil: T + 1_200_000 };
    const again = [...turns].filter(([, at]) => at < T + 1_200_000);
    expect(again.length).toBeLessThanOrEqual(100);
    for (const [deliveryId, now] of again) {
      expect(gate.judge({ deliveryId, endpoint: ENDPOINT, health, now }).kind).toBe('wait');
    }
  });

  it('brings forward what waited when the endpoint keeps up again', () => {
    const gate = new Gate();
    judgeAll(gate, 3, { health: { ...SLOW, slowUntil: T + 600_000, slowStep: 20 } });
    expect(gate.recover({ id: 'ep_2', rateLimit: null }, T)).toEqual([]);
    expect(gate.recover(ENDPOINT, T + 7)).toEqual([
      { deliveryId: 'd0', at: T + 7 + SLOW_GAP_MS },
      { deliveryId: 'd1', at: T + 7 + 2 * SLOW_GAP_MS },
      { deliveryId: 'd2', at: T + 7 + 3 * SLOW_GAP_MS },
    ]);
    expect(gate.recover(ENDPOINT, T + 7)).toEqual([]);
    expect(waits(judgeAll(gate, 3, { now: T + 500 }))).toEqual(['send', 'send', 'send']);
  });

  it('brings more forward than it may at once by and by, as the endpoint takes them', () => {
    const gate = new Gate();
    const many = 2_500;
    judgeAll(gate, many, { health: { ...SLOW, slowUntil: T + 600_000, slowStep: 20 } });
    const forward = gate.recover(ENDPOINT, T);
    const last = forward.at(-1)?.at ?? 0;
    expect(forward.length).toBeLessThan(many);
    // It takes them, and nobody is brought forward beside those that were.
    expect(gate.goOn(ENDPOINT, last - 1)).toEqual([]);
    for (let now = last; forward.length < many; now = forward.at(-1)?.at ?? 0) {
      const more = gate.goOn(ENDPOINT, now);
      expect(more.length).toBeGreaterThan(0);
      expect(gate.goOn(ENDPOINT, now)).toEqual([]);
      forward.push(...more);
    }
    expect(forward.map(({ deliveryId }) => deliveryId)).toEqual(
      Array.from({ length: many }, (_, n) => `d${n}`),
    );
    expect(gate.goOn(ENDPOINT, (forward.at(-1)?.at ?? 0) + 1)).toEqual([]);
  });

  it('holds what is for a disabled endpoint, and ends what is for a deleted one', () => {
    const gate = new Gate();
    const disabled = { ...ENDPOINT, enabled: false };
    expect(gate.judge({ deliveryId: 'd', endpoint: disabled, health: SLOW, now: T }).kind).toBe('hold');
    const gone: Health = { ...SLOW, mark: { reason: 'gone', since: T, reported: false } };
    expect(gate.judge({ deliveryId: 'd', endpoint: ENDPOINT, health: gone, now: T }).kind).toBe('hold');
    expect(gate.judge({ deliveryId: 'd', endpoint: null, health: SLOW, now: T }).kind).toBe('deleted');
  });

  it('knows nothing of a slow time before the endpoint was enabled', () => {
    const endpoint = { ...ENDPOINT, epoch: 2 };
    expect(new Gate().judge({ deliveryId: 'd', endpoint, health: SLOW, now: T }).kind).toBe('send');
  });
});
