/** Deliveries as they are logged: what they are about, and never a word of the receiver's. */

import { readDeliveryId } from '../ids.ts';
import type { StoredDelivery } from './store.ts';

/** What a delivery is about. */
export function aboutOf({ id }: Pick<StoredDelivery, 'id'>): Readonly<Record<string, string>> {
  const name = readDeliveryId(id);
  if (!name) return {};
  const { aboutId, moment, endpointId } = name;
  const about =
    moment === 'u' ? { upload_id: aboutId } : moment === 'n' ? { notice_id: aboutId } : { job_id: aboutId };
  return { ...about, event_id: name.eventId, ...(endpointId === null ? {} : { endpoint_id: endpointId }) };
}
