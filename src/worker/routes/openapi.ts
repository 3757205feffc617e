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

/** In every answer, so that routes do not name it: `identify` in http/app.ts sets it. */
const EVERY_ANSWER = {
  'X-Request-Id': {
    description: 'Quote it when you report a problem.',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
} as const;

const SIGNED = 'Standard Webhooks 1.0.0';
/** What a receiver gets with an event: webhooks/sign.ts. */
const EVENT_HEADERS = z.object({
  'webhook-id': z.string().meta({ description: `${SIGNED}: the same on every try of an event.` }),
  'webhook-timestamp': z.string().meta({ description: `${SIGNED}: Unix seconds of this try.` }),
  'webhook-signature': z.string().meta({
    description: `${SIGNED}: signatures with spaces between, of id, timestamp and body, joined by full stops. \`v1,\` and the base64 of HMAC-SHA-256 with a secret of the endpoint, or of the account for a \`webhook_url\`; \`v1a,\` and the base64 of Ed25519 with a key of the account. More than one of a scheme while secrets are rotated: verify any.`,
  }),
});

/** Lists our events in the document of `app`. Once per app. */
export function registerEvents(app: OpenAPIHono<App>): void {
  for (const [type, schema] of Object.entries(EVENT_SCHEMAS)) {
    app.openAPIRegistry.registerWebhook({
      method: 'post',
      path: type,
      summary: schema.meta()?.description ?? type,
      request: {
        headers: EVENT_HEADERS,
        body: { required: true, content: { 'application/json': { schema } } },
      },
      responses: {
        '2XX': { description: 'Delivered.' },
        410: {
          description:
            'The receiver wants no more: its endpoint is disabled; of a `webhook_url` this event is not sent again.',
        },
        default: { description: 'Not delivered: it is sent again.' },
      },
    });
  }
}

/** OpenAPI 3.1 of all routes that are for others. */
export function openApiDocument(app: OpenAPIHono<App>, publicUrl: string): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Firstframe', version: '1', description: DESCRIPTION, license: { name: 'MIT' } },
    servers: [{ url: publicUrl }],
    security: [],
  });
  for (const operations of Object.values(document.paths ?? {})) {
    const { get, head, post, put, patch, delete: remove } = operations;
    for (const operation of [get, head, post, put, patch, remove]) {
      for (const response of Object.values<ResponseObject>(operation?.responses ?? {})) {
        response.headers = { ...EVERY_ANSWER, ...response.headers };
      }
    }
  }
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
  };
}

interface ResponseObject {
  headers?: Record<string, unknown>;
}
