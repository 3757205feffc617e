/**
 * What stands before a try: whether its endpoint takes events now, and when it is its turn. Pure but for the turns that
 * have been given out, which live as long as the shard is in memory.
 */

import type { ReplicaEndpoint } from '../accounts/endpoints/contract.ts';
import { current, type Health, isDisabled } from './health.ts';
import { slowDown } from './schedule.ts';

export type Verdict =
  | { readonly kind: 'send' }
  /** Its turn comes then, in ms. */
  | { readonly kind: 'wait'; readonly until: number }
  /** The endpoint is disabled: the event is kept. */
  | { readonly kind: 'hold' }
  /** The endpoint is no more. */
  | { readonly kind: 'deleted' };

/** What the gate looks at. */
export interface Arrival {
  readonly deliveryId: string;
  /** Null: it was deleted. */
  readonly endpoint: Pick<ReplicaEndpoint, 'id' | 'enabled' | 'epoch' | 'rateLimit'> | null;
  readonly health: Health | null;
  readonly now: number;
}

/**
 * Tries to an endpoint that was slow are at least this far apart, in ms, until one has succeeded: what has piled up does
 * not fall upon it at once when its pause ends.
 */
export const SLOW_GAP_MS = 250;
/**
 * And this share of its pause, so that of very many events that wait no more than a hundred are planned anew in each further
 * pause. With the first success they are brought forward.
 */
const GAP_SHARE = 0.01;
/** Deliveries that are brought forward at once: each is a row written, in the transaction of the success. */
const MAX_FORWARD = 1_000;
/** A turn is missed when its delivery comes later than this, in ms: others may have had the time since. */
export const TURN_LASTS_MS = 1_000;

const SECOND_MS = 1_000;

export class Gate {
  /** When the next turn of an endpoint begins, in ms. */
  readonly #next = new Map<string, number>();
  /** Turns given out, by delivery. */
  readonly #turns = new Map<string, { readonly endpointId: string; readonly at: number }>();

  /** Whether a delivery may be tried now. One that is to wait is given a turn of its own, and waits once for it. */
  judge({ deliveryId, endpoint, health, now }: Arrival): Verdict {
    const turn = this.#turns.get(deliveryId)?.at ?? null;
    this.#turns.delete(deliveryId);
    if (!endpoint) return { kind: 'deleted' };
    if (isDisabled(endpoint, health)) return { kind: 'hold' };
    const { slowUntil = 0, slowStep = 0 } = current(health, endpoint) ?? {};
    const gap = Math.max(
      gapOf(endpoint.rateLimit),
      slowStep > 0 ? Math.max(SLOW_GAP_MS, GAP_SHARE * slowDown(slowStep - 1, 0.5)) : 0,
    );
    const open = Math.max(now, slowUntil);
    if (gap === 0) return { kind: 'send' };
    if (open <= now && turn !== null && now >= turn && now - turn <= TURN_LASTS_MS) return { kind: 'send' };
    const exact = Math.max(open, this.#next.get(endpoint.id) ?? 0);
    this.#next.set(endpoint.id, exact + gap);
    const at = Math.ceil(exact);
    if (at <= now) return { kind: 'send' };
    this.#turns.set(deliveryId, { endpointId: endpoint.id, at });
    return { kind: 'wait', until: at };
  }

  /**
   * The endpoint keeps up again: the turns of those that wait for it are void.
   * @returns whom to bring forward, and to when in ms, in the order of their turns.
   */
  recover(
    { id, rateLimit }: Pick<ReplicaEndpoint, 'id' | 'rateLimit'>,
    now: number,
  ): { readonly deliveryId: string; readonly at: number }[] {
    // Its limit holds, counted from the try that has just ended.
    this.#next.set(id, now + gapOf(rateLimit));
    const waiting = [...this.#turns]
      .filter(([, turn]) => turn.endpointId === id && turn.at > now)
      .sort(([, a], [, b]) => a.at - b.at)
      .slice(0, MAX_FORWARD);
    for (const [deliveryId] of waiting) this.#turns.delete(deliveryId);
    return waiting.map(([deliveryId], n) => ({ deliveryId, at: now + (n + 1) * SLOW_GAP_MS }));
  }

  /** Forgets what was given out to endpoints that are no more. */
  keep(endpointIds: ReadonlySet<string>): void {
    for (const id of this.#next.keys()) if (!endpointIds.has(id)) this.#next.delete(id);
  }
}

/** Between two tries to an endpoint that is well, in ms. */
function gapOf(rateLimit: number | null): number {
  return rateLimit === null ? 0 : SECOND_MS / rateLimit;
}
