/** Where the upstream says that a job has ended. Not for customers, so not in the OpenAPI document. */

import { Hono } from 'hono';
import type { App } from '../env.ts';
import { ApiError, type Failure } from '../errors.ts';
import { reached } from '../http/outcome.ts';
import { shardOfId } from '../ids.ts';
import { shardStub } from '../objects.ts';
import { type CallbackReply, receiveCallback } from '../upstream/callback.ts';
import { sharedJwks } from '../upstream/jwks.ts';

/** Seconds after which the upstream may call again when its keys could not be had. */
const KEYS_RETRY_S = 30;

const FAILURES: Record<Extract<CallbackReply, { ok: false }>['reason'], Failure> = {
  token: { tag: 'not_found' },
  signature: { tag: 'invalid_signature' },
  body: { tag: 'malformed_body', detail: 'The body is not a callback of the queue.' },
  keys_unavailable: { tag: 'unavailable', part: 'upstream', retryAfter: KEYS_RETRY_S },
};

export const callbackRoutes = new Hono<App>();

callbackRoutes.post('/callbacks/fal/:token', async (c) => {
  const config = c.get('config');
  const { headers, body } = c.req.raw;
  const request = { token: c.req.param('token'), headers, body };
  const reply = await receiveCallback(config, request, sharedJwks(config.FAL_JWKS_URL), Date.now());
  if (!reply.ok) {
    console.warn({ event: 'callback_refused', reason: reply.reason, request_id: c.get('requestId') });
    throw new ApiError(FAILURES[reply.reason]);
  }
  const { account, job } = reply.target;
  const shard = shardOfId(config.SIGNING_SECRETS, 'job', account, job);
  if (!shard) throw new ApiError({ tag: 'not_found' });
  const { applied } = await reached(
    () => shardStub(c.env, shard).callback({ jobId: job, event: reply.event }),
    { jobId: job },
  );
  return c.json({ applied });
});
