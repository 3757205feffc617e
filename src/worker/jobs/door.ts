/** Who may come in: keys are checked here, and the shard is listed before a call opens work. */

import { callTwice } from '../calls.ts';
import type { Refusal } from './contract.ts';
import type { Listing } from './listing.ts';
import type { KeyReplica } from './replica.ts';
import type { JobStore } from './store.ts';

/** What keeps a call out that names no key. */
export type Unavailable = Exclude<Refusal, { kind: 'unauthorized' }>;

export interface DoorDeps {
  readonly store: JobStore;
  readonly replica: KeyReplica;
  readonly listing: Listing;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** Bound of a call that learns a key or marks the directory. */
const CALL_MS = 10_000;
/** Seconds after which a call that met an unreachable object is worth repeating. */
const RETRY_AFTER_S = 2;

export class Door {
  readonly #deps: DoorDeps;
  #entering = 0;

  constructor(deps: DoorDeps) {
    this.#deps = deps;
  }

  /** Whether calls are on their way to a commit that opens work: as good as open. */
  get busy(): boolean {
    return this.#entering > 0;
  }

  /** Key, then listing, then `admit`: no work is opened by a shard that the sweep would not find. */
  async enter<T>(keyHash: string, admit: () => T | Promise<T>): Promise<T | Refusal> {
    return this.#during(async () => (await this.refuse(keyHash)) ?? (await this.#list()) ?? (await admit()));
  }

  /** Listing, then `admit`, for a call that has shown otherwise that it may. */
  async enterListed<T>(admit: () => T | Promise<T>): Promise<T | Unavailable> {
    return this.#during(async () => (await this.#list()) ?? (await admit()));
  }

  /** Why a key is not let in; null when it is valid. */
  async refuse(keyHash: string): Promise<Refusal | null> {
    const { replica, store, log } = this.#deps;
    const known = replica.knows(keyHash);
    if (known !== undefined) return known ? null : { kind: 'unauthorized' };
    try {
      store.open();
      return (await callTwice(CALL_MS, () => replica.isValid(keyHash))) ? null : { kind: 'unauthorized' };
    } catch (cause) {
      log({ event: 'learn_failed', cause: String(cause) });
      return { kind: 'unavailable', part: 'credits', retryAfter: RETRY_AFTER_S };
    }
  }

  /** Whether a key is known here to be revoked. Asks nobody. */
  knowsRevoked(keyHash: string): boolean {
    return this.#deps.replica.knows(keyHash) === false;
  }

  async #during<T>(call: () => Promise<T>): Promise<T> {
    this.#entering++;
    try {
      return await call();
    } finally {
      this.#entering--;
    }
  }

  /** Puts the shard on its directory's list, unless it is there. */
  async #list(): Promise<Unavailable | null> {
    const { listing, store, now, log } = this.#deps;
    if (listing.listed) {
      listing.touch(now());
      return null;
    }
    try {
      store.open();
      await callTwice(CALL_MS, () => listing.ensure(now()));
      return null;
    } catch (cause) {
      log({ event: 'mark_failed', cause: String(cause) });
      return { kind: 'unavailable', part: 'directory', retryAfter: RETRY_AFTER_S };
    }
  }
}
