/** What everything needs that takes deliveries up again, or makes new ones, because their owner asked for it. */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { Door } from '../../jobs/door.ts';
import type { JobStore } from '../../jobs/store.ts';

export interface TakesUpDeps {
  readonly store: JobStore;
  readonly door: Door;
  /** The account's endpoint, as far as this shard knows. */
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  /** Whether the endpoint takes nothing now. */
  readonly isDisabled: (endpoint: ReplicaEndpoint) => boolean;
  readonly now: () => number;
  /** Deliveries or a recovery were planned. */
  readonly onWork: () => void;
}
