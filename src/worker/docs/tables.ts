/**
 * The tables of the docs. On a narrow screen the `stack` ones become a list by style alone, which makes browsers forget
 * that they are tables: the explicit roles keep them so for assistive technology.
 */

import { html } from 'hono/html';
import { type Problem, problemSlug } from '../errors.ts';
import type { Html } from './layout.ts';
import type { Parameter } from './parameters.ts';
import { dollars, type PriceGrid } from './pricing.ts';
import { JOB_ERRORS } from './problems.ts';

function stackTable(caption: string, headings: readonly string[], rows: readonly Html[]): Html {
  return html`<table class="stack" role="table"><caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${headings.map((heading) => html`<th role="columnheader" scope="col">${heading}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows}</tbody></table>`;
}

function parameterRow(parameter: Parameter): Html {
  const { name, type, required, defaultValue, allowed, description } = parameter;
  return html`<tr role="row" id="parameter-${name}"><th role="rowheader" scope="row"><code>${name}</code></th>
<td role="cell" class="type">${type} <span class="badge${required ? ' must' : ''}">${required ? 'required' : 'optional'}</span></td>
<td role="cell" class="wide">${description}</td>
<td role="cell" class="values" data-label="Allowed:">${allowed.join(', ')}</td>
<td role="cell" data-label="Default:">${defaultValue === null ? '' : html`<code>${defaultValue}</code>`}</td></tr>
`;
}

/** Every field of a request. */
export function parameterTable(caption: string, parameters: readonly Parameter[]): Html {
  return stackTable(
    caption,
    ['Parameter', 'Type', 'What it does', 'Allowed', 'Default'],
    parameters.map(parameterRow),
  );
}

/** Credits and dollars by duration and resolution. */
export function priceTable({ resolutions, perSecond, rows }: PriceGrid): Html {
  return html`<table class="prices"><caption>Credits and US dollars per video</caption>
<thead><tr><th scope="col">Duration</th>${resolutions.map((resolution) => html`<th scope="col">${resolution}</th>`)}</tr></thead>
<tbody>
<tr><th scope="row">per second</th>${perSecond.map((price) => html`<td>${dollars(price)}</td>`)}</tr>
${rows.map(
  ({ duration, prices }) => html`<tr><th scope="row">${duration} s</th>${prices.map((price) =>
    price
      ? html`<td>${price.credits}<span class="unit"> credits</span> <small>${dollars(price.costUsd)}</small></td>`
      : html`<td><small>not made</small></td>`,
  )}</tr>
`,
)}</tbody></table>`;
}

/** Every problem that the API answers with, by an example of each. */
export function problemTable(problems: readonly Problem[]): Html {
  return stackTable(
    'Answers that are not 2xx, with an example of what each says',
    ['Status', 'Code', 'When'],
    problems.map(
      ({ status, code, title, detail }) => html`<tr role="row"><th role="rowheader" scope="row">${status}</th>
<td role="cell"><a href="/problems/${problemSlug(code)}"><code>${code}</code></a></td>
<td role="cell" class="wide">${title}. <span class="note">${detail}</span></td></tr>
`,
    ),
  );
}

/** Why a job can fail. */
export function jobErrorTable(): Html {
  return stackTable(
    'Codes of a failed job',
    ['Code', 'What it means'],
    JOB_ERRORS.map(
      ({ code, meaning }) => html`<tr role="row"><th role="rowheader" scope="row"><code>${code}</code></th>
<td role="cell" class="wide">${meaning}</td></tr>
`,
    ),
  );
}
