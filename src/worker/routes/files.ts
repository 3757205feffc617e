/** `GET|HEAD /files/{token}/{name}`: results and uploads at signed, expiring links. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { createRouter } from '../http/app.ts';
import { serveFile } from '../media/files.ts';
import { problems } from './schemas.ts';

const binary = { schema: z.string().meta({ format: 'binary' }) };

const file = createRoute({
  method: 'get',
  path: '/files/{token}/{name}',
  summary: 'A file behind a signed link',
  description: 'Range, ETag and If-None-Match are honoured. The links stand in answers and events.',
  tags: ['Files'],
  security: [],
  request: { params: z.object({ token: z.string(), name: z.string() }) },
  responses: {
    200: { description: 'The file.', content: { 'video/mp4': binary, 'image/*': binary } },
    206: { description: 'The part that was asked for.', content: { 'video/mp4': binary, 'image/*': binary } },
    304: { description: 'Not modified.' },
    ...problems(403, 404, 416),
  },
});

export const fileRoutes = createRouter();

fileRoutes.openapi(file, async (c) => {
  const { token, name } = c.req.valid('param');
  const { raw } = c.req;
  return (await serveFile(raw, c.env.BUCKET, c.get('config'), token, name, Date.now())) as never;
});
