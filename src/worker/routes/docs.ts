/** The documentation: a page for each model, one for each problem. */

import { Hono } from 'hono';
import { pageResponse } from '../docs/layout.ts';
import { docsIndex, docsPage, problemPage } from '../docs/page.ts';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { MODELS, modelOf } from '../models/index.ts';
import { SERVICE_FIELDS } from '../models/service-fields.ts';

export const docsRoutes = new Hono<App>();

/** Whoever opens the service in a browser wants to know what it is. */
docsRoutes.get('/', (c) => c.redirect(`${c.get('config').PUBLIC_URL}/docs`, 302));

/** With one model in the catalogue its page is the documentation. */
docsRoutes.get('/docs', async (c) => {
  const [only, ...others] = MODELS;
  const page =
    only && others.length === 0 ? docsPage(only, SERVICE_FIELDS, c.get('config')) : docsIndex(MODELS);
  return pageResponse(await page);
});

docsRoutes.get('/docs/:model', async (c) => {
  const model = modelOf(c.req.param('model'));
  if (!model) throw new ApiError({ tag: 'not_found' });
  return pageResponse(await docsPage(model, SERVICE_FIELDS, c.get('config')));
});

/** Every problem type resolves (RFC 9457 §3.1.1). */
docsRoutes.get('/problems/:slug', async (c) => {
  const page = await problemPage(c.req.param('slug'));
  if (!page) throw new ApiError({ tag: 'not_found' });
  return pageResponse(page);
});
