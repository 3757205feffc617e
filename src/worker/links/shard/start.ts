/** What is written when a link's job begins, or cannot. Synchronous; in the caller's transaction. */

import type { JobStore } from '../../jobs/store.ts';
import type { StoredLink } from './store.ts';
import { uploadEventId } from './view.ts';

/** The link has its job from now on, and never another. */
export function markStarted(store: JobStore, uploadId: string, jobId: string, now: number): void {
  const link = store.links.link(uploadId);
  if (!link) throw new Error('a job of a link that is not there');
  store.links.update({ ...link, start: 'started', jobId });
  store.due.drop(uploadId);
  bringEventForward(store, uploadId, now);
}

/** Nobody could pay for the job: the picture stays, and its owner may start it later. */
export function markUnpaid(store: JobStore, uploadId: string, now: number): void {
  const link = store.links.link(uploadId);
  // It may have been started meanwhile by another call.
  if (link?.start !== 'starting') return;
  store.links.update({ ...link, start: 'insufficient_credits' });
  store.due.drop(uploadId);
  bringEventForward(store, uploadId, now);
}

/** Plans `upload.completed` for whoever wants to hear of it. */
export function planUploadEvent(store: JobStore, link: StoredLink, at: number): void {
  const url = link.spec.webhookUrl;
  if (url === undefined) return;
  const id = uploadEventId(link.id);
  store.writeDelivery({
    id,
    aboutId: link.id,
    type: 'upload.completed',
    url,
    status: 'pending',
    createdAt: link.uploadedAt ?? at,
    attempts: [],
  });
  store.due.plan(id, 'deliver', at, new URL(url).host);
}

/** What the event says is known now: it need not wait any longer. */
function bringEventForward(store: JobStore, uploadId: string, now: number): void {
  const id = uploadEventId(uploadId);
  if (store.due.at(id) !== null) store.due.planSooner(id, 'deliver', now);
}
