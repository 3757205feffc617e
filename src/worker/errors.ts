/**
 * Every way a request can fail, as one tagged union, and the one exhaustive map from it to HTTP. Pure.
 *
 * The wire form is RFC 9457 `application/problem+json`. `code` is stable and documented; `detail` is for people and
 * may change. Nothing internal is ever put into a problem: what is not in a failure cannot leak.
 */

import { isLinkFailure, type LinkFailure, linkProblemOf } from './links/failures.ts';
import { type Unavailable, unavailableDetail } from './unavailable.ts';
import { isWebhookFailure, type WebhookFailure, webhookProblemOf } from './webhooks/failures.ts';

export type { ServicePart } from './unavailable.ts';

/** One wrong part of a request. */
export interface FieldError {
  /** RFC 6901 JSON pointer into the body, or `?name` for a query parameter, or a header's name. */
  readonly pointer: string;
  readonly detail: string;
}

/** Why a job failed, as told to the customer. Stable: customers branch on it. */
export const JOB_ERROR_CODES = [
  'content_policy_violation',
  'image_not_loadable',
  'image_too_large',
  'image_too_small',
  'unsupported_image',
  'invalid_input',
  'upstream_busy',
  'upstream_timeout',
  'upstream_error',
  'upstream_rejected_credentials',
  'submit_outcome_unknown',
  'deadline_exceeded',
  'result_unavailable',
  'result_invalid',
] as const;
export type JobErrorCode = (typeof JOB_ERROR_CODES)[number];

/** Why a job failed: a stable code and a sentence that says what to do. Never an upstream's own text. */
export interface JobFailure {
  readonly code: JobErrorCode;
  readonly message: string;
}

/** Every failure of a request. */
export type Failure =
  | { readonly tag: 'malformed_body'; readonly detail: string }
  | { readonly tag: 'invalid_request'; readonly errors: readonly FieldError[] }
  | { readonly tag: 'invalid_idempotency_key' }
  | { readonly tag: 'conflicting_credentials' }
  /** `operator`: the deployment's token was wanted, not a customer's key. */
  | { readonly tag: 'unauthorized'; readonly operator?: true }
  | { readonly tag: 'insufficient_credits'; readonly required: number; readonly balance: number }
  | { readonly tag: 'forbidden_link' }
  /** Of a callback: not signed by the upstream, or too long ago. */
  | { readonly tag: 'invalid_signature' }
  | { readonly tag: 'not_found' }
  | { readonly tag: 'method_not_allowed'; readonly allow: string }
  | { readonly tag: 'job_ended'; readonly status: string }
  | { readonly tag: 'job_canceled'; readonly jobId: string }
  | { readonly tag: 'reference_conflict' }
  | { readonly tag: 'gone'; readonly what: 'job' | 'idempotency_key' | 'upload_link' }
  | { readonly tag: 'body_too_large'; readonly limit: number }
  | { readonly tag: 'unsupported_media_type'; readonly expected: string }
  | { readonly tag: 'range_not_satisfiable'; readonly size: number }
  | { readonly tag: 'idempotency_mismatch' }
  | { readonly tag: 'generation_failed'; readonly jobId: string; readonly failure: JobFailure }
  | Unavailable
  | { readonly tag: 'internal' }
  | LinkFailure
  | WebhookFailure;

/** A failure thrown on the way to an answer; `onError` renders it. Never crosses RPC: objects return failures as values. */
export class ApiError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.tag, options);
    this.name = 'ApiError';
    this.failure = failure;
  }
}

/** The last part of a problem type's URL: RFC 9457 wants a URI, and URLs read better with hyphens. */
export function problemSlug(code: string): string {
  return code.replaceAll('_', '-');
}

