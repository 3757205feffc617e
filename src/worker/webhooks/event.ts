/**
 * The events that we send, one schema each: `{type, timestamp, data}` as Standard Webhooks recommends. The OpenAPI
 * document lists the schemas under `webhooks`.
 */

import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { Canceled, Completed, Failed } from '../job-answer.ts';
import { UploadLink } from '../links/answer.ts';

/** Largest event, in bytes (Standard Webhooks: below 20 kB). Files are links, so only metadata can make one grow. */
export const MAX_EVENT_BYTES = 20_000;

const isoTime = z.iso.datetime();

const EXAMPLE_JOB = {
  job_id: 'job_b00j6m2k1x8q4t7v9w3y5z0a2c4e6g8h',
  created_at: '2026-10-01T12:00:00.000Z',
  completed_at: '2026-10-01T12:00:41.000Z',
} as const;

/** The job has its video, and its credits are charged. */
export const JobCompletedEvent = z
  .object({
    type: z.literal('job.completed'),
    timestamp: isoTime.meta({ description: 'When the job ended, not when this try was made.' }),
    data: Completed,
  })
  .meta({
    description: 'A job has its video, and its credits are charged.',
    example: {
      type: 'job.completed',
      timestamp: EXAMPLE_JOB.completed_at,
      data: {
        ...EXAMPLE_JOB,
        status: 'completed',
        result: {
          video: {
            url: 'https://video.example.com/files/TOKEN/video.mp4',
            content_type: 'video/mp4',
            duration: 6,
            width: 1920,
            height: 1080,
            fps: 25,
          },
        },
        credits_charged: 29,
        cost_usd: 0.288,
      },
    },
  });

/** The job made no video, and nothing is charged. */
export const JobFailedEvent = z
  .object({
    type: z.literal('job.failed'),
    timestamp: isoTime,
    data: Failed,
  })
  .meta({
    description: 'A job made no video. Nothing is charged.',
    example: {
      type: 'job.failed',
      timestamp: EXAMPLE_JOB.completed_at,
      data: {
        ...EXAMPLE_JOB,
        status: 'failed',
        error: { code: 'image_not_loadable', message: 'The image could not be loaded from its URL.' },
        credits_charged: 0,
        cost_usd: 0,
      },
    },
  });

/** The job was canceled before it had a video, and nothing is charged. */
export const JobCanceledEvent = z
  .object({
    type: z.literal('job.canceled'),
    timestamp: isoTime,
    data: Canceled,
  })
  .meta({
    description: 'A job was canceled before it had a video. Nothing is charged.',
    example: {
      type: 'job.canceled',
      timestamp: EXAMPLE_JOB.completed_at,
      data: { ...EXAMPLE_JOB, status: 'canceled', credits_charged: 0, cost_usd: 0 },
    },
  });

const UPLOADED_AT = '2026-10-01T12:00:00.000Z';

/** A link has its picture. What is told is the link, as its owner may read it. */
export const UploadCompletedEvent = z
  .object({
    type: z.literal('upload.completed'),
    timestamp: isoTime.meta({ description: 'When the picture came, not when this try was made.' }),
    data: UploadLink.omit({ url: true, result: true })
      .extend({ status: z.literal('uploaded') })
      .required({
        image_url: true,
        content_type: true,
        bytes: true,
        width: true,
        height: true,
        sha256: true,
        uploaded_at: true,
      }),
  })
  .meta({
    description: 'A picture was sent to an upload link. Its job, where it has one, has events of its own.',
    example: {
      type: 'upload.completed',
      timestamp: UPLOADED_AT,
      data: {
        upload_id: 'up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
        status: 'uploaded',
        image_url: 'https://video.example.com/files/TOKEN/up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg',
        created_at: '2026-10-01T11:58:00.000Z',
        expires_at: '2026-10-01T12:28:00.000Z',
        max_bytes: 20_971_520,
        types: ['image/jpeg', 'image/png'],
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        role: 'start',
        metadata: { order: '7' },
        content_type: 'image/jpeg',
        bytes: 2_481_152,
        width: 3024,
        height: 4032,
        uploaded_at: UPLOADED_AT,
        job_id: EXAMPLE_JOB.job_id,
      },
    },
  });
export type UploadCompletedEvent = z.infer<typeof UploadCompletedEvent>;

/** Every event about a job. */
export const JobEvent = z.discriminatedUnion('type', [JobCompletedEvent, JobFailedEvent, JobCanceledEvent]);
export type JobEvent = z.infer<typeof JobEvent>;

/** The schemas by type, in the order of the docs. */
export const EVENT_SCHEMAS = {
  'job.completed': JobCompletedEvent,
  'job.failed': JobFailedEvent,
  'job.canceled': JobCanceledEvent,
  'upload.completed': UploadCompletedEvent,
} as const;

/** Every event. */
const Event = z.discriminatedUnion('type', [...JobEvent.options, UploadCompletedEvent]);

/**
 * An event as the text that is signed and sent. Members that the schema does not name are left out, so nothing internal
 * can leave by an event.
 * @throws {z.ZodError} when the event is not as its schema says, {RangeError} when it is larger than
 * {@link MAX_EVENT_BYTES}: both are mistakes of ours, none of the receiver's.
 */
export function eventText(event: JobEvent | UploadCompletedEvent): string {
  const text = JSON.stringify(Event.parse(event));
  const bytes = utf8(text).length;
  if (bytes > MAX_EVENT_BYTES) throw new RangeError(`an event of ${bytes} bytes is over ${MAX_EVENT_BYTES}`);
  return text;
}
