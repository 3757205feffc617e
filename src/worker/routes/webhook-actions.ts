/** What is done with one webhook endpoint: another secret, a test, a recovery, and how it has done. */

import type { Context } from 'hono';
import { fewAtOnce } from '../calls.ts';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { granted, reached } from '../http/outcome.ts';
import { homeShard, mintId } from '../ids.ts';
import { DeliveryClient } from '../webhooks/client.ts';
import { statsBody } from '../webhooks/stats.ts';
import { deliveryBody } from '../webhooks/wire.ts';
import { endpointId } from './endpoint-id.ts';
import { type AskedAccount, ownAccount, shardsOf } from './own-account.ts';
import { bodyOf, listRoute } from './strict-body.ts';
import {
  endpointStats,
  RecoverRequest,
  recoverEndpoint,
  rotateEndpoint,
  TestRequest,
  testEndpoint,
} from './webhook-action-docs.ts';
import { DELIVERIES_PATH } from './webhook-delivery-docs.ts';
import { rotate } from './webhook-rotate.ts';

const NO_STORE = { 'Cache-Control': 'no-store' };
const DAY_MS = 86_400_000;
/** As far back as a recovery goes. Links in events live as long. */
const RECOVERY_MS = 14 * DAY_MS;

export const webhookActionRoutes = createRouter();

listRoute(webhookActionRoutes, rotateEndpoint);
webhookActionRoutes.post(rotateEndpoint.getRoutingPath(), ...rotateEndpoint.middleware, async (c) => {
  const id = endpointId(c.req.param('id'));
  const { secret, told } = await rotate(c, await ownAccount(c), { endpointId: id, scheme: 'v1' });
  return c.json({ secret, ...told }, 200, NO_STORE);
});

listRoute(webhookActionRoutes, testEndpoint);
webhookActionRoutes.post(testEndpoint.getRoutingPath(), ...testEndpoint.middleware, async (c) => {
  const id = endpointId(c.req.param('id'));
  const { account, keyHash } = c.get('caller');
  const own = await ownAccount(c);
  const { event } = bodyOf(c, TestRequest);
  // The account knows its endpoints; a shard that has not heard of a new one yet must not say that there is none.
  await own.ask((stub) => stub.readEndpoint(id));
  const shard = homeShard(account);
  const noticeId = mintId(c.get('config').SIGNING_SECRETS, 'evt', shard, Date.now());
  const client = new DeliveryClient(c.env, shard);
  const outcome = granted(
    await reached(() => client.testEndpoint({ keyHash, endpointId: id, noticeId, event })),
  );
  if (outcome.kind !== 'sent') {
    throw outcome.kind === 'disabled' ? new ApiError({ tag: 'endpoint_disabled' }) : notHeardYet();
  }
  const { delivery } = outcome;
  return c.json(deliveryBody(delivery), 202, {
    ...NO_STORE,
    Location: `${DELIVERIES_PATH}/${delivery.deliveryId}`,
  });
});

listRoute(webhookActionRoutes, recoverEndpoint);
webhookActionRoutes.post(recoverEndpoint.getRoutingPath(), ...recoverEndpoint.middleware, async (c) => {
  const id = endpointId(c.req.param('id'));
  const own = await ownAccount(c);
  const now = Date.now();
  const since = sinceOf(bodyOf(c, RecoverRequest).since, now);
  const { endpoint } = await own.ask((account) => account.readEndpoint(id));
  if (!endpoint.enabled) throw new ApiError({ tag: 'endpoint_disabled' });
  const { keyHash } = c.get('caller');
  const command = { keyHash, endpointId: id, since, until: now };
  const outcomes = await ofAllShards(c, own, (client) => client.recover(command));
  // A shard that does not know the endpoint yet has no delivery to it.
  if (outcomes.some((outcome) => granted(outcome).kind === 'disabled')) {
    throw new ApiError({ tag: 'endpoint_disabled' });
  }
  const [from, until] = [since, now].map((ms) => new Date(ms).toISOString());
  return c.json({ endpoint_id: id, since: from, until }, 202, NO_STORE);
});

webhookActionRoutes.openapi(endpointStats, async (c) => {
  const id = endpointId(c.req.valid('param').id);
  const { days } = c.req.valid('query');
  const own = await ownAccount(c);
  await own.ask((account) => account.readEndpoint(id));
  const query = { keyHash: c.get('caller').keyHash, endpointId: id, days };
  const outcomes = await ofAllShards(c, own, (client) => client.endpointStats(query));
  const parts = outcomes.map((outcome) => granted(outcome).stats);
  return c.json(statsBody(parts, { endpointId: id, days, now: Date.now() }), 200, NO_STORE);
});

/** Asks all shards of the caller's account what may be asked again. @throws {ApiError} 503 when one is out of reach. */
async function ofAllShards<T>(
  c: Context<App>,
  own: AskedAccount,
  ask: (client: DeliveryClient) => Promise<T>,
): Promise<T[]> {
  const shards = await shardsOf(own);
  return fewAtOnce(shards, (shard) =>
    reached(() => ask(new DeliveryClient(c.env, shard)), { mayBeDone: true }),
  );
}

/** The time in ms. @throws {ApiError} `invalid_request` for one that is too long ago, or is yet to come. */
function sinceOf(text: string, now: number): number {
  const since = Date.parse(text);
  if (since <= now && since >= now - RECOVERY_MS) return since;
  const detail = since > now ? 'must not be in the future' : 'must be at most 14 days ago';
  throw new ApiError({ tag: 'invalid_request', errors: [{ pointer: '/since', detail }] });
}

/** The home shard is told of a change as soon as it can be; until then it has nothing to send. */
function notHeardYet(): ApiError {
  return new ApiError({ tag: 'unavailable', part: 'jobs', retryAfter: 2 });
}
