/** `GET /u/{token}`: what whoever holds an upload link sees of it, as a page or as JSON; and the page's script. */

import { type Context, Hono } from 'hono';
import { accepts } from 'hono/accepts';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { linkPage, problemPage, SCRIPT_PATH, scriptVersion } from '../../studio/upload/page.ts';
import { SCRIPT } from '../../studio/upload/script.ts';
import { shownOf } from '../../studio/upload/state.ts';
import type { App, Config } from '../env.ts';
import { ApiError, type Failure, problemOf } from '../errors.ts';
import { videoUrl } from '../jobs/video-url.ts';
import type { LinkView } from '../links/contract.ts';
import { claimsOf, openLink } from '../links/door.ts';
import { type ClosedReason, FINISH_GRACE_MS } from '../links/state.ts';
import type { LinkClaims } from '../links/token.ts';
import { publicBody } from '../links/wire.ts';
import { isNotModified } from '../media/ranges.ts';

/** How long after the picture came its link shows what became of it, in ms; the person who sent it may come back. */
const SHOWN_MS = 86_400_000;
/** Pages name the version of the script that they want: an old one may lie in caches for so long, in s. */
const SCRIPT_MAX_AGE_S = 300;
const SECOND_MS = 1_000;
/** Under which a person saves the video. Its usual name is the job's id, which is the owner's to know. */
const VIDEO_NAME = 'video.mp4';

/**
 * The link as it is now. Mounted at `GET /u/{token}`, and so HEAD.
 * @throws {ApiError} 404 for an unknown link, 410 for one that takes nothing and has nothing (more) to show, 503.
 */
export async function showLink(c: Context<App>): Promise<Response> {
  const now = Date.now();
  const claims = await claimsOf(c);
  // So long after its expiry no picture of any link is shown any more.
  requireShown(now < claims.expiresAt + FINISH_GRACE_MS + SHOWN_MS, 'expired');
  const link = await openLink(c, claims);
  if (link.status === 'uploaded') {
    requireShown(now < Math.max(claims.expiresAt, (link.uploadedAt ?? 0) + SHOWN_MS), 'used');
  } else if (link.status !== 'pending') {
    throw new ApiError({ tag: 'link_closed', reason: link.status });
  }
  const body = publicBody(link, { videoUrl: await videoOf(c.get('config'), claims, link, now) });
  if (wantsPage(c)) {
    const page = await linkPage(body, link.spec.redirectUrl);
    return c.body(page.html, 200, page.headers);
  }
  const { lookAgain } = link.status === 'pending' ? { lookAgain: null } : shownOf(body);
  return c.json(body, 200, {
    'Cache-Control': 'no-store',
    Vary: 'Accept',
    ...(lookAgain === null ? {} : { 'Retry-After': String(lookAgain) }),
  });
}

function requireShown(shown: boolean, reason: ClosedReason): void {
  if (!shown) throw new ApiError({ tag: 'link_closed', reason });
}

function videoOf(config: Config, { account }: LinkClaims, { job }: LinkView, now: number) {
  const until = now + config.FILE_LINK_TTL_S * SECOND_MS;
  return job ? videoUrl(config, account, job, until, VIDEO_NAME) : null;
}

/** Whether a person waits for a page: a browser names HTML, tools and scripts take anything or want JSON. */
export function wantsPage(c: Context<App>): boolean {
  const supports = ['application/json', 'text/html'];
  return accepts(c, { header: 'Accept', supports, default: 'application/json' }) === 'text/html';
}

/** A failure as a page, with its status and headers: of a link that is opened, or of a form sent without script. */
export async function renderProblem(c: Context<App>, failure: Failure): Promise<Response> {
  const { status, code, detail, headers, extensions } = problemOf(failure);
  const limit = typeof extensions?.limit === 'number' ? extensions.limit : undefined;
  const page = await problemPage({ code, detail, limit }, onwards(c, failure));
  return c.body(page.html, status as ContentfulStatusCode, { ...headers, ...page.headers });
}

/** Where a person goes from a problem: to the form again, or to what another picture became; null where neither is. */
function onwards(
  c: Context<App>,
  failure: Failure,
): { readonly href: string; readonly label: string } | null {
  const { path: href, method } = c.req;
  if (failure.tag === 'not_found' || failure.tag === 'gone') return null;
  if (failure.tag === 'upload_lost' || (failure.tag === 'link_closed' && failure.reason === 'used')) {
    return method === 'POST' ? { href, label: 'See what became of it' } : null;
  }
  if (failure.tag === 'link_closed') return null;
  return { href, label: method === 'POST' ? 'Choose a picture again' : 'Try again' };
}

/** What stands beside the links' own addresses. */
export const linkPageRoutes = new Hono<App>();

linkPageRoutes.get(SCRIPT_PATH, async (c) => {
  const etag = `"${await scriptVersion()}"`;
  const headers = { ETag: etag, 'Cache-Control': `public, max-age=${SCRIPT_MAX_AGE_S}` };
  if (isNotModified(c.req.header('If-None-Match') ?? null, etag)) return c.body(null, 304, headers);
  return c.body(SCRIPT, 200, { ...headers, 'Content-Type': 'text/javascript; charset=utf-8' });
});
