/** What a customer may know of its account, and set. What its webhooks are signed with is in webhook-keys.ts. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { createRouter } from '../http/app.ts';
import { authenticate, authenticateJson } from '../http/auth.ts';
import { notAnObject } from '../http/fields.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';
import { settingsBody, summaryOf } from './account-answers.ts';
import { ownAccount } from './own-account.ts';
import { AccountSettings, json, KEY_IN_BODY, OwnAccount, problems, SECURITY } from './schemas.ts';
import { bodyOf, listRoute } from './strict-body.ts';

const PATH = '/api/account';
const NO_STORE = { 'Cache-Control': 'no-store' };
const THRESHOLD = 'must be a whole number of credits from 0 on, or null';

const account = createRoute({
  method: 'get',
  path: PATH,
  summary: 'The account, its credits and its settings',
  tags: ['Account'],
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: { 200: json(OwnAccount, 'The balance over all regions.'), ...problems(400, 401) },
});

const SettingsRequest = z
  .strictObject(
    {
      credits_low_threshold: z.int(THRESHOLD).min(0, THRESHOLD).nullable().optional().meta({
        description:
          'The event `credits.low` is sent once when no more credits than this are available, and again after there were more. null: never.',
        example: 500,
      }),
      api_key: SERVICE_FIELDS.api_key,
    },
    { error: notAnObject },
  )
  .meta({ id: 'AccountSettingsRequest', example: { credits_low_threshold: 500 } });

const settings = createRoute({
  method: 'patch',
  path: PATH,
  summary: 'Change settings of the account',
  description: 'What is absent stays as it is.',
  tags: ['Account'],
  security: [...SECURITY, KEY_IN_BODY],
  middleware: [authenticateJson] as const,
  request: { body: { required: true, content: { 'application/json': { schema: SettingsRequest } } } },
  responses: { 200: json(AccountSettings, 'All settings.'), ...problems(400, 401, 413, 415) },
});

export const accountRoutes = createRouter();

accountRoutes.openapi(account, async (c) => {
  const own = await ownAccount(c);
  const [summary, { settings: set }] = await Promise.all([
    own.reach((stub) => stub.summary()),
    own.ask((stub) => stub.settings()),
  ]);
  return c.json({ ...summaryOf(summary), ...settingsBody(set) }, 200, NO_STORE);
});

listRoute(accountRoutes, settings);
accountRoutes.patch(settings.path, ...settings.middleware, async (c) => {
  const own = await ownAccount(c);
  const { credits_low_threshold: threshold } = bodyOf(c, SettingsRequest);
  const changes = threshold === undefined ? {} : { creditsLowThreshold: threshold };
  const { settings: set } = await own.ask((stub) => stub.updateSettings(changes));
  return c.json(settingsBody(set), 200, NO_STORE);
});
