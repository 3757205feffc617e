/** The page of an upload link, whole, with the headers that go with it. */

import { html, raw } from 'hono/html';
import { sha256Hex, toBase64, utf8 } from '../../worker/bytes.ts';
import { type Html, MARK, type Page } from '../../worker/docs/layout.ts';
import type { PublicLink } from './link.ts';
import { askPart, statePart } from './markup.ts';
import { SCRIPT } from './script.ts';
import { type Shown, type ShownProblem, shownOf, shownOfProblem } from './state.ts';
import { UPLOAD_STYLE } from './style.ts';

/** Where the script is served, under every link's own origin. Not below `/u/`: Hono's fast router has no name beside a token. */
export const SCRIPT_PATH = '/upload-page.js';

/** The script's version: a page never runs the script of another one, however caches are filled. */
let version: Promise<string> | undefined;

/** The first 16 digits of the script's SHA-256. */
export function scriptVersion(): Promise<string> {
  version ??= sha256Hex(utf8(SCRIPT)).then((hash) => hash.slice(0, 16));
  return version;
}

let styleHash: Promise<string> | undefined;

/**
 * Nothing but ours, and nothing inline but the style sheet by its hash. Chromium holds the redirect after a form to
 * `form-action` as well, so the origin where the link leads on is allowed.
 */
async function contentSecurityPolicy(redirectUrl: string | undefined): Promise<string> {
  styleHash ??= crypto.subtle
    .digest('SHA-256', utf8(UPLOAD_STYLE))
    .then((hash) => toBase64(new Uint8Array(hash)));
  const onwards = redirectUrl === undefined ? '' : ` ${new URL(redirectUrl).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'sha256-${await styleHash}'`,
    "img-src 'self' blob: data:", // data: is the empty icon, which spares the request for one.
    "media-src 'self'",
    "connect-src 'self'",
    `form-action 'self'${onwards}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The page of a link that can be read: the form while it is pending, and else what became of the picture. */
export async function linkPage(link: PublicLink, redirectUrl?: string): Promise<Page> {
  if (link.status === 'pending') {
    return page({
      title: 'Send a picture',
      main: html`${askPart(link, redirectUrl)}${statePart(null)}`,
      redirectUrl,
    });
  }
  const shown = shownOf(link);
  return page({ title: shown.title, main: statePart(shown), refresh: shown.lookAgain });
}

/** The page of a request that failed. `onwards`: what the person can do next. */
export function problemPage(
  problem: ShownProblem,
  onwards: { readonly href: string; readonly label: string } | null,
): Promise<Page> {
  const shown: Shown = shownOfProblem(problem);
  const next = onwards && html`<a class="button" href="${onwards.href}">${onwards.label}</a>\n`;
  return page({ title: shown.title, main: html`${statePart(shown)}${next ?? ''}`, scripted: false });
}

interface PageParts {
  readonly title: string;
  readonly main: Html | Promise<Html>;
  readonly redirectUrl?: string | undefined;
  /** Seconds after which a browser without script looks again. */
  readonly refresh?: number | null;
  readonly scripted?: boolean;
}

async function page({ title, main, redirectUrl, refresh = null, scripted = true }: PageParts): Promise<Page> {
  // Before the body, so that what only works without script is never seen with it.
  const script = scripted ? html`<script src="${SCRIPT_PATH}?v=${await scriptVersion()}"></script>\n` : '';
  const text = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · Firstframe</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<style>${raw(UPLOAD_STYLE)}</style>
${script}${refresh === null ? '' : html`<noscript><meta http-equiv="refresh" content="${refresh}"></noscript>\n`}</head>
<body>
<header class="top"><span class="brand">${MARK}Firstframe</span></header>
<main>
<p class="unseen" id="live" role="status"></p>
${main}</main>
</body>
</html>
`;
  return {
    html: String(text),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': await contentSecurityPolicy(redirectUrl),
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
      'cache-control': 'no-store',
      vary: 'Accept',
    },
  };
}
