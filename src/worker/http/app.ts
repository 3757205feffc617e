/** An OpenAPIHono with our habits: request ids, configuration, and one shape for every failure. */

import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { type App, configOf } from '../env.ts';
import { ApiError } from '../errors.ts';
import { fieldErrors, type Issue } from './problem.ts';

/** A router whose validators answer with problems. */
export function createRouter(): OpenAPIHono<App> {
  return new OpenAPIHono<App>({
    defaultHook: (result) => {
      if (result.success) return;
      const prefix = result.target === 'query' ? '?' : '';
      const errors = fieldErrors(result.error.issues as readonly Issue[]);
      throw new ApiError({
        tag: 'invalid_request',
        // A query parameter is named as it stands in the URL; a body's field by its pointer.
        errors: prefix
          ? errors.map((error) => ({ ...error, pointer: prefix + error.pointer.slice(1) }))
          : errors,
      });
    },
  });
}

/** Gives the request an id, and the answer the same; and tells browsers to take no answer for what it is not. */
export const identify: MiddlewareHandler<App> = async (c, next) => {
  const requestId = crypto.randomUUID();
  c.set('requestId', requestId);
  await next();
  // On the answer itself: headers that Hono collects before there is one are copied twice.
  const { headers } = c.res;
  headers.set('X-Request-Id', requestId);
  headers.set('X-Content-Type-Options', 'nosniff');
};

/** Gives the request the configuration; without one there is no answer but that. */
export const configure: MiddlewareHandler<App> = async (c, next) => {
  c.set('config', configOf(c.env));
  await next();
};

/** What 405 needs to know of a route. */
interface Route {
  readonly method: string;
  readonly path: string;
}

/** The methods that other routes answer at this path, as an `Allow` header; null when no route has this path. */
export function allowedMethods(routes: readonly Route[], path: string): string | null {
  const methods = new Set<string>();
  for (const route of routes) {
    if (route.method !== 'ALL' && patternOf(route.path).test(path)) methods.add(route.method);
  }
  if (methods.has('GET')) methods.add('HEAD');
  return methods.size > 0 ? [...methods].sort().join(', ') : null;
}

function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)))
    .join('/');
  return new RegExp(`^${source}$`);
}
