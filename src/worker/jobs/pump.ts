/**
 * The pump does what is due, few at a time. Any event may kick it: a submit, a callback, the alarm, cron. It keeps at
 * most five requests under way, and no kind of work and no host can take all five (invariant 8).
 */

import type { Claim, DueTable } from './due.ts';
import type { Lanes } from './lanes.ts';
import {
  backoff,
  claimMs,
  DUE_KINDS,
  type DueKind,
  isUpstream,
  MAX_OF_KIND,
  MAX_RUNNING,
  MAX_UPSTREAM,
} from './schedule.ts';

/** Does one piece of work and writes its outcome. A throw is a bug or a broken platform: the work is planned again. */
export type Work = (claim: Claim) => Promise<void>;

export interface PumpDeps {
  readonly due: DueTable;
  /** What is known of the hosts that deliveries go to. */
  readonly lanes: Lanes;
  readonly work: Work;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

export class Pump {
  readonly #deps: PumpDeps;
  readonly #running = new Set<Claim>();
  /** Throws in a row, by key: they space the tries out. */
  readonly #throws = new Map<string, number>();
  /** Kinds of work, the one that was started longest ago first: what frees room must not always go to the same ones. */
  #turns: readonly DueKind[] = DUE_KINDS;
  #idle: PromiseWithResolvers<void> | null = null;
  #done = 0;

  constructor(deps: PumpDeps) {
    this.#deps = deps;
  }

  /** Pieces of work done since the start of this process. */
  get done(): number {
    return this.#done;
  }

  /** Starts what is due and has room. `kinds` narrows the look to what the caller has just planned. */
  kick(kinds: readonly DueKind[] = DUE_KINDS): void {
    let found = true;
    // One of each kind in turn, so that a crowd of one kind does not push the others back.
    while (found && this.#running.size < MAX_RUNNING) {
      found = false;
      for (const kind of this.#turns.filter((turn) => kinds.includes(turn))) {
        const claim = this.#claim(kind);
        if (!claim) continue;
        found = true;
        this.#turns = [...this.#turns.filter((turn) => turn !== kind), kind];
        this.#start(claim);
      }
    }
    if (this.#running.size === 0) this.#rest();
  }

  /** Resolves when nothing is under way and nothing more is due. */
  async idle(): Promise<void> {
    this.kick();
    if (this.#running.size === 0) return;
    // One promise for all who ask: a shard that is never idle is asked every minute.
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #claim(kind: DueKind): Claim | null {
    if (!this.#hasRoom(kind)) return null;
    const { due, lanes } = this.#deps;
    const now = this.#deps.now();
    const until = now + claimMs(kind);
    if (kind !== 'deliver') return due.claim(kind, now, until);
    for (const filter of lanes.choose([...this.#running].map(({ lane }) => lane))) {
      const claim = due.claim(kind, now, until, filter);
      if (claim) return claim;
    }
    return null;
  }

  #hasRoom(kind: DueKind): boolean {
    if (this.#running.size >= MAX_RUNNING) return false;
    let ofKind = 0;
    let upstream = 0;
    for (const claim of this.#running) {
      if (claim.kind === kind) ofKind++;
      if (isUpstream(claim.kind)) upstream++;
    }
    return ofKind < MAX_OF_KIND[kind] && !(isUpstream(kind) && upstream >= MAX_UPSTREAM);
  }

  #start(claim: Claim): void {
    this.#running.add(claim);
    void this.#run(claim).finally(() => {
      this.#running.delete(claim);
      this.#done++;
      this.kick();
    });
  }

  async #run(claim: Claim): Promise<void> {
    try {
      await this.#deps.work(claim);
      this.#throws.delete(claim.key);
    } catch (cause) {
      const attempts = (this.#throws.get(claim.key) ?? 0) + 1;
      this.#throws.set(claim.key, attempts);
      const { due, now, random, log } = this.#deps;
      const delay = backoff({ attempts, random: random() });
      log({
        event: 'work_threw',
        kind: claim.kind,
        key: claim.key,
        attempts,
        retry_in_ms: delay,
        cause: String(cause),
      });
      if (due.holds(claim)) due.plan(claim.key, claim.kind, now() + delay, claim.lane);
      else this.#throws.delete(claim.key);
    }
  }

  #rest(): void {
    this.#idle?.resolve();
    this.#idle = null;
  }
}
