/** Puts together what an account's owner asks of the shard about deliveries. */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { ShardRef } from '../../ids.ts';
import type { Door } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';
import { isDisabled } from '../health.ts';
import { shardPrefix } from '../ids.ts';
import { DeliveryDesk } from './desk.ts';
import { Recovery } from './recovery.ts';
import { RecoveryRows } from './recovery-rows.ts';
import { Resend } from './resend.ts';
import { Scan } from './scan.ts';
import { TestEvents } from './test-event.ts';

export interface DeskPartsDeps {
  readonly store: JobStore;
  /** Of the same database. */
  readonly sql: SqlStorage;
  readonly door: Door;
  readonly shard: ShardRef;
  /** The account's endpoint, as far as this shard knows. */
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  readonly now: () => number;
  /** Deliveries or a recovery were planned. */
  readonly onWork: () => void;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** The desk for reading, and what does deliveries again. */
export function deskPartsOf({ store, sql, door, shard, endpoint, now, onWork, log }: DeskPartsDeps) {
  const scan = new Scan(sql);
  const desk = new DeliveryDesk({ store, scan, door, prefix: shardPrefix(shard), endpoint, now });
  const common = {
    store,
    door,
    endpoint,
    isDisabled: (one: ReplicaEndpoint) => isDisabled(one, store.health.get(one.id)),
    now,
    onWork,
    log,
  };
  return {
    desk,
    resend: new Resend({ ...common, desk }),
    tests: new TestEvents({ ...common, desk }),
    recovery: new Recovery({ ...common, scan, rows: new RecoveryRows(sql) }),
  };
}
