/** The service about itself: its health. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { Config } from '../env.ts';
import { createRouter } from '../http/app.ts';
import { problemResponse } from '../http/problem.ts';
import { json, problems } from './schemas.ts';

/** What a deployment needs beside what has a default. */
const WANTED = ['FAL_KEY', 'ADMIN_TOKEN'] as const;
/** Seconds after which a deployment that is not set up is worth asking again: an operator has to act. */
const RETRY_AFTER_S = 300;

const health = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether this deployment is set up',
  description: 'When it is not, the 503 names in `problems` the variables that are wrong or missing.',
  tags: ['Service'],
  security: [],
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It can take jobs.'), ...problems() },
});

export const serviceRoutes = createRouter();

/**
 * 200 when this deployment can take jobs, else 503 with the names of the variables that are wrong or missing. Never a
 * value: this page is public.
 */
serviceRoutes.openapi(health, (c) => {
  const parsed = Config.safeParse(c.env);
  const missing = parsed.success
    ? WANTED.filter((name) => parsed.data[name] === undefined).map((name) => `${name} is not set`)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (!('BUCKET' in c.env)) missing.push('BUCKET: the R2 bucket is not bound');
  if (missing.length === 0) return c.json({ status: 'ok' as const }, 200);
  const failure = { tag: 'unavailable', part: 'configuration', retryAfter: RETRY_AFTER_S } as const;
  return problemResponse(c, failure, { problems: missing }) as never;
});
