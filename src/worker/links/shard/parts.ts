/** Puts the shard's part for upload links together. */

import type { Config } from '../../env.ts';
import { mintId, type ShardRef } from '../../ids.ts';
import type { Admission } from '../../jobs/admission.ts';
import type { Door } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';
import { inputMaxAge } from '../../media/retention.ts';
import type { Outbox } from '../../webhooks/shard/outbox.ts';
import { LinkDesk } from './desk.ts';
import { deleteParts, deletePicture } from './files.ts';
import { Finish } from './finish.ts';
import { Lookup } from './lookup.ts';
import { Resumable } from './resumable.ts';
import { Tidy } from './tidy.ts';

export interface LinkDeps {
  readonly store: JobStore;
  readonly outbox: Outbox;
  readonly door: Door;
  readonly admission: Admission;
  readonly config: Config;
  readonly shard: ShardRef;
  readonly bucket: R2Bucket;
  readonly now: () => number;
  /** An event was planned. */
  readonly onWork: () => void;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** What answers for upload links: their owner's desk, resumable uploads, the end of uploads, and clearing up. */
export function linkPartsOf({
  store,
  outbox,
  door,
  admission,
  config,
  shard,
  bucket,
  now,
  onWork,
  log,
}: LinkDeps) {
  const files = { bucket, account: shard.account };
  const retentionMs = config.RESULT_RETENTION_DAYS * DAY_MS;
  const pictureMs = inputMaxAge(config);
  const lookup = new Lookup({ store, door, retentionMs, now });
  return {
    desk: new LinkDesk({ store, lookup, door, now }),
    resumable: new Resumable(store, lookup),
    finish: new Finish({
      store,
      outbox,
      lookup,
      door,
      admission,
      mintJobId: () => mintId(config.SIGNING_SECRETS, 'job', shard, now()),
      startableMs: config.INPUT_RETENTION_HOURS * HOUR_MS,
      pictureMs,
      now,
      onWork,
      log,
    }),
    tidy: new Tidy({
      store,
      deleteParts: (uploadId, keep) => deleteParts(files, uploadId, keep),
      deletePicture: (uploadId) => deletePicture(files, uploadId),
      pictureMs,
      retentionMs,
      now,
      log,
    }),
  };
}
