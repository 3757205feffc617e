/** One example of each problem that the API answers with, so that the docs are made by the map that makes the answers. */

import {
  type Failure,
  JOB_ERROR_CODES,
  type JobErrorCode,
  type Problem,
  problemOf,
  problemSlug,
} from '../errors.ts';

const EXAMPLE_TIME = Date.UTC(2026, 9, 2, 12);

/** Every tag of {@link Failure} with an example of each of its variants: a new tag does not compile without one. */
const EXAMPLES: { readonly [Tag in Failure['tag']]: readonly Extract<Failure, { tag: Tag }>[] } = {
  malformed_body: [{ tag: 'malformed_body', detail: 'The body is not valid JSON.' }],
  invalid_request: [
    {
      tag: 'invalid_request',
      errors: [{ pointer: '/duration', detail: 'must be one of 6, 8, 10, 12, 14, 16, 18, 20' }],
    },
  ],
  invalid_idempotency_key: [{ tag: 'invalid_idempotency_key' }],
  conflicting_credentials: [{ tag: 'conflicting_credentials' }],
  unauthorized: [{ tag: 'unauthorized' }],
  insufficient_credits: [{ tag: 'insufficient_credits', required: 29, balance: 3 }],
  forbidden_link: [{ tag: 'forbidden_link' }],
  invalid_signature: [{ tag: 'invalid_signature' }],
  not_found: [{ tag: 'not_found' }],
  method_not_allowed: [{ tag: 'method_not_allowed', allow: 'POST' }],
  job_ended: [{ tag: 'job_ended', status: 'completed' }],
  job_canceled: [{ tag: 'job_canceled', jobId: 'job_…' }],
  reference_conflict: [{ tag: 'reference_conflict' }],
  gone: [
    { tag: 'gone', what: 'job' },
    { tag: 'gone', what: 'idempotency_key' },
    { tag: 'gone', what: 'upload_link' },
  ],
  body_too_large: [{ tag: 'body_too_large', limit: 16_777_216 }],
  unsupported_media_type: [{ tag: 'unsupported_media_type', expected: 'application/json' }],
  range_not_satisfiable: [{ tag: 'range_not_satisfiable', size: 1_048_576 }],
  idempotency_mismatch: [{ tag: 'idempotency_mismatch' }],
  generation_failed: [
    {
      tag: 'generation_failed',
      jobId: 'job_…',
      failure: { code: 'image_not_loadable', message: 'The image could not be loaded from its URL.' },
    },
  ],
  unavailable: (
    [
      'jobs',
      'credits',
      'storage',
      'upstream',
      'configuration',
      'directory',
      'webhook_secret',
      'resolver',
    ] as const
  ).map((part) => ({ tag: 'unavailable', part, retryAfter: 5 })),
  internal: [{ tag: 'internal' }],
  link_closed: (['used', 'expired', 'revoked'] as const).map((reason) => ({ tag: 'link_closed', reason })),
  upload_lost: [{ tag: 'upload_lost' }],
  digest_mismatch: [{ tag: 'digest_mismatch' }],
  link_used: [{ tag: 'link_used' }],
  not_uploaded: [{ tag: 'not_uploaded', status: 'pending' }],
  no_job: [{ tag: 'no_job' }],
  picture_expired: [{ tag: 'picture_expired' }],
  rate_limited: [{ tag: 'rate_limited', retryAfter: 60 }],
  tus_version: [{ tag: 'tus_version' }],
  offset_mismatch: [{ tag: 'offset_mismatch', offset: 65_536 }],
  checksum_mismatch: [{ tag: 'checksum_mismatch' }],
  too_many_endpoints: [{ tag: 'too_many_endpoints', limit: 20 }],
  too_many_secrets: [{ tag: 'too_many_secrets', limit: 10, freeAt: EXAMPLE_TIME }],
  endpoint_disabled: [{ tag: 'endpoint_disabled' }],
  endpoint_deleted: [{ tag: 'endpoint_deleted' }],
  event_expired: [{ tag: 'event_expired' }],
};

/** Every problem by example, in the order of their statuses. */
export const PROBLEMS: readonly Problem[] = Object.values(EXAMPLES)
  .flat()
  .map((failure) => problemOf(failure))
  .sort((a, b) => a.status - b.status);

/** The problem whose type's URL ends in `slug`, by example; null when there is none. */
export function problemOfSlug(slug: string): Problem | null {
  return PROBLEMS.find(({ code }) => problemSlug(code) === slug) ?? null;
}

/** What each reason of a failed job means, and what helps. */
export const JOB_ERROR_MEANINGS: Readonly<Record<JobErrorCode, string>> = {
  content_policy_violation: 'The prompt or an image was refused by the content policy. Change it.',
  image_not_loadable:
    'An image could not be fetched from its URL. It must be public and answer without a login.',
  image_too_large: 'An image has too many pixels or bytes. Send a smaller one.',
  image_too_small: 'An image has too few pixels. Send a larger one.',
  unsupported_image: 'An image is of a type that the model does not take, or is damaged.',
  invalid_input: 'The model refused a combination of parameters.',
  upstream_busy: 'Video generation was at its limit. Send the job again later.',
  upstream_timeout: 'Video generation took too long. Send the job again.',
  upstream_error: 'Video generation failed on its side. Send the job again.',
  upstream_rejected_credentials:
    'This deployment is not allowed to generate videos. Its operator has to correct that.',
  submit_outcome_unknown: 'It could not be told whether the video was started. Send the job again.',
  deadline_exceeded: 'The job was not done within its deadline. Send it again.',
  result_unavailable: 'The video was made but could not be fetched. Send the job again.',
  result_invalid: 'What was made is no playable video. Send the job again.',
};

/** The reasons in the order of the docs. */
export const JOB_ERRORS = JOB_ERROR_CODES.map((code) => ({ code, meaning: JOB_ERROR_MEANINGS[code] }));
