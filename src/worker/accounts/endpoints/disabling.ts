/**
 * Decides whether an endpoint is disabled for what a shard reports of it: at once when its receiver has said so, and of
 * one that fails only when no other shard has delivered to it since.
 */

import { fewAtOnce } from '../../calls.ts';
import type { ShardRows } from '../shard-rows.ts';
import type { AccountStore } from '../store.ts';
import type { ReportEndpoint, ReportOutcome } from './contract.ts';
import type { EndpointRows, StoredEndpoint } from './endpoint-rows.ts';
import type { Notices } from './notices.ts';

export interface DisablingDeps {
  readonly store: AccountStore;
  readonly endpoints: EndpointRows;
  readonly shards: ShardRows;
  readonly notices: Notices;
  /** When a shard last delivered to an endpoint. Null when it cannot be reached. */
  readonly health: (
    shard: string,
    endpointId: string,
  ) => Promise<{ readonly deliveredAt: number | null } | null>;
  /** Every listed shard must hear of the change made in this transaction. */
  readonly publish: () => void;
  readonly push: () => Promise<unknown>;
  /** Lets a promise run on behind the answer. */
  readonly background: (work: Promise<unknown>) => void;
  readonly now: () => number;
}

export class Disabling {
  readonly #deps: DisablingDeps;

  constructor(deps: DisablingDeps) {
    this.#deps = deps;
  }

  /** The shards, the one that reports among them, are told behind the answer: it knows already. */
  async report(request: ReportEndpoint): Promise<ReportOutcome> {
    const { store, endpoints, notices, publish, push, background, now } = this.#deps;
    const account = store.account();
    if (!account) return { kind: 'kept' };
    const before = this.#concerned(request);
    if ('kind' in before) return before;
    if (request.reason === 'failing') {
      const elsewhere = await this.#askOthers(request);
      if (elsewhere !== 'failing') return { kind: elsewhere };
    }
    const noticeId = notices.mintId(account);
    // Looked at again: it may have been changed, or disabled by another shard's report, while we asked.
    const endpoint = this.#concerned(request);
    if ('kind' in endpoint) return endpoint;
    store.transaction(() => {
      const at = now();
      const { reason, since } = request;
      endpoints.update({ ...endpoint, disabled: { at, reason }, updatedAt: at });
      publish();
      notices.writeDisabled(account, noticeId, { endpoint, reason, at, since });
    });
    background(push());
    return { kind: 'disabled' };
  }

  /** The endpoint that a report is about, if there is still something to decide; else the decision. */
  #concerned({ endpointId, epoch }: ReportEndpoint): StoredEndpoint | ReportOutcome {
    const endpoint = this.#deps.endpoints.endpoint(endpointId);
    if (endpoint?.epoch !== epoch) return { kind: 'kept' };
    return endpoint.disabled ? { kind: 'disabled' } : endpoint;
  }

  async #askOthers({ shard, endpointId, since }: ReportEndpoint): Promise<'failing' | ReportOutcome['kind']> {
    const { shards, health } = this.#deps;
    const others = shards.names().filter((name) => name !== shard);
    const answers = await fewAtOnce(others, (name) => health(name, endpointId));
    if (answers.some((answer) => answer?.deliveredAt != null && answer.deliveredAt >= since)) return 'kept';
    return answers.includes(null) ? 'unreachable' : 'failing';
  }
}
