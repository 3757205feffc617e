/** Schemas that several routes share: answers, headers, and the problem shape. */

import * as z from 'zod';
import { JOB_ERROR_CODES } from '../errors.ts';

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
    limit: z.int().optional().meta({ description: 'Of body_too_large: bytes.' }),
    job_id: z.string().optional().meta({ description: 'The job that this is about.' }),
    job_status: z.string().optional().meta({ description: 'Of job_ended: how it ended.' }),
    reason: z
      .object({ code: z.enum(JOB_ERROR_CODES), message: z.string() })
      .optional()
      .meta({ description: 'Of generation_failed: why.' }),
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
  413: 'The body is too large',
  415: 'Unsupported content type',
  416: 'Range not satisfiable',
  422: 'The Idempotency-Key was used for another request',
  500: 'Generation failed, or an error of ours',
  503: 'A part of the service cannot be reached',
};

/** What every route can answer, whatever else it does. */
const ALWAYS = [500, 503] as const;

/** The failures of a route beside 500 and 503, for its OpenAPI description. */
export function problems<const Statuses extends readonly number[]>(...statuses: Statuses) {
  const content = { 'application/problem+json': { schema: Problem } };
  return Object.fromEntries(
    [...statuses, ...ALWAYS].map((status) => [
      status,
      { description: PROBLEMS[status] ?? 'Failed', content },
    ]),
  ) as Record<Statuses[number] | (typeof ALWAYS)[number], { description: string; content: typeof content }>;
}

/** A JSON answer, for an OpenAPI description. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string, headers?: z.ZodObject) {
  return { description, content: { 'application/json': { schema } }, ...(headers ? { headers } : {}) };
}

export const Video = z
  .object({
    url: z.url().meta({ description: 'A signed link that expires. Reading the status gives a fresh one.' }),
    content_type: z.literal('video/mp4'),
    duration: z.number().meta({ description: 'Seconds.' }),
    width: z.int(),
    height: z.int(),
    fps: z.number(),
  })
  .meta({ id: 'Video' });

export const Result = z.object({ video: Video }).meta({ id: 'Result' });

const credits = z.int().meta({ description: '1 credit is $0.01. Held while open, charged only on success.' });
const cost = z.number().meta({ description: 'US dollars.' });
const jobId = z.string().meta({ example: 'job_u00m3k9x2rq5h8n1c7t4w6y0abd3e5fg9' });
const time = z.iso.datetime();
const metadata = z.record(z.string(), z.string()).optional();

export const InlineResult = z
  .object({ job_id: jobId, result: Result, credits_charged: credits, cost_usd: cost })
  .meta({ id: 'InlineResult' });

export const Submitted = z
  .object({ job_id: jobId, status: z.literal('in_progress'), credits_charged: credits, cost_usd: cost })
  .meta({ id: 'Submitted' });

const common = { job_id: jobId, credits_charged: credits, cost_usd: cost, created_at: time, metadata };

export const InProgress = z.object({
  ...common,
  status: z.literal('in_progress'),
  phase: z.enum(['queued', 'rendering', 'storing']),
  queue_position: z.int().optional(),
});
export const Completed = z.object({
  ...common,
  status: z.literal('completed'),
  result: Result,
  completed_at: time,
});
export const Failed = z.object({
  ...common,
  status: z.literal('failed'),
  error: z.object({ code: z.enum(JOB_ERROR_CODES), message: z.string() }),
  completed_at: time,
});
export const Canceled = z.object({ ...common, status: z.literal('canceled'), completed_at: time });

/** The status answer. */
export const JobStatus = z
  .discriminatedUnion('status', [InProgress, Completed, Failed, Canceled])
  .meta({ id: 'JobStatus' });

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

/** `GET /api/account` and `GET /admin/accounts/{id}`. Credits. */
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
