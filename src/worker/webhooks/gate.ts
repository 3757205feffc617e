/**
 * What stands before a try: whether its endpoint takes events now, and when it is its turn. Pure but for the turns that
 * have been given out, which live as long as the shard is in memory.
 */

import type { ReplicaEndpoint } from '../accounts/endpoints/contract.ts';
import { current, type Health, isDisabled } from './health.ts';

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
 * Tries to an endpoint that was slow are this far apart, in ms, until one has succeeded: what has piled up does not fall
 * upon it at once when its pause ends.
 */
export const SLOW_GAP_MS = 250;
/** A turn is missed when its delivery comes later than this, in ms: others may have had the time since. */
export const TURN_LASTS_MS = 1_000;

const SECOND_MS = 1_000;

export class Gate {
  /** When the next turn of an endpoint begins, in ms. */
  readonly #next = new Map<string, number>();
  /** Turns given out, by delivery. */
  readonly #turns = new Map<string, number>();

  /** Whether a delivery may be tried now. One that is to wait is given a turn of its own, and waits once for it. */
  judge({ deliveryId, endpoint, health, now }: Arrival): Verdict {
    const turn = this.#turns.get(deliveryId) ?? null;
    this.#turns.delete(deliveryId);
    if (!endpoint) return { kind: 'deleted' };
    if (isDisabled(endpoint, health)) return { kind: 'hold' };
    const { slowUntil = 0, slowStep = 0 } = current(health, endpoint) ?? {};
    const gap = Math.max(
      endpoint.rateLimit === null ? 0 : SECOND_MS / endpoint.rateLimit,
      slowStep > 0 ? SLOW_GAP_MS : 0,
    );
    const open = Math.max(now, slowUntil);
    if (gap === 0) return { kind: 'send' };
    if (open <= now && turn !== null && now >= turn && now - turn <= TURN_LASTS_MS) return { kind: 'send' };
    const exact = Math.max(open, this.#next.get(endpoint.id) ?? 0);
    this.#next.set(endpoint.id, exact + gap);
    const at = Math.ceil(exact);
    if (at <= now) return { kind: 'send' };
    this.#turns.set(deliveryId, at);
    return { kind: 'wait', until: at };
  }

  /** Forgets what was given out to endpoints that are no more. */
  keep(endpointIds: ReadonlySet<string>): void {
    for (const id of this.#next.keys()) if (!endpointIds.has(id)) this.#next.delete(id);
  }
}
