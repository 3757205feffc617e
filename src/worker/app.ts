/** The app: every route, in the order of the docs. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { App } from './env.ts';
import { allowedMethods, configure, createRouter, identify } from './http/app.ts';
import { onError, problemResponse } from './http/problem.ts';
import { accountRoutes } from './routes/account.ts';
import { adminRoutes } from './routes/admin.ts';
import { adminSecretsRoutes } from './routes/admin-secrets.ts';
import { callbackRoutes } from './routes/callbacks.ts';
import { docsRoutes } from './routes/docs.ts';
import { fileRoutes } from './routes/files.ts';
import { generateRoutes } from './routes/generate.ts';
import { jobRoutes } from './routes/jobs.ts';
import { jwksRoutes } from './routes/jwks.ts';
import { linkDoorRoutes } from './routes/link-door.ts';
import { registerLinkDoor } from './routes/link-door-docs.ts';
import { linkPageRoutes } from './routes/link-page.ts';
import { openApiDocument, openApiRoute, registerEvents } from './routes/openapi.ts';
import { serviceRoutes } from './routes/service.ts';
import { uploadLinkRoutes } from './routes/upload-links.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { webhookActionRoutes } from './routes/webhook-actions.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts';
import { webhookKeyRoutes } from './routes/webhook-keys.ts';

/** Builds the app. Once per isolate. */
export function createApp(): OpenAPIHono<App> {
  const app = createRouter();
  app.onError(onError);
  app.notFound((c) => {
    const allow = allowedMethods(app.routes, c.req.path);
    return problemResponse(c, allow === null ? { tag: 'not_found' } : { tag: 'method_not_allowed', allow });
  });
  app.use(identify);
  // Health is answered without a configuration: it is where a missing one is told.
  app.route('/', serviceRoutes);
  app.use(configure);
  app.route('/', generateRoutes);
  app.route('/', jobRoutes);
  app.route('/', uploadRoutes);
  app.route('/', fileRoutes);
  app.route('/', linkPageRoutes);
  app.route('/', uploadLinkRoutes);
  app.route('/', linkDoorRoutes);
  app.route('/', webhookEndpointRoutes);
  app.route('/', webhookActionRoutes);
  app.route('/', webhookDeliveryRoutes);
  app.route('/', accountRoutes);
  app.route('/', webhookKeyRoutes);
  app.route('/', jwksRoutes);
  app.route('/', adminRoutes);
  app.route('/', adminSecretsRoutes);
  app.route('/', callbackRoutes);
  app.route('/', docsRoutes);
  registerLinkDoor(app);
  registerEvents(app);
  app.openapi(openApiRoute, (c) => c.json(openApiDocument(app, c.get('config').PUBLIC_URL), 200) as never);
  return app;
}
