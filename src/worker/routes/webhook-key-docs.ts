/** The routes of the account's own webhook secret and key, as the OpenAPI document has them. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { MAX_LIVE_SECRETS } from '../accounts/endpoints/limits.ts';
import { authenticate, authenticateOptionalJson } from '../http/auth.ts';
import { JWKS_MAX_AGE_S } from './jwks.ts';
import { json, KEY_IN_BODY, problems, SECURITY } from './schemas.ts';
import { optionalBody, RotateRequest, rotation } from './webhook-action-docs.ts';

const PATH = '/api/account';
const TAGS = ['Account'];

const webhook_secret = z.string().meta({ example: 'whsec_…' });
const public_key = z.string().meta({
  description: 'The Ed25519 key as Standard Webhooks writes it.',
  example: 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
});
const jwks_url = z
  .url()
  .meta({ description: 'The same keys for whoever receives events, without an API key.' });

/** `GET /api/account/webhook-secret` */
export const readSecret = createRoute({
  method: 'get',
  path: `${PATH}/webhook-secret`,
  summary: 'The secret that webhooks are signed with',
  description:
    'Of what goes to the `webhook_url` of jobs and upload links. Each webhook endpoint has a secret of its own.',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: { 200: json(z.object({ webhook_secret }), 'Standard Webhooks, v1.'), ...problems(400, 401) },
});

const rotateCommon = {
  method: 'post' as const,
  tags: TAGS,
  security: [...SECURITY, KEY_IN_BODY],
  request: { body: optionalBody(RotateRequest) },
};

/** `POST /api/account/webhook-secret/rotate` */
export const rotateAccountSecret = createRoute({
  ...rotateCommon,
  middleware: [authenticateOptionalJson] as const,
  path: `${PATH}/webhook-secret/rotate`,
  summary: 'Replace the secret that webhooks are signed with',
  description: `Old and new sign together for the grace. At most ${MAX_LIVE_SECRETS} at once.`,
  responses: {
    200: json(z.object({ webhook_secret, ...rotation }), 'The new secret.'),
    ...problems(400, 401, 409, 413, 415),
  },
});

/** `GET /api/account/webhook-key` */
export const readKey = createRoute({
  method: 'get',
  path: `${PATH}/webhook-key`,
  summary: 'The public key that webhooks are signed with',
  description: 'Every delivery of the account carries a `v1a` signature beside those of secrets.',
  tags: TAGS,
  security: SECURITY,
  middleware: [authenticate] as const,
  responses: {
    200: json(
      z.object({
        public_key,
        jwks_url,
        keys: z
          .array(z.object({ id: z.string(), public_key, expires_at: z.iso.datetime().nullable() }))
          .meta({ description: 'All that sign now, the present one first: its `expires_at` is null.' }),
      }),
      'Standard Webhooks, v1a.',
    ),
    ...problems(400, 401),
  },
});

/** `POST /api/account/webhook-key/rotate` */
export const rotateKey = createRoute({
  ...rotateCommon,
  middleware: [authenticateOptionalJson] as const,
  path: `${PATH}/webhook-key/rotate`,
  summary: 'Replace the key that webhooks are signed with',
  description: `Old and new sign together for the grace. Receivers may keep the answer of \`jwks_url\` for ${JWKS_MAX_AGE_S} seconds, so a shorter grace can make them refuse events meanwhile; those are sent again.`,
  responses: {
    200: json(z.object({ public_key, jwks_url, ...rotation }), 'The new public key.'),
    ...problems(400, 401, 409, 413, 415),
  },
});
