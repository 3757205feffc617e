/** An event as it is sent, made of its subject: the same on every try, its links as long-lived as they may be. */

import type { Config } from '../../env.ts';
import { newJob } from '../../jobs/job.ts';
import type { StoredJob } from '../../jobs/store.ts';
import { videoUrl } from '../../jobs/video-url.ts';
import { viewOf } from '../../jobs/view.ts';
import { statusBody } from '../../jobs/wire.ts';
import { uploadEvent } from '../../links/shard/event.ts';
import { eventText, type WebhookEvent } from '../event.ts';
import type { StoredNotice } from './notice-rows.ts';
import type { StoredDelivery } from './store.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
/** Links in events live this long, or as long as the result if that is shorter. */
const EVENT_LINK_MS = 14 * DAY_MS;

/**
 * The event as JSON text.
 * @throws {z.ZodError | RangeError} when no event can be made of the subject: a mistake of ours.
 */
export async function eventOf(
  config: Config,
  account: string,
  delivery: StoredDelivery,
  subject: Subject,
): Promise<string> {
  switch (subject.kind) {
    case 'job':
      return jobEvent(config, account, delivery, subject.stored);
    case 'link':
      return uploadEvent(config, account, subject.link);
    case 'notice':
      return noticeEvent(subject.notice);
  }
}

async function jobEvent(
  config: Config,
  account: string,
  { type, createdAt }: StoredDelivery,
  stored: StoredJob,
): Promise<string> {
  const view = viewOf(asOf(type, stored));
  const lifetime = Math.min(config.RESULT_RETENTION_DAYS * DAY_MS, EVENT_LINK_MS);
  const url = await videoUrl(config, account, view, createdAt + lifetime);
  return checked({ type, timestamp: new Date(createdAt).toISOString(), data: statusBody(view, url) });
}

/** The job as it was at the moment that the event tells of: it has moved on since, and an end is final. */
function asOf(type: StoredDelivery['type'], stored: StoredJob): StoredJob {
  const { createdAt, usualMs } = stored.job;
  const created = newJob(createdAt, usualMs);
  if (type === 'job.created') return { ...stored, job: created };
  if (type === 'job.started') return { ...stored, job: { ...created, state: 'submitted', rendering: true } };
  return stored;
}

function noticeEvent({ type, at, data }: StoredNotice): string {
  return checked({ type, timestamp: new Date(at).toISOString(), data });
}

/** `eventText` checks the whole against the event's schema, which the compiler cannot follow from a row to a shape. */
function checked(event: {
  readonly type: string;
  readonly timestamp: string;
  readonly data: object;
}): string {
  return eventText(event as WebhookEvent);
}
