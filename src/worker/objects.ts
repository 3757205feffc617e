/** Stubs of our objects, each with the location hint that its name implies (only an object's first `get` counts). */

import type { Account } from './accounts/account.ts';
import type { Directory } from './directory/directory.ts';
import type { Env } from './env.ts';
import { directoryName, homeRegion, type ShardRef, shardName } from './ids.ts';
import type { JobShard } from './jobs/shard.ts';
import type { Region } from './region.ts';

/** The hints of newer data centres are in the documentation before they are in the types. */
function hint(region: Region): DurableObjectNamespaceGetDurableObjectOptions {
  return { locationHint: region };
}

/**
 * The methods of an object as they are called over RPC. The platform's own stub types lose unions of plain values, and
 * all that crosses between our objects is plain values.
 */
type Calls<T> = { [K in keyof T as T[K] extends (...args: never[]) => Promise<unknown> ? K : never]: T[K] };

/** A fresh stub of a shard. A stub that has thrown stays broken: make one per attempt. */
export function shardStub(env: Env, shard: ShardRef): Calls<JobShard> {
  return env.SHARDS.get(
    env.SHARDS.idFromName(shardName(shard)),
    hint(shard.region),
  ) as unknown as Calls<JobShard>;
}

/** A fresh stub of an account, placed in its home region. */
export function accountStub(env: Env, account: string): Calls<Account> {
  const region = homeRegion(account);
  return env.ACCOUNTS.get(
    env.ACCOUNTS.idFromName(account),
    region ? hint(region) : undefined,
  ) as unknown as Calls<Account>;
}

/** A fresh stub of a region's directory. */
export function directoryStub(env: Env, region: Region): Calls<Directory> {
  return env.DIRECTORIES.get(
    env.DIRECTORIES.idFromName(directoryName(region)),
    hint(region),
  ) as unknown as Calls<Directory>;
}
