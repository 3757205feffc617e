/**
 * Events about the account come with its replica, to the home shard alone. They become deliveries here, once: the same
 * notice comes again until the account knows that it has arrived.
 */

import type { Replica } from '../../accounts/contract.ts';
import type { Notice } from '../../accounts/endpoints/contract.ts';
import { mintedAt } from '../../ids.ts';
import type { Door } from '../../jobs/door.ts';
import type { KeyReplica } from '../../jobs/replica.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Outbox } from './outbox.ts';
import { NOTICE_RETENTION_MS } from './retention.ts';

export interface AccountNoticesDeps {
  readonly store: JobStore;
  readonly replica: KeyReplica;
  readonly outbox: Outbox;
  readonly door: Door;
  /** Whether the shard is on its directory's list. */
  readonly isListed: () => boolean;
  /** Whether this is the shard that events about the account are for. */
  readonly isHome: boolean;
  readonly now: () => number;
  /** Deliveries were planned. */
  readonly onWork: () => void;
}

export class AccountNotices {
  readonly #deps: AccountNoticesDeps;

  constructor(deps: AccountNoticesDeps) {
    this.#deps = deps;
  }

  /**
   * Takes a replica over, and then the notices in it: the shard is listed before they are work (invariant 15).
   * @throws when the directory cannot be reached. What was revoked is revoked all the same; the notices wait, and the
   * account sends them again.
   */
  async apply(replica: Replica): Promise<void> {
    const { replica: own, door, onWork } = this.#deps;
    const sent = new Set(replica.notices.map(({ id }) => id));
    // Those that came by another way before, when the shard was not listed, and may be in this one no more.
    const waiting = this.#unseen(own.notices).filter(({ id }) => !sent.has(id));
    own.apply(waiting.length === 0 ? replica : { ...replica, notices: [...waiting, ...replica.notices] });
    if (this.#unseen(own.notices).length === 0) return;
    const refusal = await door.enterListed((): null => {
      if (this.takeUp()) onWork();
      return null;
    });
    if (refusal) throw new Error(`notices wait: no answer of ${refusal.part}`);
  }

  /**
   * Makes deliveries of the replica's notices, unless it has been done or the shard is not listed yet.
   * @returns whether there were any to make.
   */
  takeUp(): boolean {
    const { store, replica, outbox, isListed } = this.#deps;
    if (!isListed()) return false;
    const unseen = this.#unseen(replica.notices);
    if (unseen.length === 0) return false;
    store.transaction(() => {
      for (const { id, type, at, data } of unseen) {
        store.notices.insert({ id, type, at, test: false, data });
        // Whatever its owner subscribes to: an endpoint that was disabled is not told so itself.
        const except = type === 'endpoint.disabled' ? String(data.endpoint_id) : undefined;
        outbox.announce({ aboutId: id, moment: 'n', type, at, except });
      }
    });
    return true;
  }

  /** Notices that no deliveries have been made of. Very old ones have been forgotten: a stored replica has them still. */
  #unseen(notices: readonly Notice[]): Notice[] {
    const { store, isHome, now } = this.#deps;
    if (!isHome) return [];
    return notices.filter(
      ({ id }) => mintedAt(id) > now() - NOTICE_RETENTION_MS && store.notices.get(id) === null,
    );
  }
}
