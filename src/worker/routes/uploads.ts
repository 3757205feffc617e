/** `POST /api/uploads`: an image for a later job. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { createRouter } from '../http/app.ts';
import { authenticate } from '../http/auth.ts';
import { granted, reached } from '../http/outcome.ts';
import { ShardClient } from '../jobs/client.ts';
import { IMAGE_TYPES } from '../media/contract.ts';
import { storeUpload } from '../media/uploads.ts';
import { HEADERS, idempotencyKey } from './idempotency-header.ts';
import { storeKeyedUpload } from './keyed-uploads.ts';
import { requestRegion } from './region-of-request.ts';
import { json, problems, REPLAY_HEADERS, SECURITY, Upload } from './schemas.ts';

const binary = { schema: z.string().meta({ format: 'binary' }) };

const upload = createRoute({
  method: 'post',
  path: '/api/uploads',
  summary: 'Upload an image',
  description: 'The raw bytes of a PNG, JPEG, WebP, AVIF or HEIF image.',
  tags: ['Images'],
  security: SECURITY,
  middleware: [authenticate] as const,
  request: {
    headers: HEADERS,
    body: { required: true, content: Object.fromEntries(IMAGE_TYPES.map((type) => [type, binary])) },
  },
  responses: { 201: json(Upload, 'Stored.', REPLAY_HEADERS), ...problems(400, 401, 410, 413, 415, 422) },
});

export const uploadRoutes = createRouter();

uploadRoutes.openapi(upload, async (c) => {
  const { account, keyHash } = c.get('caller');
  const shard = new ShardClient(c.env, { account, region: requestRegion(c), n: 0 });
  granted(await reached(() => shard.authorize(keyHash)));
  const { BUCKET } = c.env;
  const config = c.get('config');
  const key = idempotencyKey(c);
  const now = Date.now();
  const { stored, replayed } =
    key === null
      ? { stored: await storeUpload(c.req.raw, BUCKET, config, account, now), replayed: false }
      : await storeKeyedUpload(c.req.raw, BUCKET, config, { account, key, now });
  if (replayed) c.header('Idempotent-Replayed', 'true');
  return c.json(stored, 201, { 'Cache-Control': 'no-store' });
});
