/** What the shards of an account have a replica of, put together from its rows. */

import { homeShard, shardName } from '../../ids.ts';
import type { Replica } from '../contract.ts';
import type { Publication } from '../publisher.ts';
import type { AccountRow, AccountStore } from '../store.ts';
import type { EndpointRows } from './endpoint-rows.ts';
import type { NoticeRows } from './notice-rows.ts';
import { ACCOUNT_OWNER, type SecretRows, type StoredSecret } from './secret-rows.ts';
import { replicaEndpoint, replicaSecret, ringsOf } from './view.ts';

export interface SourceDeps {
  readonly store: AccountStore;
  readonly endpoints: EndpointRows;
  readonly secrets: SecretRows;
  readonly notices: NoticeRows;
  readonly now: () => number;
}

/** The name of the shard that delivers events about the account. */
export function homeNameOf(account: string): string {
  return shardName(homeShard(account));
}

export class ReplicaSource {
  readonly #deps: SourceDeps;

  constructor(deps: SourceDeps) {
    this.#deps = deps;
  }

  /** What `shard` is to have, as of now. Notices are for the home shard alone, which delivers them. */
  replica(account: AccountRow, shard: string): Replica {
    const { store, endpoints, notices } = this.#deps;
    const secrets = this.#liveByOwner();
    return {
      version: account.version,
      keys: store.replicaKeys(),
      secrets: (secrets.get(ACCOUNT_OWNER) ?? []).map(replicaSecret),
      endpoints: endpoints.all().map((endpoint) => replicaEndpoint(endpoint, secrets.get(endpoint.id) ?? [])),
      notices: shard === homeNameOf(account.id) ? notices.all() : [],
    };
  }

  /** What there is to push to `shard`, as of now. */
  publication(account: AccountRow, shard: string): Publication {
    const { notices } = this.#deps;
    const replica = this.replica(account, shard);
    const isHome = shard === homeNameOf(account.id);
    return {
      replica,
      wantedVersion: Math.max(account.publishedVersion, isHome ? notices.wantedVersion() : 0),
      rings: ringsOf(replica),
    };
  }

  /** The secrets of the ring that the replica of any shard needs, as of now: ids with commas between. */
  rings(account: AccountRow): string {
    return ringsOf(this.replica(account, ''));
  }

  #liveByOwner(): Map<string, StoredSecret[]> {
    const { secrets, now } = this.#deps;
    const at = now();
    const live = secrets.all().filter(({ expiresAt }) => expiresAt === null || expiresAt > at);
    return Map.groupBy(live, ({ owner }) => owner);
  }
}
