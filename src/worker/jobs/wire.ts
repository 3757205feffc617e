/** A job as JSON: the status answer of the API, and the `data` of its webhook events. Pure. */

import { dollarsOf } from '../models/model.ts';
import type { JobView } from './contract.ts';

/** The `result` member of an answer. */
export function resultBody(job: JobView, videoUrl: string) {
  const video = job.video;
  if (!video) return undefined;
  return {
    video: {
      url: videoUrl,
      content_type: 'video/mp4' as const,
      duration: video.duration,
      width: video.width,
      height: video.height,
      fps: video.fps,
    },
  };
}

/** The status answer. `videoUrl` is a fresh signed link; only a completed job needs one. */
export function statusBody(job: JobView, videoUrl: string | null) {
  return {
    job_id: job.jobId,
    status: job.status,
    ...(job.phase ? { phase: job.phase } : {}),
    ...(job.queuePosition === undefined ? {} : { queue_position: job.queuePosition }),
    ...(videoUrl === null ? {} : { result: resultBody(job, videoUrl) }),
    ...(job.failure ? { error: { code: job.failure.code, message: job.failure.message } } : {}),
    credits_charged: job.credits,
    cost_usd: dollarsOf(job.cost),
    created_at: new Date(job.createdAt).toISOString(),
    ...(job.endedAt === undefined ? {} : { completed_at: new Date(job.endedAt).toISOString() }),
    ...(job.metadata ? { metadata: job.metadata } : {}),
  };
}
