/** An event as it is sent, made of its subject: the same on every try, its links as long-lived as they may be. */

import type { Config } from '../../env.ts';
import type { StoredJob } from '../../jobs/store.ts';
import { videoUrl } from '../../jobs/video-url.ts';
import { viewOf } from '../../jobs/view.ts';
import { statusBody } from '../../jobs/wire.ts';
import { uploadEvent } from '../../links/shard/event.ts';
import { eventText, type JobEvent } from '../event.ts';
import type { StoredDelivery } from './store.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
/** Links in events live this long, or as long as the result if that is shorter. */
const EVENT_LINK_MS = 14 * DAY_MS;

/**
 * The event as JSON text.
 * @throws {z.ZodError | RangeError} when no event can be made of the subject: a mistake of ours.
 */
export function eventOf(
  config: Config,
  account: string,
  delivery: StoredDelivery,
  subject: Subject,
): Promise<string> {
  return subject.kind === 'job'
    ? jobEvent(config, account, delivery, subject.stored)
    : uploadEvent(config, account, subject.link);
}

async function jobEvent(
  config: Config,
  account: string,
  { type, createdAt }: StoredDelivery,
  stored: StoredJob,
): Promise<string> {
  const view = viewOf(stored);
  const lifetime = Math.min(config.RESULT_RETENTION_DAYS * DAY_MS, EVENT_LINK_MS);
  const url = await videoUrl(config, account, view, createdAt + lifetime);
  // `eventText` checks the whole against the event's schema, which the compiler cannot follow from a state to a shape.
  return eventText({
    type,
    timestamp: new Date(createdAt).toISOString(),
    data: statusBody(view, url),
  } as JobEvent);
}
