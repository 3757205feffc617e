/** What the webhooks of an account are signed with, beside the secrets of its endpoints. */

import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { jwksUrl } from './jwks.ts';
import { ownAccount, unreadable } from './own-account.ts';
import { listRoute } from './strict-body.ts';
import { readKey, readSecret, rotateAccountSecret, rotateKey } from './webhook-key-docs.ts';
import { rotate } from './webhook-rotate.ts';

const NO_STORE = { 'Cache-Control': 'no-store' };

export const webhookKeyRoutes = createRouter();

webhookKeyRoutes.openapi(readSecret, async (c) => {
  const own = await ownAccount(c);
  const outcome = await own.reach((account) => account.webhookSecret());
  if (!outcome.found) {
    if (outcome.kind === 'unknown_account') throw new ApiError({ tag: 'not_found' });
    throw unreadable(c.get('caller').account);
  }
  return c.json({ webhook_secret: outcome.secret }, 200, NO_STORE);
});

listRoute(webhookKeyRoutes, rotateAccountSecret);
webhookKeyRoutes.post(rotateAccountSecret.path, ...rotateAccountSecret.middleware, async (c) => {
  const { secret, told } = await rotate(c, await ownAccount(c), { endpointId: null, scheme: 'v1' });
  return c.json({ webhook_secret: secret, ...told }, 200, NO_STORE);
});

webhookKeyRoutes.openapi(readKey, async (c) => {
  const own = await ownAccount(c);
  const outcome = await own.ask((account) => account.webhookKeys());
  const keys = outcome.keys.map(({ id, publicKey, expiresAt }) => ({
    id,
    public_key: `whpk_${publicKey}`,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  }));
  const [present] = keys;
  if (!present) throw new TypeError('an account without a key, though one is made where there is none');
  const jwks_url = jwksUrl(c.get('config'), c.get('caller').account);
  return c.json({ public_key: present.public_key, jwks_url, keys }, 200, NO_STORE);
});

listRoute(webhookKeyRoutes, rotateKey);
webhookKeyRoutes.post(rotateKey.path, ...rotateKey.middleware, async (c) => {
  const { secret, told } = await rotate(c, await ownAccount(c), { endpointId: null, scheme: 'v1a' });
  const jwks_url = jwksUrl(c.get('config'), c.get('caller').account);
  return c.json({ public_key: secret, jwks_url, ...told }, 200, NO_STORE);
});
