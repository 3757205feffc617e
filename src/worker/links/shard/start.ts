/** What is written when a link's job begins, or cannot. Synchronous; in the caller's transaction. */

import type { JobStore } from '../../jobs/store.ts';
import type { Outbox } from '../../webhooks/shard/outbox.ts';
import { DEFAULT_LINK_EVENTS } from '../../webhooks/types.ts';
import type { StoredLink } from './store.ts';

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

/** Plans `upload.completed` for whoever wants to hear of it, at `at` (ms) unless it is brought forward. */
export function planUploadEvent(outbox: Outbox, link: StoredLink, at: number): void {
  const { webhookUrl, webhookEvents = DEFAULT_LINK_EVENTS } = link.spec;
  outbox.announce({
    aboutId: link.id,
    moment: 'u',
    type: 'upload.completed',
    at: link.uploadedAt ?? at,
    notBefore: at,
    ...(webhookUrl === undefined ? {} : { own: { url: webhookUrl, events: webhookEvents } }),
  });
}

/** What the event says is known now: it need not wait any longer. */
function bringEventForward(store: JobStore, uploadId: string, now: number): void {
  for (const id of store.deliveries.pendingAbout(uploadId)) {
    if (store.due.at(id) !== null) store.due.planSooner(id, 'deliver', now);
  }
}
