/** What a customer may know of its account. */

import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import * as z from 'zod';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticate } from '../http/auth.ts';
import { reached } from '../http/outcome.ts';
import { accountStub } from '../objects.ts';
import { summaryOf } from './account-answers.ts';
import { AccountSummary, json, problems, SECURITY } from './schemas.ts';

const account = createRoute({
  method: 'get',
  path: '/api/account',
  summary: 'The account and its credits',
  tags: ['Account'],
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: { 200: json(AccountSummary, 'The balance over all regions.'), ...problems(400, 401) },
});

const secret = createRoute({
  method: 'get',
  path: '/api/account/webhook-secret',
  summary: 'The secret that webhooks are signed with',
  tags: ['Account'],
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: {
    200: json(
      z.object({ webhook_secret: z.string().meta({ example: 'whsec_…' }) }),
      'Standard Webhooks, v1.',
    ),
    ...problems(400, 401),
  },
});

/** Seconds after which a secret that cannot be decrypted is worth asking for again: an operator has to act. */
const RETRY_AFTER_S = 300;
/** What cannot be told when an account cannot be reached. */
const CREDITS = { part: 'credits' } as const;

/** The caller's account, its key checked where keys are kept. */
async function callersAccount(c: Context<App>) {
  const { account: id, keyHash } = c.get('caller');
  const valid = await reached(() => accountStub(c.env, id).authenticate(keyHash), CREDITS);
  if (!valid) throw new ApiError({ tag: 'unauthorized' });
  return () => accountStub(c.env, id);
}

export const accountRoutes = createRouter();

accountRoutes.openapi(account, async (c) => {
  const stub = await callersAccount(c);
  return c.json(summaryOf(await reached(() => stub().summary(), CREDITS)), 200, {
    'Cache-Control': 'no-store',
  });
});

accountRoutes.openapi(secret, async (c) => {
  const stub = await callersAccount(c);
  const outcome = await reached(() => stub().webhookSecret(), CREDITS);
  if (!outcome.found) {
    if (outcome.kind === 'unknown_account') throw new ApiError({ tag: 'unauthorized' });
    console.error({ event: 'webhook_secret_unreadable', account: c.get('caller').account });
    throw new ApiError({ tag: 'unavailable', part: 'webhook_secret', retryAfter: RETRY_AFTER_S });
  }
  return c.json({ webhook_secret: outcome.secret }, 200, { 'Cache-Control': 'no-store' });
});
