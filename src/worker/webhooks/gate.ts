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

/** An endpoint that keeps up again. */
type Recovered = Pick<ReplicaEndpoint, 'id' | 'rateLimit'>;

/** A delivery that need not wait for its turn, and when it may be tried, in ms. */
export interface Forward {
  readonly deliveryId: string;
  readonly at: number;
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
/** Deliveries that are brought forward at once: each is a row written, in the transaction of a success. */
const MAX_FORWARD = 1_000;
/** A turn is missed when its delivery comes later than this, in ms, and somebody else has had the time since. */
export const TURN_LASTS_MS = 1_000;

/**
 * Turns that are given out at once, some 200 bytes each. Who comes when there are none left waits for the end of those that
 * have been given to its endpoint, and asks again.
 */
const MAX_TURNS = 50_000;

const SECOND_MS = 1_000;

export class Gate {
  /** When the next turn of an endpoint begins, in ms. */
  readonly #next = new Map<string, number>();
  /** When something was last let through to an endpoint whose turns are given out, in ms. */
  readonly #sent = new Map<string, number>();
  /** Endpoints that keep up again and have more waiting for them: when the last that was brought forward is due, in ms. */
  readonly #behind = new Map<string, number>();
  readonly #maxTurns: number;
  /** Turns given out, by delivery. */
  readonly #turns = new Map<string, { readonly endpointId: string; readonly at: number }>();

  /** @param maxTurns turns that it gives out at once. */
  constructor(maxTurns = MAX_TURNS) {
    this.#maxTurns = maxTurns;
  }

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
    const isTurn = turn !== null && now >= turn && open <= now;
    if (isTurn && (now - turn <= TURN_LASTS_MS || this.#isFree(endpoint.id, gap, now))) {
      return this.#letThrough(endpoint.id, gap, now);
    }
    const exact = Math.max(open, this.#next.get(endpoint.id) ?? 0);
    const at = Math.ceil(exact);
    if (at <= now) return this.#letThrough(endpoint.id, gap, now);
    if (this.#turns.size < this.#maxTurns) {
      this.#next.set(endpoint.id, exact + gap);
      this.#turns.set(deliveryId, { endpointId: endpoint.id, at });
    }
    return { kind: 'wait', until: at };
  }

  /**
   * The endpoint keeps up again: the turns of those that wait for it are void.
   * @returns whom to bring forward, and to when in ms, in the order of their turns.
   */
  recover({ id, rateLimit }: Recovered, now: number): Forward[] {
    const limit = gapOf(rateLimit);
    // Its limit holds, counted from the try that has just ended.
    this.#next.set(id, now + limit);
    const waiting = [...this.#turns]
      .filter(([, turn]) => turn.endpointId === id && turn.at > now)
      .sort(([, a], [, b]) => a.at - b.at);
    const forward = waiting.slice(0, MAX_FORWARD).map(([deliveryId], n) => {
      this.#turns.delete(deliveryId);
      return { deliveryId, at: now + (n + 1) * Math.max(SLOW_GAP_MS, limit) };
    });
    const last = forward.at(-1);
    if (last && forward.length < waiting.length) this.#behind.set(id, last.at);
    else this.#behind.delete(id);
    return forward;
  }

  /** The endpoint has taken one more: who comes after those that were brought forward, when it is their time. */
  goOn(endpoint: Recovered, now: number): Forward[] {
    const last = this.#behind.get(endpoint.id);
    return last === undefined || now < last ? [] : this.recover(endpoint, now);
  }

  /** Forgets what was given out to endpoints that are no more. */
  keep(endpointIds: ReadonlySet<string>): void {
    for (const times of [this.#next, this.#sent, this.#behind]) {
      for (const id of times.keys()) if (!endpointIds.has(id)) times.delete(id);
    }
  }

  /** Whether nothing was let through to the endpoint for as long as two must be apart. */
  #isFree(endpointId: string, gap: number, now: number): boolean {
    return now - (this.#sent.get(endpointId) ?? Number.NEGATIVE_INFINITY) >= gap;
  }

  #letThrough(endpointId: string, gap: number, now: number): Verdict {
    this.#sent.set(endpointId, now);
    this.#next.set(endpointId, Math.max(this.#next.get(endpointId) ?? 0, now + gap));
    return { kind: 'send' };
  }
}

/** Between two tries to an endpoint that is well, in ms. */
function gapOf(rateLimit: number | null): number {
  return rateLimit === null ? 0 : SECOND_MS / rateLimit;
}
