/** `GET|HEAD /files/{token}/{name}`: results and uploads at signed, expiring links. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { createRouter } from '../http/app.ts';
import { pictureFinder } from '../links/picture.ts';
import { serveFile } from '../media/files.ts';
import { problems } from './schemas.ts';

const binary = { schema: z.string().meta({ format: 'binary' }) };

const fileHeaders = z.object({
  ETag: z.string(),
  'Accept-Ranges': z.literal('bytes'),
  'Content-Length': z.string().meta({ description: 'Bytes.' }),
});
const partHeaders = fileHeaders.extend({
  'Content-Range': z.string().meta({ description: '`bytes FIRST-LAST/ALL`.' }),
});
const request = { params: z.object({ token: z.string(), name: z.string() }) };
const common = { path: '/files/{token}/{name}', tags: ['Files'], security: [], request };

const file = createRoute({
  method: 'get',
  summary: 'A file behind a signed link',
  description: 'Range, ETag and If-None-Match are honoured. The links stand in answers and events.',
  ...common,
  responses: {
    200: {
      description: 'The file.',
      headers: fileHeaders,
      content: { 'video/mp4': binary, 'image/*': binary },
    },
    206: {
      description: 'The part that was asked for.',
      headers: partHeaders,
      content: { 'video/mp4': binary, 'image/*': binary },
    },
    304: { description: 'Not modified.' },
    ...problems(403, 404, 416),
  },
});

export const fileRoutes = createRouter();

// Hono answers HEAD by the route of GET, so it is in the document alone.
fileRoutes.openAPIRegistry.registerPath({
  method: 'head',
  summary: 'What a file is, without it',
  ...common,
  responses: {
    200: { description: 'The headers of the file.', headers: fileHeaders },
    304: { description: 'Not modified.' },
    ...Object.fromEntries(
      Object.entries(problems(403, 404)).map(([status, { content: _, ...bodiless }]) => [status, bodiless]),
    ),
  },
});

fileRoutes.openapi(file, async (c) => {
  const { token, name } = c.req.valid('param');
  const config = c.get('config');
  const now = Date.now();
  const find = pictureFinder(c.env, config, now);
  return (await serveFile(c.req.raw, c.env.BUCKET, config, token, name, now, find)) as never;
});
