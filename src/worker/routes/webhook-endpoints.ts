/** `/api/webhook-endpoints`: where an account hears of its events. What is done with one is in webhook-actions.ts. */

import { mintEndpointId } from '../accounts/endpoints/mint.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { endpointBody, pendingBody } from '../webhooks/endpoint-answer.ts';
import { endpointId } from './endpoint-id.ts';
import { ownAccount } from './own-account.ts';
import { listRoute } from './strict-body.ts';
import { EndpointRequest, endpointFields, NewEndpointRequest } from './webhook-endpoint-body.ts';
import {
  createEndpoint,
  deleteEndpoint,
  ENDPOINTS_PATH,
  listEndpoints,
  readEndpoint,
  updateEndpoint,
} from './webhook-endpoint-docs.ts';

const NO_STORE = { 'Cache-Control': 'no-store' };

export const webhookEndpointRoutes = createRouter();

listRoute(webhookEndpointRoutes, createEndpoint);
webhookEndpointRoutes.post(createEndpoint.getRoutingPath(), ...createEndpoint.middleware, async (c) => {
  const own = await ownAccount(c);
  const { url, ...fields } = await endpointFields(c, NewEndpointRequest);
  if (url === undefined) throw new TypeError('no URL, though the schema has passed it');
  const command = {
    id: mintEndpointId(),
    url,
    description: '',
    events: null,
    headers: {},
    rateLimit: null,
    enabled: true,
    ...fields,
  };
  const outcome = await own.ask((account) => account.createEndpoint(command));
  if (outcome.kind === 'too_many') throw new ApiError({ tag: 'too_many_endpoints', limit: outcome.limit });
  const { endpoint, secret, pending } = outcome;
  const body = { ...endpointBody(endpoint), secret, ...pendingBody(pending) };
  return c.json(body, 201, { ...NO_STORE, Location: `${ENDPOINTS_PATH}/${endpoint.id}` });
});

webhookEndpointRoutes.openapi(listEndpoints, async (c) => {
  const own = await ownAccount(c);
  const { endpoints } = await own.ask((account) => account.listEndpoints());
  return c.json({ data: endpoints.map(endpointBody) }, 200, NO_STORE);
});

webhookEndpointRoutes.openapi(readEndpoint, async (c) => {
  const id = endpointId(c.req.valid('param').id);
  const own = await ownAccount(c);
  const { endpoint } = await own.ask((account) => account.readEndpoint(id));
  return c.json(endpointBody(endpoint), 200, NO_STORE);
});

listRoute(webhookEndpointRoutes, updateEndpoint);
webhookEndpointRoutes.patch(updateEndpoint.getRoutingPath(), ...updateEndpoint.middleware, async (c) => {
  const id = endpointId(c.req.param('id'));
  const own = await ownAccount(c);
  const fields = await endpointFields(c, EndpointRequest);
  const { endpoint, pending } = await own.ask((account) => account.updateEndpoint({ id, fields }));
  return c.json({ ...endpointBody(endpoint), ...pendingBody(pending) }, 200, NO_STORE);
});

webhookEndpointRoutes.openapi(deleteEndpoint, async (c) => {
  const id = endpointId(c.req.valid('param').id);
  const own = await ownAccount(c);
  const { pending } = await own.ask((account) => account.deleteEndpoint(id));
  if (pending.length === 0) return c.body(null, 204);
  return c.json({ id, deleted: true as const, ...pendingBody(pending) }, 202, NO_STORE);
});
