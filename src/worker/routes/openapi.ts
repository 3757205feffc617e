/** The OpenAPI document: made by the routes themselves, and by the schemas of our events. */

import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import * as z from 'zod';
import type { App } from '../env.ts';
import { EVENT_SCHEMAS } from '../webhooks/event.ts';
import { json, problems } from './schemas.ts';

const DESCRIPTION =
  'Send a start image, a prompt and options; get an MP4 back, inline, by polling or by a signed webhook. ' +
  'Prepaid credits, charged only on success.';

/** Where the document is, so that it names itself too. */
export const openApiRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  summary: 'This document',
  tags: ['Service'],
  security: [],
  responses: { 200: json(z.looseObject({ openapi: z.string() }), 'OpenAPI 3.1.'), ...problems() },
});

/** OpenAPI 3.1 of all routes that are for others. */
export function openApiDocument(app: OpenAPIHono<App>, publicUrl: string): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Firstframe', version: '1', description: DESCRIPTION, license: { name: 'MIT' } },
    servers: [{ url: publicUrl }],
    security: [],
  });
  return {
    ...document,
    components: {
      ...document.components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
        header: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        query: { type: 'apiKey', in: 'query', name: 'api_key' },
        operator: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN.' },
      },
    },
    webhooks: Object.fromEntries(
      Object.entries(EVENT_SCHEMAS).map(([type, schema]) => [
        type,
        {
          post: {
            summary: schema.meta()?.description,
            requestBody: {
              required: true,
              content: {
                'application/json': { schema: z.toJSONSchema(schema, { target: 'draft-2020-12' }) },
              },
            },
            responses: { '2XX': { description: 'Delivered.' } },
          },
        },
      ]),
    ),
  };
}
