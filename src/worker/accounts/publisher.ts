/**
 * Brings revocations and changes of webhooks to all shards of an account (invariant 14). What must be heard is durable first, as rows of
 * due work; then it is pushed, and what does not get through is pushed again by the account's alarm until it does.
 */

import { fewAtOnce } from '../calls.ts';
import type { Replica } from './contract.ts';
import { PUSH_LEASE_MS, pushDelay } from './schedule.ts';
import type { DuePush, ShardRows } from './shard-rows.ts';

/** What there is to push to a shard. */
export interface Publication {
  readonly replica: Replica;
  /** The version that the shard must have for its push to be done. */
  readonly wantedVersion: number;
  /** The secrets of the ring that the replica's ciphertexts were made with: ids with commas between. */
  readonly rings: string;
}

export interface PublisherDeps {
  readonly storage: DurableObjectStorage;
  readonly rows: ShardRows;
  /** What there is to push to a shard, as of now; null when there is no account. */
  readonly publication: (shard: string) => Publication | null;
  /** The version that the shard has then; null when it cannot be reached. */
  readonly push: (shard: string, replica: Replica) => Promise<number | null>;
  /** A shard has a replica of this version. */
  readonly acknowledged: (shard: string, version: number) => void;
  /** When else the object is to wake up, in ms: it has one alarm. */
  readonly alsoAt: () => number | null;
}

export class Publisher {
  readonly #deps: PublisherDeps;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /**
   * Pushes to all shards that have still to hear, at once.
   * @returns the shards that could not be reached, by name. They stay due.
   */
  async pushAll(): Promise<string[]> {
    const { rows } = this.#deps;
    await this.#push(rows.claimPushes(Date.now() + PUSH_LEASE_MS));
    return rows.unpushed();
  }

  /** The alarm's run: pushes what is due by `now` (ms). */
  async pushDue(now: number): Promise<void> {
    await this.#push(this.#deps.rows.claimPushes(now + PUSH_LEASE_MS, now));
  }

  async #push(claimed: readonly DuePush[]): Promise<void> {
    // Arm first, for the end of the claims: whatever happens meanwhile, the work is taken up again.
    await this.arm();
    await fewAtOnce(claimed, (push) => this.#pushOne(push));
    if (claimed.length > 0) await this.arm();
  }

  async #pushOne({ shard, failures }: DuePush): Promise<void> {
    const { rows, publication, push, acknowledged } = this.#deps;
    const sent = publication(shard);
    if (!sent) return;
    const version = await push(shard, sent.replica);
    if (version === null) {
      rows.pushFailed(shard, failures + 1, Date.now() + pushDelay(failures + 1));
      return;
    }
    acknowledged(shard, version);
    // Another change may have come meanwhile: only a shard that has it too is done, and has the ciphertexts of now.
    const present = publication(shard);
    if (present && version >= present.wantedVersion) rows.pushed(shard, present.rings);
  }

  /** Sets the alarm for the next push or whatever else comes first, or none. */
  async arm(): Promise<void> {
    const { storage, rows, alsoAt } = this.#deps;
    const next = Math.min(rows.nextPushAt() ?? Infinity, alsoAt() ?? Infinity);
    if (next === Infinity) await storage.deleteAlarm();
    else await storage.setAlarm(Math.max(next, Date.now() + 1));
  }
}
