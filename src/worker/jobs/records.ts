/** Stored JSON of a shard, as zod schemas: what is read back from a database is checked like any other input. */

import * as z from 'zod';
import { JOB_ERROR_CODES } from '../errors.ts';
import { IMAGE_TYPES } from '../media/contract.ts';
import { JOB_EVENT_TYPES } from '../webhooks/types.ts';
import type { JobRequest } from './contract.ts';
import { type Job, newJob } from './job.ts';

/** Where an image of a job comes from, as stored. */
export const StoredSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('url'), url: z.string() }),
  z.object({ kind: z.literal('stored'), key: z.string(), type: z.enum(IMAGE_TYPES), sha256: z.string() }),
]);

const StoredRequest = z.object({
  model: z.string(),
  input: z.record(z.string(), z.unknown()),
  images: z.object({ start: StoredSource, end: StoredSource.optional() }),
  usualMs: z.number(),
  webhookUrl: z.string().optional(),
  webhookEvents: z.array(z.enum(JOB_EVENT_TYPES)).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});

const StoredProgress = z
  .object({
    usualMs: z.number(),
    handle: z
      .object({
        requestId: z.string(),
        statusUrl: z.string(),
        responseUrl: z.string(),
        cancelUrl: z.string(),
      })
      .nullable(),
    submittedAt: z.number().nullable(),
    rendering: z.boolean(),
    queuePosition: z.number().nullable(),
    polledAt: z.number().nullable(),
    cancel: z.enum(['none', 'requested', 'sent']),
    attempts: z.number(),
    notFound: z.number(),
    unknownUntil: z.number().nullable(),
    source: z
      .object({
        url: z.string(),
        contentType: z.string().optional(),
        duration: z.number().optional(),
        width: z.number().optional(),
        height: z.number().optional(),
        fps: z.number().optional(),
      })
      .nullable(),
    video: z
      .object({
        key: z.string(),
        bytes: z.number(),
        duration: z.number(),
        width: z.number(),
        height: z.number(),
        fps: z.number(),
      })
      .nullable(),
    failure: z.object({ code: z.enum(JOB_ERROR_CODES), message: z.string() }).nullable(),
  })
  // What is not there is as every job begins.
  .partial()
  .required({ usualMs: true });

/** The request of a job from its column. */
export function readRequest(text: string): JobRequest {
  return StoredRequest.parse(JSON.parse(text)) as JobRequest;
}

/** The part of a job that its `progress` column holds. */
export type Progress = Omit<Job, 'state' | 'createdAt' | 'endedAt'>;

/** What every job begins with. It is not written, since most of a young job's row would be that, so it must never change. */
const {
  state: _state,
  createdAt: _createdAt,
  endedAt: _endedAt,
  usualMs: _usualMs,
  ...BEGINNING
} = newJob(0, 0);
const MEMBERS = Object.keys(BEGINNING) as (keyof typeof BEGINNING)[];

/** The progress of a job from its column. */
export function readProgress(text: string): Progress {
  return { ...BEGINNING, ...StoredProgress.parse(JSON.parse(text)) } as Progress;
}

/** The `progress` column of a job: what is no longer as it began. */
export function writeProgress(job: Job): string {
  const changed: Record<string, unknown> = { usualMs: job.usualMs };
  for (const name of MEMBERS) if (job[name] !== BEGINNING[name]) changed[name] = job[name];
  return JSON.stringify(changed);
}
