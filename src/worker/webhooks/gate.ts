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

/** An endpoint that has just taken an event. */
type Taker = Pick<ReplicaEndpoint, 'id' | 'rateLimit'>;

/** The time at which a delivery may be tried. */
interface Turn {
  readonly endpointId: string;
  readonly at: number;
  /** How far apart the endpoint's limit kept tries when it was given out, in ms. */
  readonly limit: number;
}

/** Turns that are brought forward by and by. */
interface Behind {
  /** When the last that was brought forward is due, in ms. */
  readonly last: number;
  readonly gap: number;
}

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
  /** Endpoints that keep up again, or may get more, and have more waiting for them than was brought forward. */
  readonly #behind = new Map<string, Behind>();
  /** The lowest limit that turns were given out under, as the time between two of them in ms, by endpoint. */
  readonly #limits = new Map<string, number>();
  readonly #maxTurns: number;
  /** Turns given out, by delivery. */
  readonly #turns = new Map<string, Turn>();

  /** @param maxTurns turns that it gives out at once. */
  constructor(maxTurns = MAX_TURNS) {
    this.#maxTurns = maxTurns;
  }

  /** Whether a delivery may be tried now. One that is to wait is given a turn of its own, and waits once for it. */
  judge({ deliveryId, endpoint, health, now }: Arrival): Verdict {
    const turn = this.#turns.get(deliveryId);
    this.#turns.delete(deliveryId);
    if (!endpoint) return { kind: 'deleted' };
    if (isDisabled(endpoint, health)) return { kind: 'hold' };
    const { slowUntil = 0, slowStep = 0 } = current(health, endpoint) ?? {};
    const limit = gapOf(endpoint.rateLimit);
    const gap = Math.max(
      limit,
      slowStep > 0 ? Math.max(SLOW_GAP_MS, GAP_SHARE * slowDown(slowStep - 1, 0.5)) : 0,
    );
    const open = Math.max(now, slowUntil);
    if (gap === 0) return { kind: 'send' };
    const isTurn = turn !== undefined && now >= turn.at && open <= now;
    // A turn under a limit that has been lowered since is worth no more than one that was missed.
    const isKept = isTurn && now - turn.at <= TURN_LASTS_MS && turn.limit >= limit;
    if (isKept || (isTurn && this.#freeAt(endpoint.id, gap) <= now)) {
      return this.#letThrough(endpoint.id, gap, now);
    }
    const exact = Math.max(open, this.#next.get(endpoint.id) ?? 0, this.#freeAt(endpoint.id, gap));
    const at = Math.ceil(exact);
    if (at <= now) return this.#letThrough(endpoint.id, gap, now);
    if (this.#turns.size < this.#maxTurns) {
      this.#next.set(endpoint.id, exact + gap);
      this.#turns.set(deliveryId, { endpointId: endpoint.id, at, limit });
      this.#limits.set(endpoint.id, Math.max(limit, this.#limits.get(endpoint.id) ?? 0));
    }
    return { kind: 'wait', until: at };
  }

  /**
   * The endpoint keeps up again: the turns of those that wait for it are void.
   * @returns whom to bring forward, and to when in ms, in the order of their turns.
   */
  recover(endpoint: Taker, now: number): Forward[] {
    return this.#bringForward(endpoint, Math.max(SLOW_GAP_MS, gapOf(endpoint.rateLimit)), now);
  }

  /**
   * The endpoint has taken one more: who comes after those that were brought forward, when it is their time; and all that
   * wait, when they were given their turns under a limit that has been raised since.
   */
  goOn(endpoint: Taker, now: number): Forward[] {
    const limit = gapOf(endpoint.rateLimit);
    if (limit < (this.#limits.get(endpoint.id) ?? 0)) return this.#bringForward(endpoint, limit, now);
    const behind = this.#behind.get(endpoint.id);
    return !behind || now < behind.last ? [] : this.#bringForward(endpoint, behind.gap, now);
  }

  #bringForward({ id, rateLimit }: Taker, gap: number, now: number): Forward[] {
    // Its limit holds, counted from the try that has just ended.
    this.#next.set(id, now + gapOf(rateLimit));
    this.#limits.delete(id);
    const waiting = [...this.#turns]
      .filter(([, turn]) => turn.endpointId === id && turn.at > now)
      .sort(([, a], [, b]) => a.at - b.at);
    const forward = waiting.slice(0, MAX_FORWARD).map(([deliveryId], n) => {
      this.#turns.delete(deliveryId);
      return { deliveryId, at: Math.ceil(now + (n + 1) * gap) };
    });
    const last = forward.at(-1)?.at;
    if (last !== undefined && forward.length < waiting.length) this.#behind.set(id, { last, gap });
    else this.#behind.delete(id);
    return forward;
  }

  /** Forgets what was given out to endpoints that are no more. */
  keep(endpointIds: ReadonlySet<string>): void {
    for (const known of [this.#next, this.#sent, this.#behind, this.#limits]) {
      for (const id of known.keys()) if (!endpointIds.has(id)) known.delete(id);
    }
  }

  /** When nothing has been let through to the endpoint for as long as two must be apart, in ms. */
  #freeAt(endpointId: string, gap: number): number {
    return (this.#sent.get(endpointId) ?? Number.NEGATIVE_INFINITY) + gap;
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
