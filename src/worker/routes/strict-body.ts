/**
 * Routes that judge their JSON body in the handler: a key that was revoked is told before a wrong body is, and a refusal
 * may look at more than the schema. A validator comes before both.
 */

import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type * as z from 'zod';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { fieldErrors, type Issue } from '../http/problem.ts';

/** Lists such a route in the OpenAPI document. */
export function listRoute(router: OpenAPIHono<App>, { middleware: _code, ...documented }: RouteConfig): void {
  router.openAPIRegistry.registerPath(documented);
}

/** The body that was read, as its schema has it. @throws {ApiError} `invalid_request` with every wrong field. */
export function bodyOf<Schema extends z.ZodType>(c: Context<App>, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(c.get('body'));
  if (parsed.success) return parsed.data;
  throw new ApiError({
    tag: 'invalid_request',
    errors: fieldErrors(parsed.error.issues as readonly Issue[]),
  });
}
