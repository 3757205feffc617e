/** An account's calls to its shards (invariant 16): bounded, with a fresh stub for each try, failures as null. */

import { callTwice } from '../calls.ts';
import type { Env } from '../env.ts';
import { parseShardName } from '../ids.ts';
import { shardStub } from '../objects.ts';
import type { Replica, ShardBalance, ShardForAccount } from './contract.ts';
import type { ShardTotals } from './float.ts';

/** Longest wait for a shard's answer, in ms: a cold start on the other side of the world, with room. */
const CALL_MS = 5_000;

export class ShardCalls {
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  /** All unheld float of a shard comes back; its totals say how much. Null when it cannot be reached. */
  recall(shard: string, leased: number): Promise<ShardTotals | null> {
    return this.#call('recall', shard, (stub) => stub.recall({ leased }));
  }

  /** A shard's part of the balance. Null when it cannot be reached. */
  balance(shard: string, leased: number): Promise<ShardBalance | null> {
    return this.#call('balance', shard, (stub) => stub.balance({ leased }));
  }

  /** Pushes a replica; the version that the shard has then. Null when it cannot be reached. */
  async applyReplica(shard: string, replica: Replica): Promise<number | null> {
    const answer = await this.#call('apply_replica', shard, (stub) => stub.applyReplica(replica));
    return answer?.version ?? null;
  }

  /** When a shard last delivered to an endpoint. Null when it cannot be reached. */
  endpointHealth(shard: string, endpointId: string): Promise<{ readonly deliveredAt: number | null } | null> {
    return this.#call('endpoint_health', shard, (stub) => stub.endpointHealth(endpointId));
  }

  async #call<T>(
    what: string,
    shard: string,
    call: (stub: ShardForAccount) => Promise<T>,
  ): Promise<T | null> {
    const place = parseShardName(shard);
    if (!place) throw new TypeError('not a shard name');
    try {
      return await callTwice(CALL_MS, () => call(shardStub(this.#env, place)));
    } catch (error) {
      console.warn({
        event: 'shard_unreachable',
        call: what,
        account: place.account,
        shard,
        cause: String(error),
      });
      return null;
    }
  }
}
