/**
 * An upload link as JSON, as schemas: what its owner is told, also in events, and what whoever holds it is told. What
 * they describe is made in wire.ts. Pure.
 */

import * as z from 'zod';
import { JOB_ERROR_CODES } from '../errors.ts';
import { JobError, jobId, Result, Video } from '../job-answer.ts';
import { IMAGE_TYPES } from '../media/contract.ts';
import { IMAGE_ROLES } from '../media/storage.ts';
import { LINK_EVENT_TYPES } from '../webhooks/types.ts';

const time = z.iso.datetime();

/** What was uploaded. */
const picture = {
  content_type: z.enum(IMAGE_TYPES).optional().meta({ description: 'By its content.' }),
  bytes: z.int().optional(),
  width: z.int().optional().meta({ description: 'Pixels, as shown.' }),
  height: z.int().optional(),
  uploaded_at: time.optional(),
};

/** What the link takes. */
const limits = {
  expires_at: time.meta({ description: 'No picture is taken from then on.' }),
  max_bytes: z.int(),
  types: z.array(z.enum(IMAGE_TYPES)),
};

/** Why the attached job has not started, or why it failed. */
export const LINK_JOB_ERROR_CODES = ['insufficient_credits', ...JOB_ERROR_CODES] as const;

/** A link as its owner is told. */
export const UploadLink = z
  .object({
    upload_id: z.string().meta({ example: 'up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg' }),
    status: z.enum(['pending', 'uploaded', 'expired', 'revoked']),
    url: z
      .url()
      .optional()
      .meta({ description: 'Give it to whoever has the picture. Only while the link is pending.' }),
    image_url: z.url().optional().meta({
      description:
        'Whatever was uploaded: usable as image_url of a job of this account. Not of a link that can have no picture any more.',
    }),
    created_at: time,
    ...limits,
    sha256: z
      .string()
      .optional()
      .meta({ description: 'The only file that is taken; later, what was uploaded.' }),
    role: z.enum(IMAGE_ROLES).meta({ description: 'Which image of the job the upload is.' }),
    redirect_url: z.string().optional(),
    webhook_url: z.string().optional(),
    webhook_events: z
      .array(z.enum(LINK_EVENT_TYPES))
      .optional()
      .meta({ description: 'What webhook_url gets, where the request named it.' }),
    metadata: z.record(z.string(), z.string()).optional(),
    model: z.string().optional().meta({ description: 'Of the attached job, like its price.' }),
    cost_usd: z.number().optional().meta({ description: 'US dollars. Fixed when the link was made.' }),
    credits: z.int().optional(),
    ...picture,
    job_id: jobId.optional().meta({ description: 'The job that the upload has started.' }),
    job_error: z
      .object({ code: z.enum(LINK_JOB_ERROR_CODES), message: z.string() })
      .optional()
      .meta({ description: 'Why the attached job has not started, or why it made no video.' }),
    result: Result.optional().meta({ description: 'Once the job has its video.' }),
  })
  .meta({ id: 'UploadLink' });

/** A page of links. */
export const UploadLinks = z
  .object({
    data: z.array(UploadLink),
    next_cursor: z.string().nullable().meta({ description: 'null on the last page.' }),
  })
  .meta({ id: 'UploadLinks' });

/**
 * `waiting`: for the picture. `on_hold`: the picture is there, and whoever made the link has to start the job.
 * `expired`: the job ended longer ago than results are kept.
 */
export const PUBLIC_JOB_STATUSES = [
  'waiting',
  'starting',
  'on_hold',
  'in_progress',
  'completed',
  'failed',
  'canceled',
  'expired',
] as const;

/** A link as whoever holds it is told: nothing of the account, its key, its prices or its metadata. */
export const PublicLink = z
  .object({
    status: z.enum(['pending', 'uploaded', 'expired', 'revoked']),
    ...limits,
    ...picture,
    sha256: z
      .string()
      .optional()
      .meta({ description: 'The only file that is taken; later, what was uploaded.' }),
    job: z
      .object({
        status: z.enum(PUBLIC_JOB_STATUSES),
        phase: z.enum(['queued', 'rendering', 'storing']).optional(),
        queue_position: z.int().optional(),
        error: JobError.optional(),
      })
      .optional()
      .meta({ description: 'Where the picture becomes a video.' }),
    video: Video.optional().meta({
      description: 'Once it is there. The link to it expires; ask again for a fresh one.',
    }),
  })
  .meta({ id: 'PublicUploadLink' });
