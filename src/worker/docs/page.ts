/** The pages under `/docs` and `/problems`, made from the catalogue, the configuration and the map of errors. */

import { html } from 'hono/html';
import type * as z from 'zod';
import type { Model } from '../models/model.ts';
import { type Page, renderPage } from './layout.ts';
import { parametersOf } from './parameters.ts';
import { priceGrid } from './pricing.ts';
import { PROBLEMS, problemOfSlug } from './problems.ts';
import {
  answersSection,
  authenticationSection,
  type DocsConfig,
  idempotencySection,
  limitsSection,
  PLACEHOLDER,
  samplesSection,
} from './sections.ts';
import { jobErrorTable, parameterTable, priceTable, problemTable } from './tables.ts';
import { webhooksSection } from './webhooks-section.ts';

/**
 * The page of one model, `GET /docs/{model}`. `serviceShape` has the fields that every model's endpoint takes beside the
 * model's own, as the route itself parses them.
 */
export async function docsPage(model: Model, serviceShape: z.ZodRawShape, config: DocsConfig): Promise<Page> {
  const grid = priceGrid(model, config.PRICES[model.id] ?? {});
  const parameters = parametersOf({ ...model.shape, ...serviceShape });
  const sections = [
    ['samples', 'Make a video', samplesSection(model, config)],
    ['parameters', 'Parameters', parameterTable('Fields of the JSON body', parameters)],
    ['answers', 'Answers', answersSection(config, grid)],
    [
      'pricing',
      'Pricing',
      html`<p>Paid from prepaid credits; one credit is one US cent. Each video is rounded up to whole credits, and charged only when it has been made.</p>
${priceTable(grid)}`,
    ],
    ['authentication', 'Authentication', authenticationSection()],
    ['idempotency', 'Idempotency', idempotencySection()],
    ['webhooks', 'Webhooks', webhooksSection(config, PLACEHOLDER.apiKey)],
    [
      'errors',
      'Errors',
      html`<p>Every answer that is not 2xx is <code>application/problem+json</code> (RFC 9457). <code>code</code> is stable, <code>detail</code> is for people, and <code>errors</code> names every wrong field by its JSON pointer. Quote <code>request_id</code>, which is also in <code>X-Request-Id</code>, when you report a problem. After a 503, wait for <code>Retry-After</code>.</p>
${problemTable(PROBLEMS)}
<h3 id="job-errors">When a job fails</h3>
<p>A failed job costs nothing. Its status has an <code>error</code> with a code and a message; an inline request gets a 500 with the same in <code>reason</code>.</p>
${jobErrorTable()}`,
    ],
    ['limits', 'Limits', limitsSection(config)],
  ] as const;
  return renderPage({
    title: model.title,
    description: model.summary,
    contents: sections.map(([id, title]) => [id, title] as const),
    main: html`<h1>${model.title}</h1>
<p class="lead">${model.summary}</p>
<p class="endpoint"><strong>POST</strong> <span>${config.PUBLIC_URL}/api/${model.id}</span></p>
${sections.map(
  ([id, title, body]) => html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${body}
</section>
`,
)}
<footer><p>The same as a machine reads it: <a href="/openapi.json">openapi.json</a></p></footer>`,
  });
}

/** The list of models: `GET /docs`. */
export function docsIndex(models: readonly Model[]): Promise<Page> {
  return renderPage({
    title: 'Models',
    description: 'The models of this service.',
    main: html`<h1>Models</h1>
<p class="lead">Send an image and a prompt, get a video back: in the answer, by polling, or by a signed webhook.</p>
<ul class="cards">${models.map(
      ({ id, title, summary }) => html`<li><h2><a href="/docs/${id}">${title}</a></h2><p>${summary}</p></li>
`,
    )}</ul>`,
  });
}

/** The page of one problem type, `GET /problems/{slug}`; null when there is no such problem. */
export async function problemPage(slug: string): Promise<Page | null> {
  const problem = problemOfSlug(slug);
  if (!problem) return null;
  const { status, code, title, detail, extensions = {} } = problem;
  const example = { title, status, detail, code, ...extensions };
  return renderPage({
    title,
    description: detail,
    main: html`<h1>${title}</h1>
<p class="endpoint"><strong>${status}</strong> <span>${code}</span></p>
<p>An answer with this type says, for example:</p>
<pre tabindex="0" role="region" aria-label="Example of this problem"><code>${JSON.stringify(example, null, 2)}</code></pre>
<p><code>code</code> is stable and safe to branch on. <code>detail</code> is for people and may change.</p>
<p><a href="/docs">Back to the documentation</a></p>`,
  });
}
