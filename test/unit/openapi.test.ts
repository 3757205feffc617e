import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createApp } from '../../src/worker/app.ts';
import { PROBLEMS } from '../../src/worker/docs/problems.ts';
import { JOB_ERROR_CODES } from '../../src/worker/errors.ts';
import { MODELS } from '../../src/worker/models/index.ts';
import { EVENT_SCHEMAS } from '../../src/worker/webhooks/event.ts';
import { EVENT_TYPES } from '../../src/worker/webhooks/types.ts';

const app = createApp();
const variables = {
  PUBLIC_URL: 'https://firstframe.test',
  SIGNING_SECRETS: 'test:0123456789abcdef0123456789abcdef',
};

interface Operation {
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Record<string, { schema: object }>; readonly headers?: Record<string, object> }
    >
  >;
  readonly security?: readonly object[];
  readonly summary?: string;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    readonly securitySchemes: Record<string, object>;
  };
  readonly webhooks: Readonly<Record<string, { post: { parameters: { name: string }[] } }>>;
}
const document = (await (await app.request('/openapi.json', {}, variables)).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
  ),
);

/** Routes that the document leaves out: pages for people, where the upstream calls back, and what a preflight asks. */
const UNLISTED = [
  'GET /',
  'GET /docs',
  'GET /docs/{model}',
  'GET /problems/{slug}',
  'POST /callbacks/fal/{token}',
  'OPTIONS /u/{token}',
  'GET /upload-page.js',
];

/** What Hono answers by the route of GET. */
const BY_GET = ['HEAD /files/{token}/{name}'];

interface Example {
  readonly where: string;
  readonly schema: object;
  readonly example: unknown;
}

/** Every schema in `value` that has an example. */
function examplesOf(value: unknown, where: string): Example[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'example' in value && ('type' in value || 'oneOf' in value || 'anyOf' in value);
  const below = Object.entries(value).flatMap(([name, member]) =>
    name === 'example' ? [] : examplesOf(member, `${where}/${name}`),
  );
  return own ? [{ where, schema: value, example: value.example }, ...below] : below;
}

