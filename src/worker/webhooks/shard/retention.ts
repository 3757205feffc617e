/** What the shard keeps of events about the account, tests and statistics, and for how long. */

import { idBound, mintedAt, type ShardRef } from '../../ids.ts';
import type { JobStore } from '../../jobs/store.ts';
import { deliveryPrefix } from '../ids.ts';

export interface EventRetentionDeps {
  readonly store: JobStore;
  readonly shard: ShardRef;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** Events about the account, and tests, are kept so long, with their deliveries. In ms: 30 days. */
export const NOTICE_RETENTION_MS = 30 * 86_400_000;
/** Notices forgotten at once: each is a row, and two for each of its receivers, of which there are 20 at most. */
const BATCH = 100;

export class EventRetention {
  readonly #deps: EventRetentionDeps;

  constructor(deps: EventRetentionDeps) {
    this.#deps = deps;
  }

  /** Forgets what is kept no longer, so much at a time. */
  forget(): void {
    const { store, shard, now, log } = this.#deps;
    const bound = idBound('evt', shard, now() - NOTICE_RETENTION_MS + 1);
    const forgotten = store.transaction(() => {
      const over = store.notices.before(bound, BATCH);
      for (const id of over) {
        store.notices.drop(id);
        store.deliveries.dropAbout(id);
        store.due.dropAll(deliveryPrefix(id));
      }
      store.days.forgetBefore(now());
      return over.length;
    });
    if (forgotten > 0) log({ event: 'notice_retention', forgotten });
  }

  /** When there is next something to forget, in ms; infinite when there is nothing. */
  nextAt(): number {
    const { notices, days } = this.#deps.store;
    const oldest = notices.oldest();
    const noticeAt = oldest === null ? Number.POSITIVE_INFINITY : mintedAt(oldest) + NOTICE_RETENTION_MS;
    return Math.min(noticeAt, days.nextForgetAt() ?? Number.POSITIVE_INFINITY);
  }
}
