/** A link as JSON: for its owner, also in events, and for whoever holds its address. Pure; answer.ts has the schemas. */

import type { JobErrorCode } from '../errors.ts';
import { resultBody } from '../jobs/wire.ts';
import { dollarsOf } from '../models/model.ts';
import type { LinkView } from './contract.ts';

/** Addresses that whoever answers has minted. Those that do not fit the link's state are left out. */
export interface LinkAddresses {
  /** Where the picture is sent: told while the link is pending. */
  readonly url: string | null;
  /** The picture as an image of a job: told until it can no longer come. */
  readonly imageUrl: string;
  /** Of the finished job. */
  readonly videoUrl?: string | null;
}

/** What the owner is told: the answer of the API, and the `data` of `upload.completed`. */
export function linkBody(link: LinkView, { url, imageUrl, videoUrl }: LinkAddresses) {
  const { uploadId, status, spec, jobId, job } = link;
  const error = jobError(link);
  const sha256 = link.image?.sha256 ?? spec.sha256;
  const result = job && videoUrl ? resultBody(job, videoUrl) : undefined;
  return {
    upload_id: uploadId,
    status,
    ...(status === 'pending' && url !== null ? { url } : {}),
    ...(status === 'pending' || link.image ? { image_url: imageUrl } : {}),
    created_at: iso(link.createdAt),
    ...limits(link),
    ...(sha256 === undefined ? {} : { sha256 }),
    role: spec.role,
    ...(spec.redirectUrl === undefined ? {} : { redirect_url: spec.redirectUrl }),
    ...(spec.webhookUrl === undefined ? {} : { webhook_url: spec.webhookUrl }),
    ...(spec.webhookEvents === undefined ? {} : { webhook_events: [...spec.webhookEvents] }),
    ...(spec.metadata === undefined ? {} : { metadata: spec.metadata }),
    ...(spec.job === undefined
      ? {}
      : { model: spec.job.model, cost_usd: dollarsOf(spec.job.cost), credits: spec.job.credits }),
    ...picture(link),
    ...(jobId === undefined ? {} : { job_id: jobId }),
    ...(error === null ? {} : { job_error: error }),
    ...(result === undefined ? {} : { result }),
  };
}

/** What whoever holds the link may see: nothing of the account, its key, its other jobs, its prices or its metadata. */
export function publicBody(link: LinkView, { videoUrl = null }: { readonly videoUrl?: string | null } = {}) {
  const { status, spec, job } = link;
  const sha256 = link.image?.sha256 ?? spec.sha256;
  const video = job && videoUrl !== null ? resultBody(job, videoUrl)?.video : undefined;
  return {
    status,
    ...limits(link),
    ...picture(link),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(isJobToTell(link) ? { job: publicJob(link) } : {}),
    ...(video === undefined ? {} : { video }),
  };
}

/** Of a link that takes no picture any more no job waits; one that was started goes on. */
function isJobToTell({ start, status, jobId }: LinkView): boolean {
  return start !== 'none' && (status === 'pending' || status === 'uploaded' || jobId !== undefined);
}

function limits({ spec }: LinkView) {
  return { expires_at: iso(spec.expiresAt), max_bytes: spec.maxBytes, types: [...spec.types] };
}

function picture({ image, uploadedAt }: LinkView) {
  return {
    ...(image === undefined
      ? {}
      : { content_type: image.type, bytes: image.bytes, width: image.width, height: image.height }),
    ...(uploadedAt === undefined ? {} : { uploaded_at: iso(uploadedAt) }),
  };
}

/** Why there is no video and none is on its way; null where that is not so. */
function jobError({
  start,
  spec,
  job,
  uploadId,
}: LinkView): { code: 'insufficient_credits' | JobErrorCode; message: string } | null {
  if (start === 'insufficient_credits') {
    const message = `The job needs ${spec.job?.credits} credits, and the account had fewer. Add credits, then send POST /api/upload-links/${uploadId}/submit.`;
    return { code: 'insufficient_credits', message };
  }
  return job?.failure ? { code: job.failure.code, message: job.failure.message } : null;
}

/** The job as the holder may see it. That credits are missing is between the account and us. */
function publicJob({ start, job }: LinkView) {
  if (job) {
    return {
      status: job.status,
      ...(job.phase === undefined ? {} : { phase: job.phase }),
      ...(job.queuePosition === undefined ? {} : { queue_position: job.queuePosition }),
      ...(job.failure ? { error: { code: job.failure.code, message: job.failure.message } } : {}),
    };
  }
  switch (start) {
    case 'insufficient_credits':
      return { status: 'on_hold' as const };
    case 'starting':
      return { status: 'starting' as const };
    case 'started':
      // Its retention is over.
      return { status: 'expired' as const };
    default:
      return { status: 'waiting' as const };
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
