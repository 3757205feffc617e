import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import { type AppParts, type AppTypes, sendError } from './context.ts';
import { infrastructureError, plainError } from './errors.ts';
import { messageOf } from './log.ts';
import { isLoopbackHost, isLoopbackUrl } from './loopback.ts';
import { requestRoutes } from './routes/requests.ts';
import { submitRoutes } from './routes/submit.ts';
import { videoRoutes } from './routes/videos.ts';

/** How long a receiver may keep the key, in seconds: short, since new data has a new key under the same address. */
const JWKS_MAX_AGE_S = 300;

/** fal's queue as an HTTP application. */
export function createApp(parts: AppParts): Hono<AppTypes> {
  const app = new Hono<AppTypes>();
  app.use(withRequestId);
  app.use(onlyWhileOpen(parts.closing));
  if (parts.loopbackOnly) app.use(onlyLoopbackHost);
  app.use(
    cors({
      // fal allows every page; a page from elsewhere has no business with an engine on this machine.
      origin: (origin) => (isLoopbackUrl(origin) ? origin : null),
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT'],
      exposeHeaders: ['x-fal-request-id', 'x-fal-error-type', 'x-fal-request-timeout-type'],
    }),
  );

  app.get('/.well-known/jwks.json', (c) =>
    c.json(parts.signer.jwks, 200, { 'cache-control': `public, max-age=${JWKS_MAX_AGE_S}` }),
  );
  app.route('/', videoRoutes(parts));
  app.use(needsKey);
  app.route('/', requestRoutes(parts));
  app.route('/', submitRoutes(parts));

  app.notFound(() => sendError(plainError(404, 'Not Found')));
  app.onError((error) => {
    parts.log({ level: 'error', event: 'http_failed', message: messageOf(error) });
    return sendError(infrastructureError('internal_error'));
  });
  return app;
}

/** Puts `x-fal-request-id` on every answer: the queue's id where one is meant, else one for the call itself. */
const withRequestId = createMiddleware<AppTypes>(async (c, next) => {
  c.set('requestId', randomUUID());
  await next();
  c.res.headers.set('x-fal-request-id', c.get('requestId'));
});

/** Takes any key, as long as there is one: who uses this machine may use its engine. */
const needsKey = createMiddleware<AppTypes>(async (c, next) => {
  if (/^key +\S/i.test(c.req.header('authorization') ?? '')) return next();
  return sendError(plainError(401, 'Authentication is required to access this application'));
});

/** Refuses calls under another name than this machine's: a page elsewhere may have its own name point here. */
const onlyLoopbackHost = createMiddleware<AppTypes>(async (c, next) => {
  if (isLoopbackHost(new URL(c.req.url).hostname)) return next();
  return sendError(plainError(403, 'This engine answers on loopback only'));
});

function onlyWhileOpen(closing: AbortSignal) {
  return createMiddleware<AppTypes>(async (_c, next) => {
    if (!closing.aborted) return next();
    return sendError(plainError(503, 'The engine is closing'));
  });
}
