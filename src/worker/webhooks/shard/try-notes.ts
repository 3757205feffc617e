/** What a try to an endpoint leaves behind beside the delivery's own log: its day, its health, and a report to make. */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import { reportKey } from '../../jobs/due.ts';
import type { JobStore } from '../../jobs/store.ts';
import type { Attempt } from '../attempt.ts';
import type { Gate } from '../gate.ts';
import { afterTry, current, type Health } from '../health.ts';

export interface NotedTry {
  /** The endpoint as it was when the try began. */
  readonly endpoint: ReplicaEndpoint;
  /** And as it is now; null when it was deleted. */
  readonly present: ReplicaEndpoint | null;
  readonly attempt: Attempt;
  readonly startedAt: number;
  readonly now: number;
  readonly random: number;
}

/**
 * Notes a try: one row written, and one more while the endpoint is not well. In a transaction.
 * @returns whether the endpoint was slow and is no more.
 */
export function noteTry(store: JobStore, { endpoint, present, ...tried }: NotedTry): boolean {
  const { id, epoch } = endpoint;
  const { attempt, now } = tried;
  store.days.add({ endpointId: id, at: now, delivered: attempt.ok, durationMs: attempt.durationMs });
  // Enabled anew meanwhile, or deleted: what was answered to the time before counts no more.
  if (present?.epoch !== epoch) return false;
  const before = store.health.get(id);
  const after = afterTry(before, { ...tried, epoch });
  store.health.set(id, after);
  const [had, has] = [unreported(current(before, endpoint)), unreported(after)];
  if (has !== null && has !== had) store.due.plan(reportKey(id), 'report', now);
  if (had !== null && has === null) store.due.drop(reportKey(id));
  return (current(before, endpoint)?.slowStep ?? 0) > 0 && (after?.slowStep ?? 0) === 0;
}

/** What the account is still to be told. */
function unreported(health: Health | null): string | null {
  return health?.mark && !health.mark.reported ? health.mark.reason : null;
}

/** Forgets how endpoints were that are no more. `endpoints` are those that there are. */
export function forgetDeleted(store: JobStore, gate: Gate, endpoints: readonly ReplicaEndpoint[]): void {
  const ids = new Set(endpoints.map(({ id }) => id));
  gate.keep(ids);
  const deleted = store.health.ids().filter((id) => !ids.has(id));
  if (deleted.length === 0) return;
  store.transaction(() => {
    for (const id of deleted) {
      store.health.set(id, null);
      store.due.drop(reportKey(id));
    }
  });
}
