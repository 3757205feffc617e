/** What the service answers, as this client reads it: the fields it needs, whatever else there is. */

import * as z from 'zod';

const Video = z.object({
  url: z.url(),
  content_type: z.string(),
  /** Seconds. */
  duration: z.number(),
  width: z.number(),
  height: z.number(),
  fps: z.number(),
});

const common = {
  job_id: z.string(),
  credits_charged: z.number(),
  cost_usd: z.number(),
};

/** `POST` of a job with `response_mode: "polling"`. */
export const Submitted = z.object({ ...common, status: z.string() });
export type Submitted = z.infer<typeof Submitted>;

/** `GET /api/fal/status/{job_id}`. */
export const JobStatus = z.discriminatedUnion('status', [
  z.object({
    ...common,
    status: z.literal('in_progress'),
    phase: z.enum(['queued', 'rendering', 'storing']),
    queue_position: z.number().optional(),
  }),
  z.object({ ...common, status: z.literal('completed'), result: z.object({ video: Video }) }),
  z.object({
    ...common,
    status: z.enum(['failed', 'canceled']),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  }),
]);
export type JobStatus = z.infer<typeof JobStatus>;
export type CompletedJob = Extract<JobStatus, { status: 'completed' }>;
export type OpenJob = Extract<JobStatus, { status: 'in_progress' }>;

/** Credits of an account. */
export const Credits = z.object({ available: z.number(), held: z.number(), captured: z.number() });
export type Credits = z.infer<typeof Credits>;

/** `GET /api/account` and `GET /admin/accounts/{id}`. */
export const AccountSummary = z.object({ id: z.string(), name: z.string(), credits: Credits });
export type AccountSummary = z.infer<typeof AccountSummary>;

/** `GET /api/account/webhook-secret`. */
export const WebhookSecret = z.object({ webhook_secret: z.string().startsWith('whsec_') });

/** `POST /api/uploads`. */
export const Upload = z.object({
  upload_id: z.string(),
  image_url: z.string(),
  content_type: z.string(),
  bytes: z.number(),
  width: z.number(),
  height: z.number(),
});
export type Upload = z.infer<typeof Upload>;

/** `POST /admin/accounts`. */
export const CreatedAccount = z.object({ id: z.string(), name: z.string() });
export type CreatedAccount = z.infer<typeof CreatedAccount>;

/** `POST /admin/accounts/{id}/keys`: the only time that the key is shown. */
export const CreatedKey = z.object({ id: z.string(), name: z.string(), key: z.string() });
export type CreatedKey = z.infer<typeof CreatedKey>;

/** An error answer (RFC 9457). */
export const ProblemBody = z.object({
  status: z.number(),
  code: z.string(),
  detail: z.string(),
  request_id: z.string().optional(),
  job_id: z.string().optional(),
});
export type ProblemBody = z.infer<typeof ProblemBody>;

/** The event that a webhook carries: its type and the status answer. */
export const WebhookEvent = z.object({
  type: z.enum(['job.completed', 'job.failed', 'job.canceled']),
  timestamp: z.string(),
  data: JobStatus,
});
export type WebhookEvent = z.infer<typeof WebhookEvent>;
