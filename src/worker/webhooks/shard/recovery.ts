/**
 * Takes up again, in the background, all that failed to be delivered to an endpoint, or was held while it was disabled.
 * A walk over these by their ids, a piece at a time: where it is stands in its row, so a crash goes on there.
 */

import type { Claim } from '../../jobs/due.ts';
import type { RecoverEndpoint, RecoverOutcome } from '../contract.ts';
import { receiverOf } from '../ids.ts';
import type { RecoveryRows, StoredRecovery } from './recovery-rows.ts';
import { retake } from './retake.ts';
import type { Glance, Scan } from './scan.ts';
import { subjectOf } from './subject.ts';
import type { TakesUpDeps } from './takes-up.ts';

export interface RecoveryDeps extends TakesUpDeps {
  readonly rows: RecoveryRows;
  readonly scan: Scan;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/** Deliveries taken up in one piece of work: each is two rows written. */
export const RECOVER_BATCH = 100;
/** Deliveries that one piece looks at: those of another time are passed over. Each is a row read. */
const RECOVER_LOOKS = 2_000;
/**
 * Deliveries taken up a second, and no more than the endpoint takes: a receiver that has just come back must not be flooded
 * with what it missed, beside what happens now.
 */
const RECOVER_PER_SECOND = 20;
const SECOND_MS = 1_000;

/** The key of an endpoint's recovery in the due table. */
export function recoverKey(endpointId: string): string {
  return `recover:${endpointId}`;
}

export class Recovery {
  readonly #deps: RecoveryDeps;

  constructor(deps: RecoveryDeps) {
    this.#deps = deps;
  }

  /** Begins a recovery. One that runs already is widened, and walks once more when it has come to its end. */
  async begin({ keyHash, endpointId, since, until }: RecoverEndpoint): Promise<RecoverOutcome> {
    const { store, rows, door, endpoint: endpointOf, isDisabled, now, onWork } = this.#deps;
    if (!store.ready) return { kind: 'not_found' };
    const outcome = await door.enter(keyHash, (): RecoverOutcome => {
      const endpoint = endpointOf(endpointId);
      if (!endpoint) return { kind: 'not_found' };
      if (isDisabled(endpoint)) return { kind: 'disabled' };
      store.transaction(() => {
        rows.put(widened(rows.get(endpointId), { endpointId, since, until }));
        // The next piece of one that runs keeps its distance to the last.
        const key = recoverKey(endpointId);
        if (store.due.at(key) === null) store.due.plan(key, 'recover', now());
      });
      return { kind: 'recovering' };
    });
    if (outcome.kind === 'recovering') onWork();
    return outcome;
  }

  /** Due work: takes up the next deliveries, spread over the time until the next piece. */
  async run(claim: Claim): Promise<void> {
    const { store, log } = this.#deps;
    const endpointId = claim.key.slice(recoverKey('').length);
    const taken = store.transaction(() => (store.due.holds(claim) ? this.#piece(claim, endpointId) : 0));
    if (taken > 0) log({ event: 'webhook_recovery', endpoint_id: endpointId, taken });
  }

  #piece(claim: Claim, endpointId: string): number {
    const { store, rows, endpoint: endpointOf, isDisabled, now } = this.#deps;
    const recovery = rows.get(endpointId);
    const endpoint = endpointOf(endpointId);
    // What is disabled meanwhile would only be held again: its owner recovers it when it is enabled.
    const walk = recovery && endpoint && !isDisabled(endpoint) ? this.#walk(recovery) : null;
    const gap = SECOND_MS / Math.min(RECOVER_PER_SECOND, endpoint?.rateLimit ?? RECOVER_PER_SECOND);
    const slot = (n: number) => Math.round(now() + n * gap);
    const lane = endpoint ? new URL(endpoint.url).host : '';
    const ids = walk?.ids ?? [];
    for (const [n, id] of ids.entries()) retake(store, id, { at: slot(n), lane, now: now() });
    if (walk?.rest) {
      rows.put(walk.rest);
      store.due.plan(claim.key, 'recover', slot(ids.length));
    } else {
      rows.drop(endpointId);
      store.due.drop(claim.key);
    }
    return ids.length;
  }

  /** What is next to be taken up, and what is then left to do; null when that was all. */
  #walk(recovery: StoredRecovery): { readonly ids: readonly string[]; readonly rest: StoredRecovery | null } {
    const receiver = receiverOf(recovery.endpoint);
    const glances = this.#deps.scan.oldestUndelivered(receiver, recovery.cursor, RECOVER_LOOKS);
    const ids: string[] = [];
    let { cursor } = recovery;
    for (const glance of glances) {
      if (ids.length === RECOVER_BATCH) return { ids, rest: { ...recovery, cursor } };
      cursor = glance.id;
      if (this.#isToRecover(glance, recovery)) ids.push(glance.id);
    }
    if (glances.length === RECOVER_LOOKS) return { ids, rest: { ...recovery, cursor } };
    return { ids, rest: recovery.again ? { ...recovery, cursor: '', again: false } : null };
  }

  #isToRecover({ id, createdAt }: Glance, { since, until }: StoredRecovery): boolean {
    if (createdAt < since || createdAt > until) return false;
    const subject = subjectOf(this.#deps.store, { id });
    // An example that did not arrive is nothing that was missed.
    return subject !== null && !(subject.kind === 'notice' && subject.notice.test);
  }
}

/** What is asked for, together with what is asked for already. */
function widened(
  running: StoredRecovery | null,
  { endpointId, since, until }: Pick<RecoverEndpoint, 'endpointId' | 'since' | 'until'>,
): StoredRecovery {
  if (!running) return { endpoint: endpointId, since, until, cursor: '', again: false };
  const wider = since < running.since || until > running.until;
  return {
    ...running,
    since: Math.min(since, running.since),
    until: Math.max(until, running.until),
    again: running.again || wider,
  };
}
