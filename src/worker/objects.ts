/** Stubs of our objects, each with the location hint that its name implies (only an object's first `get` counts). */

import type { Account } from './accounts/account.ts';
import type { Directory } from './directory/directory.ts';
import type { Env } from './env.ts';
import { directoryName, homeRegion, type ShardRef, shardName } from './ids.ts';
import type { JobShard } from './jobs/shard.ts';
import type { Region } from './region.ts';
import { Remembered } from './remembered.ts';

/** The hints of newer data centres are in the documentation before they are in the types. */
function hint(region: Region): DurableObjectNamespaceGetDurableObjectOptions {
  return { locationHint: region };
}

/**
 * The methods of an object as they are called over RPC. The platform's own stub types lose unions of plain values, and
 * all that crosses between our objects is plain values.
 */
type Calls<T> = { [K in keyof T as T[K] extends (...args: never[]) => Promise<unknown> ? K : never]: T[K] };

/** 1,000 objects of each class: what a busy isolate meets in its life. */
const ids = new Remembered<DurableObjectNamespace, DurableObjectId>(1_000);

/** The id of an object's name, which never changes. Making one is a hash and a call of the platform. */
function idOf(namespace: DurableObjectNamespace, name: string): DurableObjectId {
  const known = ids.get(namespace, name);
  if (known) return known;
  const id = namespace.idFromName(name);
  ids.set(namespace, name, id);
  return id;
}

/** A fresh stub of a shard. A stub that has thrown stays broken: make one per attempt. */
export function shardStub(env: Env, shard: ShardRef): Calls<JobShard> {
  return env.SHARDS.get(idOf(env.SHARDS, shardName(shard)), hint(shard.region)) as unknown as Calls<JobShard>;
}

/** A fresh stub of an account, placed in its home region. */
export function accountStub(env: Env, account: string): Calls<Account> {
  const region = homeRegion(account);
  return env.ACCOUNTS.get(
    idOf(env.ACCOUNTS, account),
    region ? hint(region) : undefined,
  ) as unknown as Calls<Account>;
}

/** A fresh stub of a region's directory. */
export function directoryStub(env: Env, region: Region): Calls<Directory> {
  return env.DIRECTORIES.get(
    idOf(env.DIRECTORIES, directoryName(region)),
    hint(region),
  ) as unknown as Calls<Directory>;
}
