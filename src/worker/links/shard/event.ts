/** The event that a link has its picture, made from the link each time it is sent. */

import type { Config } from '../../env.ts';
import { linkImageUrl } from '../../media/links.ts';
import { eventText, type UploadCompletedEvent } from '../../webhooks/event.ts';
import { linkBody } from '../wire.ts';
import type { StoredLink } from './store.ts';
import { linkViewOf } from './view.ts';

const HOUR_MS = 3_600_000;

/**
 * The event as it is sent. It goes when the job's start has come to its end or is taking long, so a later try may tell of
 * a job that the first one could not.
 * @throws {z.ZodError | RangeError} when no event can be made of the link.
 */
export async function uploadEvent(config: Config, account: string, link: StoredLink): Promise<string> {
  const uploadedAt = link.uploadedAt ?? link.createdAt;
  const usableUntil = uploadedAt + config.INPUT_RETENTION_HOURS * HOUR_MS;
  const imageUrl = await linkImageUrl(config, { account, uploadId: link.id }, usableUntil);
  // As it was when the picture came, also if its key was revoked since. What has become of the job is its own event's.
  const view = linkViewOf({ ...link, revokedAt: null }, { job: null, keyRevoked: false, now: uploadedAt });
  const event = {
    type: 'upload.completed',
    timestamp: new Date(uploadedAt).toISOString(),
    data: linkBody(view, { url: null, imageUrl }),
  };
  // `eventText` checks the whole against the event's schema, which the compiler cannot follow from a state to a shape.
  return eventText(event as UploadCompletedEvent);
}
