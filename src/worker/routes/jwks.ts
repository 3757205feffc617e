/** `/.well-known/webhooks/{account}/jwks.json`: the public keys of an account's events, for whoever receives them. */

import { createRoute } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import * as z from 'zod';
import { toBase64Url } from '../bytes.ts';
import type { Config } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { limitAddress } from '../http/rate-limit.ts';
import { homeRegion } from '../ids.ts';
import { publicKeyBytes } from '../webhooks/sign-v1a.ts';
import { accountOf } from './own-account.ts';
import { json, problems } from './schemas.ts';

const PATH = '/.well-known/webhooks/{account}/jwks.json';
/** The name that `wrangler.toml` gives the binding. */
const REQUESTS = 'JWKS_REQUESTS';
/** How long the keys may be cached, in seconds. A rotation without grace is not seen sooner: docs of the rotation say so. */
export const JWKS_MAX_AGE_S = 300;

/** An Ed25519 key (RFC 8037 §2) in a set (RFC 7517 §5). */
const KeySet = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string().meta({ description: 'The 32 bytes in base64url.' }),
        kid: z.string(),
        use: z.literal('sig'),
        alg: z.literal('EdDSA'),
      }),
    ),
  })
  .meta({
    id: 'JsonWebKeySet',
    example: {
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          x: '1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4',
          kid: 'sec_3v8t1n6r0c2d',
          use: 'sig',
          alg: 'EdDSA',
        },
      ],
    },
  });

const jwks = createRoute({
  method: 'get',
  path: PATH,
  summary: 'The public keys that an account’s webhooks are signed with',
  description:
    'Public, for receivers: verify `v1a` signatures with any of these Ed25519 keys. The present one first, then those that still sign beside it.',
  tags: ['Webhook endpoints'],
  security: [],
  request: { params: z.object({ account: z.string().meta({ example: 'acct_u1x4m3k9x2rq5h' }) }) },
  responses: {
    200: json(
      KeySet,
      'RFC 7517.',
      z.object({ 'Cache-Control': z.string().meta({ description: `Fresh for ${JWKS_MAX_AGE_S} seconds.` }) }),
    ),
    ...problems(404, 429),
  },
});

/** Where the keys of an account are. */
export function jwksUrl({ PUBLIC_URL }: Pick<Config, 'PUBLIC_URL'>, account: string): string {
  return PUBLIC_URL + PATH.replace('{account}', account);
}

export const jwksRoutes = createRouter();

// Receivers run in pages too, and no answer here is for anybody in particular.
jwksRoutes.use(jwks.getRoutingPath(), cors({ origin: '*', allowMethods: ['GET', 'HEAD'] }));

jwksRoutes.openapi(jwks, async (c) => {
  await limitAddress(c, REQUESTS);
  const { account } = c.req.valid('param');
  if (!homeRegion(account)) throw new ApiError({ tag: 'not_found' });
  const { keys } = await accountOf(c, account).ask((stub) => stub.webhookKeys());
  return c.json(
    {
      keys: keys.map(({ id, publicKey }) => ({
        kty: 'OKP' as const,
        crv: 'Ed25519' as const,
        x: toBase64Url(publicKeyBytes(`whpk_${publicKey}`)),
        kid: id,
        use: 'sig' as const,
        alg: 'EdDSA' as const,
      })),
    },
    200,
    { 'Cache-Control': `public, max-age=${JWKS_MAX_AGE_S}` },
  );
});
