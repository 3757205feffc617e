/** Schemas that several routes share: answers, headers, and the problem shape. */

import * as z from 'zod';
import { Canceled, Completed, Failed, InProgress, JobError, jobId, price, Result } from '../job-answer.ts';
import { IMAGE_TYPES } from '../media/contract.ts';

/** RFC 9457 problem details; the only body of a non-2xx answer. */
export const Problem = z
  .looseObject({
    type: z.string().meta({ description: 'URL of a page that explains the problem.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'For people; may change.' }),
    code: z.string().meta({ description: 'Stable; branch on it.', example: 'insufficient_credits' }),
    request_id: z.string(),
    error: z.string().meta({ description: 'The detail again.' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().meta({
            description: 'RFC 6901 pointer into the body; the empty one is all of it. `?name`: in the query.',
          }),
          detail: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'Of invalid_request: every wrong field.' }),
    balance: z.int().optional().meta({ description: 'Of insufficient_credits: what is available.' }),
    required: z.int().optional().meta({ description: 'Of insufficient_credits: what the job needs.' }),
    limit: z.int().optional().meta({
      description:
        'Of body_too_large: bytes. Of too_many_endpoints and too_many_secrets: how many there may be.',
    }),
    free_at: z.iso.datetime().optional().meta({
      description: 'Of too_many_secrets: when the first of them signs no more.',
    }),
    job_id: z.string().optional().meta({ description: 'The job that this is about.' }),
    job_status: z.string().optional().meta({ description: 'Of job_ended: how it ended.' }),
    link_status: z.string().optional().meta({ description: 'Of not_uploaded: the state of the link.' }),
    offset: z.int().optional().meta({ description: 'Of offset_mismatch: bytes that have come.' }),
    reason: JobError.optional().meta({ description: 'Of generation_failed: why.' }),
    credits_charged: z.literal(0).optional().meta({ description: 'Of a job without a video.' }),
    problems: z
      .array(z.string())
      .optional()
      .meta({ description: 'At /healthz: the variables that are wrong or missing.' }),
  })
  .meta({ id: 'Problem' });

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'Invalid parameters',
  401: 'Missing or invalid API key',
  402: 'Insufficient credits',
  403: 'The link is wrong or has expired',
  404: 'Not found',
  409: 'In conflict with the present state',
  410: 'Expired',
  412: 'Another version of the protocol',
  413: 'The body is too large',
  415: 'Unsupported content type',
  416: 'Range not satisfiable',
  422: 'The Idempotency-Key was used for another request',
  429: 'Too many requests',
  460: 'The checksum does not match (tus)',
  500: 'Generation failed, or an error of ours',
  503: 'A part of the service cannot be reached',
};

/** What every route can answer, whatever else it does. */
const ALWAYS = [500, 503] as const;

const header = (description: string) => z.string().meta({ description });
/** Headers of a failure, beside those that every answer has. */
const PROBLEM_HEADERS: Readonly<Record<number, z.ZodObject>> = {
  401: z.object({ 'WWW-Authenticate': header('`Bearer`.') }),
  416: z.object({ 'Content-Range': header('`bytes */N`: the file has N bytes.') }),
  429: z.object({ 'Retry-After': header('Seconds after which another try makes sense.') }),
  503: z.object({ 'Retry-After': header('Seconds after which another try makes sense.') }),
};

/** Headers of an answer that tells of a job that may be open. */
export const POLL_HEADERS = z.object({
  'Retry-After': header('Seconds. While the job is open: asking sooner tells nothing more.').optional(),
});
/** Headers of an answer to a request that had an Idempotency-Key. */
export const REPLAY_HEADERS = z.object({
  'Idempotent-Replayed': header(
    '`true` when an earlier request under this Idempotency-Key had made it.',
  ).optional(),
});

/** The failures of a route beside 500 and 503, for its OpenAPI description. */
export function problems<const Statuses extends readonly number[]>(...statuses: Statuses) {
  const content = { 'application/problem+json': { schema: Problem } };
  return Object.fromEntries(
    [...statuses, ...ALWAYS].map((status) => {
      const headers = PROBLEM_HEADERS[status];
      return [
        status,
        { description: PROBLEMS[status] ?? 'Failed', content, ...(headers ? { headers } : {}) },
      ];
    }),
  ) as Record<Statuses[number] | (typeof ALWAYS)[number], { description: string; content: typeof content }>;
}

/** A JSON answer, for an OpenAPI description. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string, headers?: z.ZodObject) {
  return { description, content: { 'application/json': { schema } }, ...(headers ? { headers } : {}) };
}

/** `POST /api/uploads`. */
export const Upload = z
  .object({
    upload_id: z.string(),
    image_url: z.url().meta({ description: 'Usable as image_url by the same account until expires_at.' }),
    content_type: z.enum(IMAGE_TYPES),
    bytes: z.int(),
    width: z.int(),
    height: z.int(),
    sha256: z.string(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'Upload' });

export const InlineResult = z
  .object({ job_id: jobId, result: Result, ...price })
  .meta({ id: 'InlineResult' });

export const Submitted = z
  .object({ job_id: jobId, status: z.literal('in_progress'), ...price })
  .meta({ id: 'Submitted' });

/** The status answer. */
export const JobStatus = z
  .discriminatedUnion('status', [InProgress, Completed, Failed, Canceled])
  .meta({ id: 'JobStatus' });

/** What every route for operators has. */
export const OPERATOR = { tags: ['Operators'], security: [{ operator: [] }] };
/** Where an API key may stand, for the OpenAPI document: any one of these. */
export const SECURITY = [{ bearer: [] }, { header: [] }, { query: [] }];
/** OpenAPI has no name for a key in the body: to it, such a request is without security. */
export const KEY_IN_BODY = {};
/** The body of a POST that needs none, and may carry the key all the same. Not a zod schema: nothing else in it matters. */
export const KEY_BODY = {
  required: false,
  content: {
    'application/json': {
      schema: {
        type: 'object' as const,
        properties: {
          api_key: { type: 'string' as const, description: 'Unless it is in a header or the query.' },
        },
      },
    },
  },
};

/** `GET /admin/accounts/{id}`. Credits. */
export const AccountSummary = z
  .object({
    id: z.string(),
    name: z.string(),
    credits: z.object({
      available: z.int().meta({ description: 'Can be spent now, wherever in the world.' }),
      held: z.int().meta({ description: 'Reserved by jobs in progress.' }),
      captured: z.int().meta({ description: 'Charged, over the lifetime of the account.' }),
    }),
  })
  .meta({ id: 'Account' });

const settings = {
  credits_low_threshold: z
    .int()
    .nullable()
    .meta({ description: 'The event `credits.low` is sent at so many available credits; null: never.' }),
};

/** `PATCH /api/account`. */
export const AccountSettings = z.object(settings).meta({ id: 'AccountSettings' });

/** `GET /api/account`. */
export const OwnAccount = AccountSummary.extend(settings).meta({ id: 'OwnAccount' });
