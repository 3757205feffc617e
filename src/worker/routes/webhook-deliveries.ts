/** `/api/webhook-deliveries`: what was sent where, what came of it, and sending it once more. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError, type FieldError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { granted, reached } from '../http/outcome.ts';
import { type ShardRef, shardOfId } from '../ids.ts';
import { DeliveryClient, listDeliveries } from '../webhooks/client.ts';
import type { DeliveryFilter } from '../webhooks/contract.ts';
import { shardOfDelivery } from '../webhooks/ids.ts';
import { deliveryBody } from '../webhooks/wire.ts';
import { isEndpointId } from './endpoint-id.ts';
import { readCursor, writeCursor } from './list-cursor.ts';
import { ownAccount, shardsOf } from './own-account.ts';
import { deliveriesRoute, deliveryRoute, resendRoute } from './webhook-delivery-docs.ts';

const NO_STORE = { 'Cache-Control': 'no-store' };

/** What names a delivery of the caller's. A guessed id, and every other account's, touches no object. */
function ownDelivery(c: Context<App>, deliveryId: string) {
  const { account, keyHash } = c.get('caller');
  const shard = shardOfDelivery(c.get('config').SIGNING_SECRETS, account, deliveryId);
  if (!shard) throw new ApiError({ tag: 'not_found' });
  return { client: new DeliveryClient(c.env, shard), query: { keyHash, deliveryId } };
}

export const webhookDeliveryRoutes = createRouter();

webhookDeliveryRoutes.openapi(deliveriesRoute, async (c) => {
  const { job_id, endpoint_id, status, event, limit, cursor } = c.req.valid('query');
  const { account, keyHash } = c.get('caller');
  const ring = c.get('config').SIGNING_SECRETS;
  const after =
    cursor === undefined ? undefined : readCursor(cursor, (id) => shardOfDelivery(ring, account, id));
  const ofJob = job_id === undefined ? null : shardOfId(ring, 'job', account, job_id);
  refuseUnknown(job_id !== undefined && ofJob === null, endpoint_id);
  const filter: DeliveryFilter = {
    ...(job_id === undefined ? {} : { jobId: job_id }),
    ...(endpoint_id === undefined ? {} : { endpointId: endpoint_id }),
    ...(status === undefined ? {} : { status }),
    ...(event === undefined ? {} : { event }),
  };
  const query = { keyHash, filter, limit, ...(after === undefined ? {} : { after }) };
  const shards: readonly ShardRef[] = ofJob ? [ofJob] : await shardsOf(await ownAccount(c));
  const page = granted(await reached(() => listDeliveries(c.env, shards, query)));
  const next_cursor = page.next === null ? null : writeCursor(page.next);
  return c.json({ data: page.deliveries.map(deliveryBody), next_cursor }, 200, NO_STORE);
});

webhookDeliveryRoutes.openapi(deliveryRoute, async (c) => {
  const { client, query } = ownDelivery(c, c.req.valid('param').id);
  const outcome = granted(await reached(() => client.delivery(query)));
  if (outcome.kind === 'not_found') throw new ApiError({ tag: 'not_found' });
  return c.json(deliveryBody(outcome.delivery), 200, NO_STORE);
});

webhookDeliveryRoutes.openapi(resendRoute, async (c) => {
  const { client, query } = ownDelivery(c, c.req.valid('param').id);
  const outcome = granted(await reached(() => client.resend(query), { mayBeDone: true }));
  switch (outcome.kind) {
    case 'resent':
      return c.json(deliveryBody(outcome.delivery), 202, NO_STORE);
    case 'not_found':
      throw new ApiError({ tag: 'not_found' });
    case 'gone':
      throw new ApiError({ tag: 'event_expired' });
    case 'disabled':
      throw new ApiError({ tag: 'endpoint_disabled' });
    case 'endpoint_deleted':
      throw new ApiError({ tag: 'endpoint_deleted' });
  }
});

/** A filter by what there cannot be is a mistake: an empty list would hide it. @throws {ApiError} `invalid_request`. */
function refuseUnknown(isUnknownJob: boolean, endpoint: string | undefined): void {
  const errors: FieldError[] = [];
  if (isUnknownJob) errors.push({ pointer: '?job_id', detail: 'is not a job of this account' });
  if (endpoint !== undefined && !isEndpointId(endpoint)) {
    errors.push({ pointer: '?endpoint_id', detail: 'is not the id of a webhook endpoint' });
  }
  if (errors.length > 0) throw new ApiError({ tag: 'invalid_request', errors });
}
