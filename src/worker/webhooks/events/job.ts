/** The events of a job: `data` is the status answer as it was, or is, at that moment of the job's life. */

import * as z from 'zod';
import { Canceled, Completed, Failed, InProgress } from '../../job-answer.ts';

/** When it happened, as all events say it. */
const timestamp = (what: string) =>
  z.iso.datetime().meta({ description: `When ${what}, not when this try was made.` });

const CREATED_AT = '2026-10-01T12:00:00.000Z';
const STARTED_AT = '2026-10-01T12:00:01.000Z';
const ENDED_AT = '2026-10-01T12:00:41.000Z';

const EXAMPLE = { job_id: 'job_b00j6m2k1x8q4t7v9w3y5z0a2c4e6g8h', created_at: CREATED_AT } as const;
const EXAMPLE_OPEN = {
  ...EXAMPLE,
  status: 'in_progress',
  credits_charged: 29,
  cost_usd: 0.288,
} as const;

/** The job was taken: its credits are held. */
export const JobCreatedEvent = z
  .object({
    type: z.literal('job.created'),
    timestamp: timestamp('the job was made'),
    data: InProgress.omit({ queue_position: true }).extend({ phase: z.literal('queued') }),
  })
  .meta({
    description: 'A job was made, and its credits are held.',
    example: {
      type: 'job.created',
      timestamp: CREATED_AT,
      data: { ...EXAMPLE_OPEN, phase: 'queued' },
    },
  });

/** The job is with whoever renders it. */
export const JobStartedEvent = z
  .object({
    type: z.literal('job.started'),
    timestamp: timestamp('the job was handed on to be rendered'),
    data: InProgress.omit({ queue_position: true }).extend({ phase: z.literal('rendering') }),
  })
  .meta({
    description: 'A job was handed on to be rendered. Once a job.',
    example: {
      type: 'job.started',
      timestamp: STARTED_AT,
      data: { ...EXAMPLE_OPEN, phase: 'rendering' },
    },
  });

/** The job has its video, and its credits are charged. */
export const JobCompletedEvent = z
  .object({
    type: z.literal('job.completed'),
    timestamp: timestamp('the job ended'),
    data: Completed,
  })
  .meta({
    description: 'A job has its video, and its credits are charged.',
    example: {
      type: 'job.completed',
      timestamp: ENDED_AT,
      data: {
        ...EXAMPLE,
        completed_at: ENDED_AT,
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
    timestamp: timestamp('the job ended'),
    data: Failed,
  })
  .meta({
    description: 'A job made no video. Nothing is charged.',
    example: {
      type: 'job.failed',
      timestamp: ENDED_AT,
      data: {
        ...EXAMPLE,
        completed_at: ENDED_AT,
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
    timestamp: timestamp('the job ended'),
    data: Canceled,
  })
  .meta({
    description: 'A job was canceled before it had a video. Nothing is charged.',
    example: {
      type: 'job.canceled',
      timestamp: ENDED_AT,
      data: { ...EXAMPLE, completed_at: ENDED_AT, status: 'canceled', credits_charged: 0, cost_usd: 0 },
    },
  });

/** Every event about a job. */
export const JobEvent = z.discriminatedUnion('type', [
  JobCreatedEvent,
  JobStartedEvent,
  JobCompletedEvent,
  JobFailedEvent,
  JobCanceledEvent,
]);
export type JobEvent = z.infer<typeof JobEvent>;
