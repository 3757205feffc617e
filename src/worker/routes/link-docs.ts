/** The routes of upload links, for whoever makes them, as the OpenAPI document has them. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { authenticate, authenticateAnyBody, authenticateJson } from '../http/auth.ts';
import { UploadLink, UploadLinks } from '../links/answer.ts';
import { UploadLinkRequest } from '../links/request.ts';
import { HEADERS } from './idempotency-header.ts';
import {
  JobStatus,
  json,
  KEY_BODY,
  KEY_IN_BODY,
  POLL_HEADERS,
  problems,
  REPLAY_HEADERS,
  SECURITY,
  Submitted,
} from './schemas.ts';

const PATH = '/api/upload-links';
const TAGS = ['Upload links'];
const location = (description: string) => z.object({ Location: z.string().meta({ description }) });
const params = z.object({ upload_id: z.string().meta({ example: 'up_b00m3k9x2rq5h8n1c7t4w6y0abd3e5fg' }) });

const MAX_PAGE = 100;
const USUAL_PAGE = 20;
const PAGE_RANGE = `must be 1 to ${MAX_PAGE}`;

/** `POST /api/upload-links` */
export const createLink = createRoute({
  method: 'post',
  path: PATH,
  summary: 'Make an upload link',
  description:
    'Give its `url` to whoever has the picture: one picture is taken, by a page in the browser, a form, a PUT or POST of the bytes, or tus. With a `job` the picture becomes a video by itself.',
  tags: TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateJson] as const,
  request: {
    headers: HEADERS,
    body: { required: true, content: { 'application/json': { schema: UploadLinkRequest } } },
  },
  responses: {
    201: json(UploadLink, 'Made.', REPLAY_HEADERS.extend(location('Where to ask for the link.').shape)),
    ...problems(400, 401, 410, 413, 415, 422),
  },
});

/** `GET /api/upload-links` */
export const listLinks = createRoute({
  method: 'get',
  path: PATH,
  summary: 'The upload links of the account, newest first',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: {
    query: z.object({
      limit: z
        .string({ error: 'must not be given twice' })
        .regex(/^\d{1,3}$/, PAGE_RANGE)
        .transform(Number)
        .refine((limit) => limit >= 1 && limit <= MAX_PAGE, { error: PAGE_RANGE })
        .default(USUAL_PAGE)
        .meta({ description: 'Links in one answer.', type: 'integer', minimum: 1, maximum: MAX_PAGE }),
      cursor: z
        .string({ error: 'must not be given twice' })
        .optional()
        .meta({ description: 'next_cursor of the page before.' }),
    }),
  },
  responses: { 200: json(UploadLinks, 'A page of links.'), ...problems(400, 401) },
});

/** `GET /api/upload-links/{upload_id}` */
export const readLink = createRoute({
  method: 'get',
  path: `${PATH}/{upload_id}`,
  summary: 'An upload link as it is now',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: { params },
  responses: { 200: json(UploadLink, 'The link.'), ...problems(400, 401, 404, 410) },
});

/** `DELETE /api/upload-links/{upload_id}` */
export const revokeLink = createRoute({
  method: 'delete',
  path: `${PATH}/{upload_id}`,
  summary: 'Revoke an upload link',
  description: 'It takes no picture any more. Also when it was revoked or had expired before.',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  request: { params },
  responses: { 200: json(UploadLink, 'Revoked.'), ...problems(400, 401, 404, 409, 410) },
});

/** `POST /api/upload-links/{upload_id}/submit` */
export const startLink = createRoute({
  method: 'post',
  path: `${PATH}/{upload_id}/submit`,
  summary: 'Start the job of a link whose picture has come',
  description:
    'For a job that could not start because credits were missing. At the price of the link; a link starts one job, however often it is asked to.',
  tags: TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateAnyBody] as const,
  request: { params, body: KEY_BODY },
  responses: {
    200: json(JobStatus, 'It was started before, and has ended.', REPLAY_HEADERS),
    202: json(
      Submitted,
      'Accepted, or started before and in progress.',
      REPLAY_HEADERS.extend({ ...POLL_HEADERS.shape, ...location('Where to ask for the job.').shape }),
    ),
    ...problems(400, 401, 402, 404, 409, 410, 413),
  },
});
