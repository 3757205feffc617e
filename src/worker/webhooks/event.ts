/**
 * The events that we send, one schema each: `{type, timestamp, data}` as Standard Webhooks recommends. The OpenAPI
 * document lists the schemas under `webhooks`.
 */

import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { Canceled, Completed, Failed } from '../job-answer.ts';

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

/** Every event about a job. */
export const JobEvent = z.discriminatedUnion('type', [JobCompletedEvent, JobFailedEvent, JobCanceledEvent]);
export type JobEvent = z.infer<typeof JobEvent>;

/** The schemas by type, in the order of the docs. */
export const EVENT_SCHEMAS = {
  'job.completed': JobCompletedEvent,
  'job.failed': JobFailedEvent,
  'job.canceled': JobCanceledEvent,
} as const;

/**
 * An event as the text that is signed and sent. Members that the schema does not name are left out, so nothing internal
 * can leave by an event.
 * @throws {z.ZodError} when the event is not as its schema says, {RangeError} when it is larger than
 * {@link MAX_EVENT_BYTES}: both are mistakes of ours, none of the receiver's.
 */
export function jobEvent(event: JobEvent): string {
  const text = JSON.stringify(JobEvent.parse(event));
  const bytes = utf8(text).length;
  if (bytes > MAX_EVENT_BYTES) throw new RangeError(`an event of ${bytes} bytes is over ${MAX_EVENT_BYTES}`);
  return text;
}
