/** Jobs as answers. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { granted } from '../http/outcome.ts';
import type { ShardClient } from '../jobs/client.ts';
import type { JobView, StatusOutcome } from '../jobs/contract.ts';
import { videoUrl } from '../jobs/video-url.ts';
import { resultBody, statusBody } from '../jobs/wire.ts';
import { dollarsOf } from '../models/model.ts';
import type { SubmittedJob } from './submit-job.ts';

const SECOND_MS = 1_000;
/** `Retry-After` of an open job, in seconds. Polling faster tells nothing more: upstream is asked less often. */
const POLL_AFTER_S = 2;

/** The status answer of a job, with a fresh link. */
export async function statusAnswer(c: Context<App>, job: JobView): Promise<Response> {
  const body = statusBody(job, await freshUrl(c, job));
  return c.json(body, 200, {
    'Cache-Control': 'no-store',
    ...(job.status === 'in_progress' ? { 'Retry-After': String(POLL_AFTER_S) } : {}),
  });
}

/** The job of a status outcome. @throws {ApiError} for every other outcome. */
export function foundJob(outcome: StatusOutcome): JobView {
  const found = granted(outcome);
  switch (found.kind) {
    case 'found':
      return found.job;
    case 'not_found':
      throw new ApiError({ tag: 'not_found' });
    case 'gone':
      throw new ApiError({ tag: 'gone', what: 'job' });
  }
}

/** The answer to a submit: the video when it is there, else where to ask for it. */
export async function answerSubmit(
  c: Context<App>,
  submitted: SubmittedJob,
  mode: 'inline' | 'polling',
): Promise<Response> {
  const { client, job: first, replayed } = submitted;
  if (replayed) c.header('Idempotent-Replayed', 'true');
  if (mode === 'polling') {
    return first.status === 'in_progress' ? accepted(first, replayed) : statusAnswer(c, first);
  }
  const job = first.status === 'in_progress' ? await ended(c, client, first) : first;
  switch (job.status) {
    case 'in_progress':
      return accepted(job, replayed);
    case 'completed': {
      const url = (await freshUrl(c, job)) ?? '';
      return c.json(
        {
          job_id: job.jobId,
          result: resultBody(job, url),
          credits_charged: job.credits,
          cost_usd: dollarsOf(job.cost),
        },
        200,
        { 'Cache-Control': 'no-store' },
      );
    }
    case 'failed':
      throw new ApiError({
        tag: 'generation_failed',
        jobId: job.jobId,
        failure: job.failure ?? { code: 'upstream_error', message: 'The video could not be generated.' },
      });
    case 'canceled':
      throw new ApiError({ tag: 'job_canceled', jobId: job.jobId });
  }
}

/**
 * The job once it has ended, or as it is when the inline wait is over. It has been taken in, so nothing that goes wrong
 * from here on may look like a refusal: who cannot wait for it is told where to ask.
 */
async function ended(c: Context<App>, client: ShardClient, job: JobView): Promise<JobView> {
  const query = { jobId: job.jobId, keyHash: c.get('caller').keyHash };
  try {
    const outcome = await client.wait(query, inlineWaitMs(c));
    return outcome.kind === 'found' ? outcome.job : job;
  } catch (cause) {
    console.warn({ event: 'inline_wait_lost', job_id: job.jobId, cause: String(cause) });
    return job;
  }
}

/** Not by way of Hono, which makes two sets of headers for one: this is the answer that there is most of. */
function accepted(job: JobView, replayed: boolean): Response {
  return Response.json(
    { job_id: job.jobId, status: 'in_progress', credits_charged: job.credits, cost_usd: dollarsOf(job.cost) },
    {
      status: 202,
      headers: {
        'Cache-Control': 'no-store',
        Location: `/api/fal/status/${job.jobId}`,
        'Retry-After': String(POLL_AFTER_S),
        ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}),
      },
    },
  );
}

function freshUrl(c: Context<App>, job: JobView): Promise<string | null> {
  const config = c.get('config');
  return videoUrl(config, c.get('caller').account, job, Date.now() + config.FILE_LINK_TTL_S * SECOND_MS);
}

/** The inline wait of the configuration, shortened by `Prefer: wait=N` (RFC 7240 §4.3). */
function inlineWaitMs(c: Context<App>): number {
  const configured = c.get('config').INLINE_WAIT_S;
  const preferred = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(
    c.req.header('prefer') ?? '',
  )?.[1];
  return Math.min(configured, preferred === undefined ? configured : Number(preferred)) * SECOND_MS;
}
