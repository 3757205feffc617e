/** The frame of every page, and the headers that go with it. */

import { html, raw } from 'hono/html';
import { toBase64, utf8 } from '../bytes.ts';
import { STYLE } from './style.ts';

/** Escaped HTML, or a promise of it where a part of it was one. */
export type Html = ReturnType<typeof html>;

/** A page, ready to be sent. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What one page puts into the frame. */
export interface PageParts {
  /** Stands in the window's title, before the name of the service. */
  readonly title: string;
  /** One sentence for search results and previews. */
  readonly description: string;
  /** The sections by their ids, for the table of contents; none when it is empty. */
  readonly contents?: readonly (readonly [id: string, title: string])[];
  readonly main: Html;
}

/** A page changes with a deployment alone; five minutes of the old one hurt nobody. */
const MAX_AGE_S = 300;

let policy: Promise<string> | undefined;

/** No script, no frame, no form, no request to anywhere: only the one style sheet, by its hash. */
function contentSecurityPolicy(): Promise<string> {
  policy ??= crypto.subtle
    .digest('SHA-256', utf8(STYLE))
    .then(
      (hash) =>
        `default-src 'none'; style-src 'sha256-${toBase64(new Uint8Array(hash))}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
  return policy;
}

/** A frame of film with the first picture in it. */
export const MARK = raw(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true" focusable="false"><rect x="2" y="4" width="20" height="16" rx="2"/><path d="M7 4v16M17 4v16M2 9h5M2 15h5M17 9h5M17 15h5"/></svg>',
);

function contentsList(contents: NonNullable<PageParts['contents']>): Html {
  return html`<nav class="contents" aria-labelledby="contents"><h2 id="contents">On this page</h2>
<ul>${contents.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>`;
}

/** Puts the parts into the frame. */
export async function renderPage({ title, description, contents = [], main }: PageParts): Promise<Page> {
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · Firstframe</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="${description}">
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/docs">${MARK}Firstframe</a>
<nav aria-label="Service"><ul><li><a href="/docs">Models</a></li><li><a href="/openapi.json">OpenAPI</a></li></ul></nav>
</header>
<div class="frame${contents.length > 0 ? ' split' : ''}">
${contents.length > 0 ? contentsList(contents) : ''}
<main id="main" tabindex="-1">
${main}
</main>
</div>
</body>
</html>
`;
  return {
    html: String(page),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': await contentSecurityPolicy(),
      'referrer-policy': 'no-referrer',
      'cache-control': `public, max-age=${MAX_AGE_S}`,
    },
  };
}

/** The page as an answer. */
export function pageResponse(page: Page): Response {
  return new Response(page.html, { headers: page.headers });
}
