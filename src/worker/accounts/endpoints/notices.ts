/**
 * Events about the account. Its home shard delivers them: each stays in what is pushed there until the shard has said
 * that it has it.
 */

import { homeShard, mintId } from '../../ids.ts';
import type { Ring } from '../../secrets.ts';
import type { ShardRows } from '../shard-rows.ts';
import type { AccountRow, AccountStore } from '../store.ts';
import type { DisabledReason, Notice } from './contract.ts';
import { MAX_WAITING_NOTICES } from './limits.ts';
import type { NoticeRows } from './notice-rows.ts';
import { homeNameOf, type ReplicaSource } from './source.ts';

export interface NoticesDeps {
  readonly store: AccountStore;
  readonly rows: NoticeRows;
  readonly shards: ShardRows;
  readonly source: ReplicaSource;
  readonly ring: () => Ring;
  readonly now: () => number;
}

export class Notices {
  readonly #deps: NoticesDeps;

  constructor(deps: NoticesDeps) {
    this.#deps = deps;
  }

  /** An id for {@link write}, which can then write it together with what happened. */
  mintId(account: AccountRow): string {
    const { ring, now } = this.#deps;
    return mintId(ring(), 'evt', homeShard(account.id), now());
  }

  /** Writes a notice and makes it due to the home shard, whether that has been met before or not. In a transaction. */
  write(account: AccountRow, notice: Notice): void {
    const { store, rows, shards, source, now } = this.#deps;
    const home = homeNameOf(account.id);
    // Only a home shard out of reach lets them pile up, and an owner who goes on changing things meanwhile.
    const lost = rows.keepLatest(MAX_WAITING_NOTICES - 1);
    if (lost > 0) console.error({ event: 'notices_lost', account: account.id, count: lost });
    rows.insert(notice, store.nextVersion(false));
    shards.list(home, () => source.rings(account));
    shards.publishTo(home, now());
  }

  /** Writes that an endpoint was disabled at `at` for what was seen at `since` (ms). In a transaction. */
  writeDisabled(
    account: AccountRow,
    id: string,
    disabled: {
      readonly endpoint: { readonly id: string; readonly url: string };
      readonly reason: DisabledReason;
      readonly at: number;
      readonly since: number;
    },
  ): void {
    const { endpoint, reason, at, since } = disabled;
    const data = {
      endpoint_id: endpoint.id,
      url: endpoint.url,
      reason,
      since: new Date(since).toISOString(),
    };
    this.write(account, { id, type: 'endpoint.disabled', at, data });
  }

  /** A shard has a replica of `version`. */
  acknowledge(account: AccountRow, shard: string, version: number): void {
    if (shard === homeNameOf(account.id)) this.#deps.rows.acknowledge(version);
  }
}
