/** `/u/{token}`: an upload link's own address. What comes in is judged by links/door.ts and kept by links/bytes/complete.ts. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { onError } from '../http/problem.ts';
import { receiveForm, receiveRaw } from '../links/bytes/receive.ts';
import { anyOrigin } from '../links/cors.ts';
import { limitPieces, limitRequests } from '../links/door.ts';
import { publicBody } from '../links/wire.ts';
import { mediaTypeOf } from '../media/image-types.ts';
import { renderProblem, showLink, wantsPage } from './link-page.ts';
import { answerTus, createTus, describeTus, speakTus, TUS_PATH } from './link-tus.ts';

const PATH = '/u/:token';
/** A try's address, as link-tus.ts has it below its link's. */
const TRY = /^\/u\/[^/]+\/[0-9a-z]{16}$/;
const FORM = 'multipart/form-data';

export const linkDoorRoutes = createRouter();

linkDoorRoutes.onError((cause, c) => {
  const answer = onError(cause, c);
  if (!isPageForm(c) && !isPageView(c)) return answer;
  return renderProblem(c, cause instanceof ApiError ? cause.failure : { tag: 'internal' });
});

// The link's own path too.
linkDoorRoutes.use(`${PATH}/*`, anyOrigin);
linkDoorRoutes.use(`${PATH}/*`, speakTus);
linkDoorRoutes.use(`${PATH}/*`, async (c, next) => {
  await (isTry(c) ? limitPieces : limitRequests)(c);
  await next();
});

linkDoorRoutes.get(PATH, showLink);

linkDoorRoutes.put(PATH, async (c) => c.json(publicBody(await outlasting(c, receiveRaw(c))), 201, PRIVATE));

linkDoorRoutes.options(PATH, describeTus);
linkDoorRoutes.all(PATH + TUS_PATH, answerTus);

linkDoorRoutes.post(PATH, async (c) => {
  if (c.req.header('Tus-Resumable') !== undefined) return createTus(c);
  if (!isForm(c)) return c.json(publicBody(await outlasting(c, receiveRaw(c))), 201, PRIVATE);
  const link = await outlasting(c, receiveForm(c));
  if (!isPageForm(c)) return c.json(publicBody(link), 201, PRIVATE);
  const { PUBLIC_URL } = c.get('config');
  return c.redirect(link.spec.redirectUrl ?? `${PUBLIC_URL}/u/${c.req.param('token')}`, 303);
});

/** What is told to whoever has the link is for nobody else. */
const PRIVATE = { 'Cache-Control': 'no-store' };

/** Work that is ended, and cleared up after, also when its client has gone. */
function outlasting<T>(c: Context<App>, work: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(work.catch(() => undefined));
  return work;
}

/** A request of a resumable upload that has begun. */
function isTry(c: Context<App>): boolean {
  return TRY.test(c.req.path);
}

function isForm(c: Context<App>): boolean {
  return mediaTypeOf(c.req.header('Content-Type')) === FORM;
}

/** A form that a browser sends by itself: a person waits for a page. Scripts and tools do not ask for HTML. */
function isPageForm(c: Context<App>): boolean {
  return c.req.method === 'POST' && isForm(c) && /\btext\/html\b/i.test(c.req.header('Accept') ?? '');
}

/** A link that is opened in a browser. */
function isPageView(c: Context<App>): boolean {
  return c.req.method === 'GET' && wantsPage(c);
}
