/**
 * Upload links are used from pages of any origin: whoever has the address may use it, and no cookie is ever looked at.
 * Preflights are answered without looking at the link.
 */

import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { App } from '../env.ts';

/** What a page's script may read of an answer, beside what it always may. */
const EXPOSED = [
  'Location',
  'Upload-Offset',
  'Upload-Length',
  'Upload-Expires',
  'Upload-Metadata',
  'Tus-Resumable',
  'Tus-Version',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Checksum-Algorithm',
  'Retry-After',
  'X-Request-Id',
];
/** What a tus client and a fetch send. */
const ACCEPTED = [
  'Accept',
  'Content-Type',
  'Content-Digest',
  'Repr-Digest',
  'Tus-Resumable',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Offset',
  'Upload-Metadata',
  'Upload-Checksum',
  'Upload-Concat',
  'X-HTTP-Method-Override',
  'X-Request-ID',
  'X-Requested-With',
];
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];
/** Seconds that a browser may remember a preflight: two hours, which is as long as any does. */
const MAX_AGE_S = 7_200;

const shared = cors({
  origin: '*',
  allowMethods: METHODS,
  allowHeaders: ACCEPTED,
  exposeHeaders: EXPOSED,
  maxAge: MAX_AGE_S,
});

/** Lets pages of every origin read what follows, refusals too, and answers preflights. */
export const anyOrigin: MiddlewareHandler<App> = async (c, next) => {
  if (c.req.method !== 'OPTIONS' || c.req.header('Access-Control-Request-Method') !== undefined) {
    return shared(c, next);
  }
  // Not a preflight: a tus client asks what we can.
  await next();
  c.res.headers.set('Access-Control-Allow-Origin', '*');
  c.res.headers.set('Access-Control-Expose-Headers', EXPOSED.join(','));
};
