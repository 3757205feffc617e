/** What a job tells of itself: to its own `webhook_url`, and to the endpoints of its account. Pure. */

import type { Moment } from '../webhooks/ids.ts';
import type { Announcement } from '../webhooks/shard/outbox.ts';
import { DEFAULT_JOB_EVENTS, type JobEventType } from '../webhooks/types.ts';
import type { StoredJob } from './store.ts';

/** An event of a job. `at` in ms. */
export function jobAnnouncement(
  { id, request }: Pick<StoredJob, 'id' | 'request'>,
  moment: Moment,
  type: JobEventType,
  at: number,
): Announcement {
  const { webhookUrl, webhookEvents = DEFAULT_JOB_EVENTS } = request;
  const own = webhookUrl === undefined ? {} : { own: { url: webhookUrl, events: webhookEvents } };
  return { aboutId: id, moment, type, at, ...own };
}
