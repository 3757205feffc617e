/** What leaves the bucket, and when. */

import type { Config } from '../env.ts';
import { MAX_PAGE } from './delete-page.ts';
import { INPUT_PREFIX, PIECE_PREFIX, UPLOAD_PREFIX } from './storage.ts';

const MS_PER_HOUR = 3_600_000;
/**
 * Age in ms from which a piece is of no use: an upload link takes pieces for at most seven days and a quarter of an hour,
 * and a resumable upload may end with the first that it sent.
 */
const PIECE_MAX_AGE_MS = 8 * 24 * MS_PER_HOUR;
/** Beyond the last moment at which a link can be used: clocks differ, and a fetch takes time. */
const SWEEP_MARGIN_MS = 3_600_000;

/**
 * Age in ms from which an input is of no use to anybody: an upload may be named until its retention ends, and the job
 * that named it last may run to its deadline.
 */
export function inputMaxAge(config: Pick<Config, 'INPUT_RETENTION_HOURS' | 'JOB_DEADLINE_S'>): number {
  return config.INPUT_RETENTION_HOURS * MS_PER_HOUR + config.JOB_DEADLINE_S * 1_000 + SWEEP_MARGIN_MS;
}

/** Objects below a prefix, of which those are deleted that were uploaded longer ago. */
export interface SweptPrefix {
  readonly prefix: string;
  readonly olderThanMs: number;
}

/** What is swept by age. Results are not: each is deleted with its job. */
export function sweptPrefixes(
  config: Pick<Config, 'INPUT_RETENTION_HOURS' | 'JOB_DEADLINE_S'>,
): readonly SweptPrefix[] {
  const inputs = inputMaxAge(config);
  return [
    { prefix: INPUT_PREFIX, olderThanMs: inputs },
    { prefix: UPLOAD_PREFIX, olderThanMs: inputs },
    { prefix: PIECE_PREFIX, olderThanMs: PIECE_MAX_AGE_MS },
  ];
}

/** One step of a sweep. */
export interface Sweep {
  readonly prefixes: readonly SweptPrefix[];
  /** From the step before; absent to begin. One that we did not make begins anew. */
  readonly cursor?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Most objects to look at, at most 1,000. */
  readonly limit: number;
}

export interface SweepOutcome {
  readonly seen: number;
  readonly deleted: number;
  /** Where the next step goes on; absent when all prefixes have been seen. */
  readonly cursor?: string;
}

/** `<index of the prefix>:<R2's cursor within it>`. */
const CURSOR = /^(\d{1,3}):(.*)$/s;

/**
 * Looks at one page of objects and deletes those past their age: one list and at most one delete. Doing a step twice
 * deletes nothing more. Rejects when R2 fails; the step can then be repeated.
 */
export async function sweepInputs(bucket: R2Bucket, sweep: Sweep): Promise<SweepOutcome> {
  const [, index = '0', inner = ''] = CURSOR.exec(sweep.cursor ?? '') ?? [];
  const at = Number(index);
  const swept = sweep.prefixes[at];
  if (swept === undefined) return { seen: 0, deleted: 0 };

  const page = await bucket.list({
    prefix: swept.prefix,
    limit: Math.min(sweep.limit, MAX_PAGE),
    ...(inner === '' ? {} : { cursor: inner }),
  });
  const cut = sweep.now - swept.olderThanMs;
  const old = page.objects.filter((object) => object.uploaded.getTime() < cut).map((object) => object.key);
  if (old.length > 0) await bucket.delete(old);

  const counts = { seen: page.objects.length, deleted: old.length };
  if (page.truncated) return { ...counts, cursor: `${at}:${page.cursor}` };
  return at + 1 < sweep.prefixes.length ? { ...counts, cursor: `${at + 1}:` } : counts;
}

/** Deletes a job's video. Deleting one that is gone is no error. Rejects when R2 fails. */
export async function deleteResult(bucket: R2Bucket, key: string): Promise<void> {
  await bucket.delete(key);
}
