/** A stored delivery as its account may see it. */

import type { ReplicaEndpoint } from '../../accounts/endpoints/contract.ts';
import type { DeliveryView } from '../contract.ts';
import { readDeliveryId } from '../ids.ts';
import type { StoredDelivery } from './store.ts';

/** What a view tells beside the row. */
export interface Surroundings {
  readonly endpoint: (id: string) => ReplicaEndpoint | null;
  /** When the delivery is tried next, in ms; null while nothing is planned. */
  readonly nextAttemptAt: (id: string) => number | null;
}

/**
 * The delivery as its account may see it.
 * @throws {TypeError} when its id is none.
 */
export function deliveryViewOf(
  stored: StoredDelivery,
  { endpoint, nextAttemptAt }: Surroundings,
): DeliveryView {
  const name = readDeliveryId(stored.id);
  if (!name) throw new TypeError('not a delivery id');
  const { aboutId, moment, endpointId } = name;
  return {
    deliveryId: stored.id,
    eventId: name.eventId,
    event: stored.type,
    endpointId,
    // An endpoint's address is what it is now; one that was deleted has none.
    url: endpointId === null ? stored.url : (endpoint(endpointId)?.url ?? null),
    jobId: moment === 'u' || moment === 'n' ? null : aboutId,
    uploadId: moment === 'u' ? aboutId : null,
    status: stored.status,
    reason: stored.reason,
    createdAt: stored.createdAt,
    attempts: stored.attempts.map((attempt) => ({
      at: attempt.at,
      statusCode: attempt.status_code,
      durationMs: attempt.duration_ms,
      error: attempt.error,
      response: attempt.response,
      manual: attempt.manual,
    })),
    nextAttemptAt: stored.status === 'pending' ? nextAttemptAt(stored.id) : null,
  };
}