/** A failure as HTTP, before the request id and the type's absolute URL are known. */
export interface Problem {
  readonly status: number;
  /** Stable, snake_case. The problem type's URL ends in its {@link problemSlug}. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** Extension members of RFC 9457 §3.2. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const GONE = {
  job: {
    code: 'job_expired',
    title: 'The job has expired',
    detail: 'This job ended longer ago than results are kept. Its video and data have been deleted.',
  },
  idempotency_key: {
    code: 'idempotency_key_expired',
    title: 'The Idempotency-Key has expired',
    detail: 'What was made under this Idempotency-Key has been deleted. Use a new key for a new request.',
  },
  upload_link: {
    code: 'upload_link_gone',
    title: 'The upload link is gone',
    detail: 'This link was made longer ago than links are remembered. Its data has been deleted.',
  },
} as const;

/** A field error in one line. The empty pointer is the whole body, which needs no name. */
function sentence({ pointer, detail }: FieldError): string {
  return pointer === '' ? detail : `${pointer}: ${detail}`;
}

/** The one place where a failure becomes a status, a code and a sentence. */
export function problemOf(failure: Failure): Problem {
  if (isLinkFailure(failure)) return linkProblemOf(failure);
  if (isWebhookFailure(failure)) return webhookProblemOf(failure);
  switch (failure.tag) {
    case 'malformed_body':
      return {
        status: 400,
        code: 'malformed_body',
        title: 'The body cannot be read',
        detail: failure.detail,
      };
    case 'invalid_request':
      return {
        status: 400,
        code: 'invalid_request',
        title: 'The request is not valid',
        detail: failure.errors.map(sentence).join('; '),
        extensions: { errors: failure.errors },
      };
    case 'invalid_idempotency_key':
      return {
        status: 400,
        code: 'invalid_idempotency_key',
        title: 'The Idempotency-Key is not valid',
        detail: 'Idempotency-Key must be 1 to 255 printable ASCII characters, bare or as a quoted string.',
      };
    case 'conflicting_credentials':
      return {
        status: 400,
        code: 'conflicting_credentials',
        title: 'Two different API keys',
        detail: 'The request carries two different API keys. Send one.',
      };
    case 'unauthorized':
      return {
        status: 401,
        code: 'unauthorized',
        title: failure.operator ? 'Missing or invalid operator token' : 'Missing or invalid API key',
        detail: failure.operator
          ? 'Send the ADMIN_TOKEN of this deployment as "Authorization: Bearer TOKEN".'
          : 'Send a valid API key as "Authorization: Bearer KEY", as "X-API-Key: KEY", or as "api_key" in the JSON body or the query.',
        headers: { 'WWW-Authenticate': 'Bearer' },
      };
    case 'insufficient_credits':
      return {
        status: 402,
        code: 'insufficient_credits',
        title: 'Insufficient credits',
        detail: `This job needs ${failure.required} credits and ${failure.balance} are available. Nothing was charged.`,
        extensions: { balance: failure.balance, required: failure.required },
      };
    case 'forbidden_link':
      return {
        status: 403,
        code: 'forbidden_link',
        title: 'The link is not valid',
        detail: 'This link is wrong or has expired. Read the job or upload again to get a fresh one.',
      };
    case 'invalid_signature':
      return {
        status: 403,
        code: 'invalid_signature',
        title: 'The signature is not valid',
        detail: 'This callback is not signed by the upstream, or was signed too long ago.',
      };
    case 'not_found':
      return {
        status: 404,
        code: 'not_found',
        title: 'Not found',
        detail: 'There is nothing at this address.',
      };
    case 'method_not_allowed':
      return {
        status: 405,
        code: 'method_not_allowed',
        title: 'Method not allowed',
        detail: `This address answers ${failure.allow}.`,
        headers: { Allow: failure.allow },
      };
    case 'job_ended':
      return {
        status: 409,
        code: 'job_ended',
        title: 'The job has ended',
        detail: `The job has already ended as "${failure.status}" and can no longer be canceled.`,
        extensions: { job_status: failure.status },
      };
    case 'job_canceled':
      return {
        status: 409,
        code: 'job_canceled',
        title: 'The job was canceled',
        detail: 'The job was canceled before its video was ready. Nothing was charged.',
        extensions: { job_id: failure.jobId, credits_charged: 0 },
      };
    case 'reference_conflict':
      return {
        status: 409,
        code: 'reference_conflict',
        title: 'The reference was used for another amount',
        detail: 'Credits were already granted under this reference with another amount. Use a new reference.',
      };
    case 'gone':
      return { status: 410, ...GONE[failure.what] };
    case 'body_too_large':
      return {
        status: 413,
        code: 'body_too_large',
        title: 'The body is too large',
        detail: `The body may have at most ${failure.limit} bytes.`,
        extensions: { limit: failure.limit },
      };
    case 'unsupported_media_type':
      return {
        status: 415,
        code: 'unsupported_media_type',
        title: 'Unsupported content type',
        detail: `Send ${failure.expected}.`,
      };
    case 'range_not_satisfiable':
      return {
        status: 416,
        code: 'range_not_satisfiable',
        title: 'Range not satisfiable',
        detail: `The file has ${failure.size} bytes.`,
        headers: { 'Content-Range': `bytes */${failure.size}` },
      };
    case 'idempotency_mismatch':
      return {
        status: 422,
        code: 'idempotency_mismatch',
        title: 'The Idempotency-Key was used for another request',
        detail:
          'This Idempotency-Key belongs to a request with other content. Use a new key for a new request.',
      };
    case 'generation_failed':
      return {
        status: 500,
        code: 'generation_failed',
        title: 'The video could not be generated',
        detail: `${failure.failure.message} Nothing was charged.`,
        extensions: {
          job_id: failure.jobId,
          credits_charged: 0,
          reason: { code: failure.failure.code, message: failure.failure.message },
        },
      };
    case 'unavailable':
      return {
        status: 503,
        code: `${failure.part}_unavailable`,
        title: 'Temporarily unavailable',
        detail: unavailableDetail(failure),
        headers: { 'Retry-After': String(failure.retryAfter) },
        ...(failure.jobId === undefined ? {} : { extensions: { job_id: failure.jobId } }),
      };
    case 'internal':
      return {
        status: 500,
        code: 'internal_error',
        title: 'Internal error',
        detail: 'Something went wrong on our side. Quote the request id when you report it.',
      };
  }
}
