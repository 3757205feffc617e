/** What a person sees whose form, sent without script, was refused. */

import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { App } from '../env.ts';
import { type Failure, problemOf } from '../errors.ts';

/** A failure as a page, with its status and headers. It runs nothing and loads nothing. */
export function renderProblem(c: Context<App>, failure: Failure): Response {
  const { status, title, detail, headers } = problemOf(failure);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<main>
<h1>${escaped(title)}</h1>
<p role="alert">${escaped(detail)}</p>
<p><a href="${escaped(c.req.path)}">Back</a></p>
</main>
</html>
`;
  return c.body(page, status as ContentfulStatusCode, {
    ...headers,
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy':
      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
