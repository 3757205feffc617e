/** The service about itself: health, and the OpenAPI document that its routes make. */

import { Hono } from 'hono';
import { type App, Config } from '../env.ts';

/** What a deployment needs beside what has a default. */
const WANTED = ['FAL_KEY', 'ADMIN_TOKEN'] as const;

export const serviceRoutes = new Hono<App>();

/**
 * 200 when this deployment can take jobs, else 503 with the names of the variables that are wrong or missing. Never a
 * value: this page is public.
 */
serviceRoutes.get('/healthz', (c) => {
  const parsed = Config.safeParse(c.env);
  const problems = parsed.success
    ? WANTED.filter((name) => parsed.data[name] === undefined).map((name) => `${name} is not set`)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (!('BUCKET' in c.env)) problems.push('BUCKET: the R2 bucket is not bound');
  return problems.length === 0
    ? c.json({ status: 'ok' })
    : c.json({ status: 'misconfigured', problems }, 503, { 'Retry-After': '300' });
});
