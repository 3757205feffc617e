/**
 * What an upstream's errors mean to us and to the customer: the one place where that is decided. Pure. Nothing of the
 * upstream's own words reaches a customer.
 */

import * as z from 'zod';
import type { JobErrorCode, JobFailure } from '../errors.ts';
import type { UpstreamFailed } from './contract.ts';
import { FIELDS, type InputField, type UpstreamError } from './error.ts';
import { CODE_OF_TYPE, VAGUE_TYPES } from './error-types.ts';

/** Whether the error's type says for certain, and well enough for a customer, how the request ended. */
export function tellsTheEnd(error: UpstreamError): boolean {
  return error.type !== undefined && CODE_OF_TYPE.has(error.type) && !VAGUE_TYPES.has(error.type);
}

/**
 * The end that a status's own error is, or null when the result call must tell. A status names a type at most: for an
 * error of the input it leaves open which field is wrong, and a customer who is told that can mend it.
 */
export function endOfStatus(error: UpstreamError): UpstreamFailed | null {
  if (!tellsTheEnd(error)) return null;
  const end = failedBy(error);
  return end.failure.code.startsWith('upstream_') ? end : null;
}

/** The end that this error is. */
export function failedBy(error: UpstreamError): UpstreamFailed {
  if (error.type === 'client_cancelled') {
    return {
      kind: 'failed',
      canceled: true,
      failure: { code: 'upstream_error', message: 'The video was canceled before it was made.' },
    };
  }
  const byStatus = codeOfStatus(error.status);
  const settled = byStatus === 'upstream_rejected_credentials' && !tellsTheEnd(error);
  const code = settled ? byStatus : (CODE_OF_TYPE.get(error.type ?? '') ?? byStatus);
  return { kind: 'failed', failure: failureOf(code, error.field) };
}

function codeOfStatus(status: number | null): JobErrorCode {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return 'invalid_input';
    case 401:
    case 402:
    case 403:
      return 'upstream_rejected_credentials';
    case 429:
    case 503:
      return 'upstream_busy';
    case 408:
    case 504:
      return 'upstream_timeout';
    default:
      return 'upstream_error';
  }
}

/** Our own sentence for a code, naming the field where one is known. */
export function failureOf(code: JobErrorCode, field?: InputField): JobFailure {
  const image = field === 'image_url' || field === 'end_image_url' ? FIELDS[field] : 'An image';
  return { code, message: sentence(code, image, field) };
}

function sentence(code: JobErrorCode, image: string, field?: InputField): string {
  switch (code) {
    case 'content_policy_violation':
      return `${field ? FIELDS[field] : 'The prompt or an image'} was refused by the content policy. Change it and send a new job.`;
    case 'image_not_loadable':
      return `${image} could not be loaded. Check that its URL is public and answers with an image, or upload the image.`;
    case 'image_too_large':
      return `${image} is too large. Send one with fewer pixels or bytes.`;
    case 'image_too_small':
      return `${image} is too small. Send one with more pixels.`;
    case 'unsupported_image':
      return `${image} is of a type that cannot be used. Send a PNG, JPEG, WebP, AVIF or HEIF.`;
    case 'invalid_input':
      return field
        ? `${FIELDS[field]} was not accepted. Change it and send a new job.`
        : 'The input was not accepted. Check the prompt, the images and the options against the documentation.';
    case 'upstream_busy':
      return 'No capacity was free to make this video. Try again in a few minutes.';
    case 'upstream_timeout':
      return 'Making this video took too long. Try again, or choose a shorter duration or a lower resolution.';
    case 'upstream_rejected_credentials':
      return "The operator's upstream account was not allowed to make this video. Ask the operator of this service to check it.";
    case 'result_unavailable':
      return 'The video was made but could not be fetched in time. Send the job again.';
    case 'result_invalid':
      return 'What was made is not a video. Try again, or change the prompt or the image.';
    case 'submit_outcome_unknown':
      return 'The job was sent for generation but nothing was heard of it in time. Send it again.';
    case 'deadline_exceeded':
      return 'The video was not ready in time. Send the job again.';
    case 'upstream_error':
      return 'Something went wrong while the video was made. Try again; if it happens again, change the prompt or the image.';
  }
}

/** What an answer to a submit that is no 2xx proves. */
export type SubmitVerdict = 'refused' | 'not_accepted' | 'unknown';

/**
 * Statuses by which Cloudflare says that it sent nothing to the origin: connection refused, origin unreachable, TLS
 * failed (twice), DNS failed. A deployed Worker gets these where a local one gets a thrown error. 520, 522 and 524
 * are not among them: there the request may have arrived.
 */
const NEVER_CONNECTED: ReadonlySet<number> = new Set([521, 523, 525, 526, 530]);

/** 4xx that are about the exchange and not about what was asked. */
const UNSETTLED: ReadonlySet<number> = new Set([408, 409, 425, 499]);

/** Decides what a submit's failing status proves. fal has no idempotency key, so doubt means `unknown`. */
export function submitVerdict(status: number): SubmitVerdict {
  if (status === 429 || NEVER_CONNECTED.has(status)) return 'not_accepted';
  return status >= 400 && status < 500 && !UNSETTLED.has(status) ? 'refused' : 'unknown';
}

const StillOpen = z.union([
  z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS']) }),
  z.object({ detail: z.string().regex(/still in progress|not (yet )?(completed|ready)/i) }),
]);

/**
 * Whether the answer to a result call says that it came too early: a status instead of an output, or a 400. That one
 * carries no type, so its text decides.
 */
export function isStillOpen(status: number, body: unknown): boolean {
  return (status < 300 || status === 400) && StillOpen.safeParse(body).success;
}

/** What an answer to a result call that is no 2xx means. */
export type ResultVerdict = 'ended' | 'gone' | 'transient';

/** 4xx that are about us or the exchange and may pass: a revoked key, a rate limit. */
const PASSING: ReadonlySet<number> = new Set([401, 402, 403, 405, 408, 409, 425, 429]);

/**
 * Decides whether the answer to a result call is how the job ended, or only how the call went. fal has no FAILED
 * status: it answers the result call of a failed job with the error's own status, so a 503 may be either.
 */
export function resultVerdict(error: UpstreamError): ResultVerdict {
  const status = error.status ?? 0;
  if (status === 404 || status === 410) return 'gone';
  if (status < 400 || status === 429) return 'transient';
  if (error.type !== undefined && CODE_OF_TYPE.has(error.type)) return 'ended';
  if (status === 422 || status === 499) return 'ended';
  if (PASSING.has(status) || !error.shaped) return 'transient';
  // A gateway's 502 to 504 is no end unless fal says that repeating does not help; any other shaped error is.
  return status > 500
    ? error.retryable === false
      ? 'ended'
      : 'transient'
    : error.retryable
      ? 'transient'
      : 'ended';
}
