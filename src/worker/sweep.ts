/**
 * The cron run: every shard that has open work is ticked, whatever became of its alarm (invariant 17).
 *
 * Each run is bounded: in shards of a region, in ticks at once, in time for a tick and in time altogether. What it
 * leaves comes first in the next one, since a region's directory gives out the longest unserved first.
 */

import { fewAtOnce, within } from './calls.ts';
import type { TickReport } from './directory/contract.ts';
import type { Config, Env } from './env.ts';
import { directoryName, parseShardName } from './ids.ts';
import { directoryStub, shardStub } from './objects.ts';
import { REGIONS, type Region } from './region.ts';

/** A tick works at most 10 s; this leaves it time to start and to answer. In ms. */
const TICK_MS = 12_000;
/** Longest wait for a directory, in ms. */
const DIRECTORY_MS = 5_000;
/** No tick is started later than this after the run began, in ms: the next run begins after a minute. */
const RUN_MS = 45_000;
/** Failures that are told in full; the rest is counted. */
const FAILURES_TOLD = 5;

/** What a run did, as logged. */
export interface SweepReport {
  readonly event: 'sweep';
  /** Regions whose directory answered. */
  readonly regions: number;
  readonly regions_failed: number;
  /** Shards that have open work. */
  readonly listed: number;
  /** Shards whose tick was answered. */
  readonly ticked: number;
  readonly failed: number;
  /** Shards that were claimed, but the time was up. They are first in the next run. */
  readonly left: number;
  /** Pieces of due work done, and still due. */
  readonly worked: number;
  readonly due: number;
  readonly ms: number;
  /** The first few failures. */
  readonly failures: readonly { readonly what: string; readonly cause: string }[];
}

/**
 * Runs a sweep and logs the one line that says what it did. Never throws: a region or a shard that fails is in the
 * line and hits no other.
 * @param now the time that the run is for, in ms since 1970.
 */
export async function sweep(
  env: Env,
  config: Pick<Config, 'SWEEP_SHARDS'>,
  now: number,
  log: (line: SweepReport) => void,
): Promise<SweepReport> {
  const startedAt = Date.now();
  const failures: { what: string; cause: string }[] = [];
  const fail = (what: string, cause: unknown) => failures.push({ what, cause: String(cause) });

  const claims = await fewAtOnce(REGIONS, async (region) => {
    try {
      const request = { limit: config.SWEEP_SHARDS, now };
      const claim = await within(DIRECTORY_MS, () => directoryStub(env, region).claim(request));
      return { region, ...claim };
    } catch (cause) {
      fail(directoryName(region), cause);
      return null;
    }
  });
  const reached = claims.filter((claim) => claim !== null);

  let worked = 0;
  let due = 0;
  let left = 0;
  let failed = 0;
  const served = new Map<Region, string[]>(reached.map(({ region }) => [region, []]));
  await fewAtOnce(inTurns(reached), async ({ region, shard }) => {
    if (Date.now() - startedAt >= RUN_MS) {
      left++;
      return;
    }
    served.get(region)?.push(shard);
    try {
      const report = await within(TICK_MS, () => tick(env, shard));
      worked += report.worked;
      due += report.due;
    } catch (cause) {
      failed++;
      fail(shard, cause);
    }
  });

  await fewAtOnce([...served], async ([region, shards]) => {
    if (shards.length === 0) return;
    try {
      await within(DIRECTORY_MS, () => directoryStub(env, region).served({ shards, now }));
    } catch (cause) {
      // Their claims run out by themselves; only the order of the next run suffers.
      fail(directoryName(region), cause);
    }
  });

  const tried = [...served.values()].reduce((sum, shards) => sum + shards.length, 0);
  const report: SweepReport = {
    event: 'sweep',
    regions: reached.length,
    regions_failed: REGIONS.length - reached.length,
    listed: reached.reduce((sum, claim) => sum + claim.listed, 0),
    ticked: tried - failed,
    failed,
    left,
    worked,
    due,
    ms: Date.now() - startedAt,
    failures: failures.slice(0, FAILURES_TOLD),
  };
  log(report);
  return report;
}

/** One shard of each region after the other, so that a busy region does not keep the others waiting. */
function inTurns(
  claims: readonly { readonly region: Region; readonly shards: readonly string[] }[],
): { region: Region; shard: string }[] {
  const longest = Math.max(0, ...claims.map(({ shards }) => shards.length));
  const turns: { region: Region; shard: string }[] = [];
  for (let turn = 0; turn < longest; turn++) {
    for (const { region, shards } of claims) {
      const shard = shards[turn];
      if (shard !== undefined) turns.push({ region, shard });
    }
  }
  return turns;
}

async function tick(env: Env, name: string): Promise<TickReport> {
  const shard = parseShardName(name);
  if (!shard) throw new TypeError('not a shard name');
  return shardStub(env, shard).tick();
}
