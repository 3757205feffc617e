/**
 * A job as JSON, as schemas: the status answer of the API, and the `data` of its events. What they describe is made in
 * jobs/wire.ts. Pure.
 */

import * as z from 'zod';
import { JOB_ERROR_CODES } from './errors.ts';

export const Video = z
  .object({
    url: z.url().meta({ description: 'A signed link that expires. Reading the status gives a fresh one.' }),
    content_type: z.literal('video/mp4'),
    duration: z.number().meta({ description: 'Seconds.' }),
    width: z.int(),
    height: z.int(),
    fps: z.number(),
  })
  .meta({ id: 'Video' });

export const Result = z.object({ video: Video }).meta({ id: 'Result' });

export const JobError = z.object({ code: z.enum(JOB_ERROR_CODES), message: z.string() });

export const jobId = z.string().meta({ example: 'job_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fg9' });
const time = z.iso.datetime();

/** What a job holds or has cost. */
export const price = {
  credits_charged: z
    .int()
    .meta({ description: '1 credit is $0.01. Held while open, charged only on success.' }),
  cost_usd: z.number().meta({ description: 'US dollars.' }),
};
const uncharged = { credits_charged: z.literal(0), cost_usd: z.literal(0) };

const common = {
  job_id: jobId,
  created_at: time,
  metadata: z.record(z.string(), z.string()).optional(),
};

export const InProgress = z.object({
  ...common,
  ...price,
  status: z.literal('in_progress'),
  phase: z.enum(['queued', 'rendering', 'storing']),
  queue_position: z.int().optional(),
});
export const Completed = z.object({
  ...common,
  ...price,
  status: z.literal('completed'),
  result: Result,
  completed_at: time,
});
export const Failed = z.object({
  ...common,
  ...uncharged,
  status: z.literal('failed'),
  error: JobError,
  completed_at: time,
});
export const Canceled = z.object({
  ...common,
  ...uncharged,
  status: z.literal('canceled'),
  completed_at: time,
});
