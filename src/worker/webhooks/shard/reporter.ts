/** Tells the account what this shard has seen of an endpoint that is to be disabled, until the account has answered. */

import type { AccountForShard } from '../../accounts/contract.ts';
import { callTwice } from '../../calls.ts';
import { type Claim, endpointOfReport } from '../../jobs/due.ts';
import { TIMEOUT_MS } from '../../jobs/schedule.ts';
import type { JobStore } from '../../jobs/store.ts';
import { afterReport } from '../health.ts';

export interface ReporterDeps {
  readonly store: JobStore;
  readonly shardName: string;
  readonly account: () => AccountForShard;
  readonly now: () => number;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** When the account is told again that could not reach all shards, in ms. */
const RETRY_MS = 60_000;
/** Bound of one call, in ms: twice within the work's time. The account asks its other shards meanwhile. */
const CALL_MS = TIMEOUT_MS.report / 2;

export class Reporter {
  readonly #deps: ReporterDeps;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** Due work: one report. What throws is planned again by the pump, at growing distances. */
  async run(claim: Claim): Promise<void> {
    const { store, account, shardName, now, log } = this.#deps;
    const endpointId = endpointOfReport(claim.key);
    const health = store.health.get(endpointId);
    if (!health?.mark || health.mark.reported) {
      store.transaction(() => store.due.drop(claim.key));
      return;
    }
    const { epoch } = health;
    const { reason, since } = health.mark;
    const { kind } = await callTwice(CALL_MS, () =>
      account().report({ shard: shardName, endpointId, epoch, reason, since }),
    );
    log({ event: 'endpoint_report', endpoint_id: endpointId, reason, outcome: kind });
    store.transaction(() => {
      if (!store.due.holds(claim)) return;
      if (kind === 'unreachable') {
        store.due.plan(claim.key, 'report', now() + RETRY_MS);
        return;
      }
      // Under a claim that holds the mark is the one that was reported: another one would have been planned anew.
      const present = store.health.get(endpointId);
      if (present) store.health.set(endpointId, afterReport(present, kind, now()));
      store.due.drop(claim.key);
    });
  }
}
