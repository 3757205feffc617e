/** A job's status and its cancel. */

import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import * as z from 'zod';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticate, authenticateAnyBody } from '../http/auth.ts';
import { granted, reached } from '../http/outcome.ts';
import { shardOfId } from '../ids.ts';
import { ShardClient } from '../jobs/client.ts';
import { foundJob, statusAnswer } from './job-answers.ts';
import { JobStatus, json, KEY_BODY, KEY_IN_BODY, POLL_HEADERS, problems, SECURITY } from './schemas.ts';

/** Longest `?wait=`, in seconds: common proxies and clients allow a silent connection at least this long. */
const MAX_WAIT_S = 60;
const SECOND_MS = 1_000;
const WAIT_RANGE = `must be 0 to ${MAX_WAIT_S}`;

const params = z.object({ job_id: z.string().meta({ example: 'job_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fg9' }) });

const status = createRoute({
  method: 'get',
  path: '/api/fal/status/{job_id}',
  summary: 'Status of a job',
  tags: ['Jobs'],
  security: SECURITY,
  middleware: [authenticate] as const,
  request: {
    params,
    query: z.object({
      wait: z
        .string({ error: 'must not be given twice' })
        .regex(/^\d{1,2}$/, WAIT_RANGE)
        .transform(Number)
        .refine((seconds) => seconds <= MAX_WAIT_S, { error: WAIT_RANGE })
        .optional()
        .meta({
          description: `Seconds, up to ${MAX_WAIT_S}, to hold the answer until the job ends.`,
          type: 'integer',
        }),
    }),
  },
  responses: {
    200: json(JobStatus, 'The job as it is now.', POLL_HEADERS),
    ...problems(400, 401, 404, 410),
  },
});

const cancel = createRoute({
  method: 'post',
  path: '/api/jobs/{job_id}/cancel',
  summary: 'Cancel a job',
  description:
    'A job that has not been sent yet is canceled at once. Else upstream is asked, and its outcome decides.',
  tags: ['Jobs'],
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateAnyBody] as const,
  request: { params, body: KEY_BODY },
  responses: {
    200: json(JobStatus, 'Canceled.'),
    202: json(JobStatus, 'Upstream has still to agree.', POLL_HEADERS),
    ...problems(400, 401, 404, 409, 410, 413),
  },
});

/** The shard of a job of the caller's. A guessed id, and every other account's, touches no object. */
function shardOf(c: Context<App>, jobId: string): ShardClient {
  const shard = shardOfId(c.get('config').SIGNING_SECRETS, 'job', c.get('caller').account, jobId);
  if (!shard) throw new ApiError({ tag: 'not_found' });
  return new ShardClient(c.env, shard);
}

export const jobRoutes = createRouter();

jobRoutes.openapi(status, async (c) => {
  const jobId = c.req.valid('param').job_id;
  const waitMs = (c.req.valid('query').wait ?? 0) * SECOND_MS;
  const client = shardOf(c, jobId);
  const query = { jobId, keyHash: c.get('caller').keyHash };
  const outcome = await reached(() => (waitMs > 0 ? client.wait(query, waitMs) : client.status(query)), {
    jobId,
  });
  return (await statusAnswer(c, foundJob(outcome))) as never;
});

jobRoutes.openapi(cancel, async (c) => {
  const jobId = c.req.valid('param').job_id;
  const client = shardOf(c, jobId);
  const outcome = granted(
    await reached(() => client.cancel({ jobId, keyHash: c.get('caller').keyHash }), { jobId }),
  );
  switch (outcome.kind) {
    case 'canceled':
      return (await statusAnswer(c, outcome.job)) as never;
    case 'requested': {
      const answer = await statusAnswer(c, outcome.job);
      return new Response(answer.body, { status: 202, headers: answer.headers }) as never;
    }
    case 'ended':
      throw new ApiError({ tag: 'job_ended', status: outcome.job.status });
    default:
      return (await statusAnswer(c, foundJob(outcome))) as never;
  }
});
