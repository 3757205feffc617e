/** What an event is about, as it is stored: the event is made of it at each try. */

import type { JobStore, StoredJob } from '../../jobs/store.ts';
import type { StoredLink } from '../../links/shard/store.ts';
import { readDeliveryId } from '../ids.ts';
import type { StoredNotice } from './notice-rows.ts';
import type { StoredDelivery } from './store.ts';

export type Subject =
  | { readonly kind: 'job'; readonly stored: StoredJob }
  | { readonly kind: 'link'; readonly link: StoredLink }
  | { readonly kind: 'notice'; readonly notice: StoredNotice };

/** The subject of a delivery; null when its data is gone, and with it what the event could tell. */
export function subjectOf(store: JobStore, { id }: Pick<StoredDelivery, 'id'>): Subject | null {
  const name = readDeliveryId(id);
  if (!name) return null;
  if (name.moment === 'u') {
    const link = store.links.link(name.aboutId);
    return link && { kind: 'link', link };
  }
  if (name.moment === 'n') {
    const notice = store.notices.get(name.aboutId);
    return notice && { kind: 'notice', notice };
  }
  const stored = store.job(name.aboutId);
  return stored && stored !== 'gone' ? { kind: 'job', stored } : null;
}