/** A schema with its references followed. */
function followed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(followed);
  if (typeof value !== 'object' || value === null) return value;
  if ('$ref' in value) {
    return followed(document.components.schemas[String(value.$ref).replace('#/components/schemas/', '')]);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, followed(member)]));
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    );
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    expect(document.openapi).toBe('3.1.0');
  });

  it('has every route', () => {
    const routes = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const listed = operations.map(([name]) => name);
    expect(new Set([...listed, ...UNLISTED])).toEqual(new Set([...routes, ...BY_GET]));
  });

  it.each([
    ['POST /api/ltx-2.3-image-to-video', [200, 202, 400, 401, 402, 409, 410, 413, 415, 422, 500, 503]],
    ['GET /api/fal/status/{job_id}', [200, 400, 401, 404, 410, 500, 503]],
    ['POST /api/jobs/{job_id}/cancel', [200, 202, 400, 401, 404, 409, 410, 413, 500, 503]],
    ['POST /api/uploads', [201, 400, 401, 410, 413, 415, 422, 500, 503]],
    ['POST /api/upload-links', [201, 400, 401, 410, 413, 415, 422, 500, 503]],
    ['GET /api/upload-links', [200, 400, 401, 500, 503]],
    ['GET /api/upload-links/{upload_id}', [200, 400, 401, 404, 410, 500, 503]],
    ['DELETE /api/upload-links/{upload_id}', [200, 400, 401, 404, 409, 410, 500, 503]],
    ['POST /api/upload-links/{upload_id}/submit', [200, 202, 400, 401, 402, 404, 409, 410, 413, 500, 503]],
    ['PUT /u/{token}', [201, 400, 404, 409, 410, 413, 415, 429, 500, 503]],
    ['POST /u/{token}', [201, 303, 400, 404, 409, 410, 412, 413, 415, 429, 460, 500, 503]],
    ['GET /u/{token}', [200, 404, 410, 429, 500, 503]],
    ['GET /files/{token}/{name}', [200, 206, 304, 403, 404, 416, 500, 503]],
    ['HEAD /files/{token}/{name}', [200, 304, 403, 404, 500, 503]],
    ['GET /admin/secrets', [200, 400, 401, 500, 503]],
    ['POST /admin/secrets/renew', [200, 400, 401, 500, 503]],
    ['POST /api/webhook-endpoints', [201, 400, 401, 409, 413, 415, 500, 503]],
    ['GET /api/webhook-endpoints', [200, 400, 401, 500, 503]],
    ['GET /api/webhook-endpoints/{id}', [200, 400, 401, 404, 500, 503]],
    ['PATCH /api/webhook-endpoints/{id}', [200, 400, 401, 404, 413, 415, 500, 503]],
    ['DELETE /api/webhook-endpoints/{id}', [202, 204, 400, 401, 404, 500, 503]],
    ['POST /api/webhook-endpoints/{id}/rotate', [200, 400, 401, 404, 409, 413, 415, 500, 503]],
    ['POST /api/webhook-endpoints/{id}/test', [202, 400, 401, 404, 409, 413, 415, 500, 503]],
    ['POST /api/webhook-endpoints/{id}/recover', [202, 400, 401, 404, 409, 413, 415, 500, 503]],
    ['GET /api/webhook-endpoints/{id}/stats', [200, 400, 401, 404, 500, 503]],
    ['GET /api/webhook-deliveries', [200, 400, 401, 500, 503]],
    ['GET /api/webhook-deliveries/{id}', [200, 400, 401, 404, 500, 503]],
    ['POST /api/webhook-deliveries/{id}/resend', [202, 400, 401, 404, 409, 410, 413, 500, 503]],
    ['GET /api/account', [200, 400, 401, 500, 503]],
    ['PATCH /api/account', [200, 400, 401, 413, 415, 500, 503]],
    ['GET /api/account/webhook-secret', [200, 400, 401, 500, 503]],
    ['POST /api/account/webhook-secret/rotate', [200, 400, 401, 409, 413, 415, 500, 503]],
    ['GET /api/account/webhook-key', [200, 400, 401, 500, 503]],
    ['POST /api/account/webhook-key/rotate', [200, 400, 401, 409, 413, 415, 500, 503]],
    ['GET /.well-known/webhooks/{account}/jwks.json', [200, 404, 429, 500, 503]],
    ['POST /admin/accounts', [201, 400, 401, 409, 413, 415, 500, 503]],
    ['GET /admin/accounts/{id}', [200, 401, 404, 500, 503]],
    ['POST /admin/accounts/{id}/keys', [201, 400, 401, 404, 413, 415, 500, 503]],
    ['DELETE /admin/accounts/{id}/keys/{key_id}', [200, 202, 401, 404, 500, 503]],
    ['POST /admin/accounts/{id}/credits', [200, 400, 401, 404, 409, 413, 415, 500, 503]],
    ['GET /healthz', [200, 500, 503]],
    ['GET /openapi.json', [200, 500, 503]],
  ])('has every status of %s', (name, statuses) => {
    const operation = operations.find(([candidate]) => candidate === name)?.[1];
    expect(Object.keys(operation?.responses ?? {}).map(Number)).toEqual(statuses);
  });

  it('has the problem shape for everything that is not 2xx or 3xx', () => {
    for (const [name, { responses, summary, security }] of operations) {
      expect(summary, name).toBeTruthy();
      expect(security, name).toBeDefined();
      for (const [status, response] of Object.entries(responses)) {
        if (Number(status) < 400 || name.startsWith('HEAD ')) continue;
        expect(response.content, `${name} ${status}`).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        });
      }
    }
  });

  it('has the request of each model, closed, with its bounds and defaults', () => {
    for (const model of MODELS) {
      const schema = document.components.schemas[`${model.id}-request`] as {
        properties: Record<string, Record<string, unknown>>;
        required: string[];
        additionalProperties: unknown;
      };
      expect(schema.additionalProperties).toBe(false);
      expect(Object.keys(schema.properties)).toEqual([
        ...Object.keys(model.shape),
        'response_mode',
        'webhook_url',
        'webhook_events',
        'api_key',
      ]);
    }
    const { properties, required } = document.components.schemas['ltx-2.3-image-to-video-request'] as {
      properties: Record<string, Record<string, unknown>>;
      required: string[];
    };
    expect(required).toEqual(['prompt', 'image_url']);
    expect(properties.prompt).toMatchObject({ type: 'string', minLength: 1, maxLength: 5_000 });
    expect(properties.duration).toMatchObject({
      type: 'number',
      enum: [6, 8, 10, 12, 14, 16, 18, 20],
      default: 6,
    });
    expect(properties.fps).toMatchObject({ enum: [24, 25, 48, 50], default: 25 });
    expect(properties.response_mode).toMatchObject({ enum: ['inline', 'polling'], default: 'inline' });
  });

  it('has every reason of a failed job, every place of a key, and every event', () => {
    expect(JSON.stringify(document.components.schemas.JobStatus)).toContain(JSON.stringify(JOB_ERROR_CODES));
    expect(Object.keys(document.components.securitySchemes)).toEqual([
      'bearer',
      'header',
      'query',
      'operator',
    ]);
    expect(Object.keys(document.webhooks)).toEqual([...EVENT_TYPES]);
    expect(Object.keys(EVENT_SCHEMAS)).toEqual([...EVENT_TYPES]);
  });

  it('has the headers that clients go by', () => {
    for (const [name, { responses }] of operations) {
      for (const [status, { headers = {} }] of Object.entries(responses)) {
        const told = `${name} ${status}`;
        expect(headers, told).toHaveProperty('X-Request-Id');
        if (status === '401') expect(headers, told).toHaveProperty('WWW-Authenticate');
        if (status === '503') expect(headers, told).toHaveProperty('Retry-After');
      }
    }
    const headersOf = (name: string, status: string) =>
      Object.keys(operations.find(([one]) => one === name)?.[1].responses[status]?.headers ?? {}).sort();
    expect(headersOf('POST /api/ltx-2.3-image-to-video', '202')).toEqual([
      'Idempotent-Replayed',
      'Location',
      'Retry-After',
      'X-Request-Id',
    ]);
    expect(headersOf('POST /api/uploads', '201')).toContain('Idempotent-Replayed');
    expect(headersOf('GET /api/fal/status/{job_id}', '200')).toContain('Retry-After');
  });

  it('has events as they are sent: signed, about a job as the status tells of it', () => {
    for (const [type, { post }] of Object.entries(document.webhooks)) {
      expect(
        post.parameters.map(({ name }) => name),
        type,
      ).toEqual(['webhook-id', 'webhook-timestamp', 'webhook-signature']);
    }
    const references = JSON.stringify(document.webhooks).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);
    for (const [, name = ''] of references) expect(document.components.schemas).toHaveProperty(name);
    expect(JSON.stringify(document.webhooks)).not.toContain('#/$defs/');
  });

  it('has examples that are what they are examples of', () => {
    const found = examplesOf(document, '');
    for (const type of EVENT_TYPES) {
      expect(found.some(({ where }) => where.startsWith(`/webhooks/${type}/post/requestBody`))).toBe(true);
    }
    for (const name of [
      'NewWebhookEndpointRequest',
      'NewWebhookEndpoint',
      'WebhookDelivery',
      'JsonWebKeySet',
    ]) {
      expect(document.components.schemas[name], name).toHaveProperty('example');
    }
    for (const { where, schema, example } of found) {
      const { discriminator: _, ...plain } = followed(schema) as Record<string, unknown>;
      expect(z.fromJSONSchema(plain).safeParse(example).error?.issues ?? [], where).toEqual([]);
    }
  });

  it('has every member that a problem brings', () => {
    const { properties } = document.components.schemas.Problem as { properties: object };
    for (const { extensions = {} } of PROBLEMS) {
      for (const member of Object.keys(extensions)) expect(properties).toHaveProperty(member);
    }
    expect(properties).toHaveProperty('problems');
  });
});
