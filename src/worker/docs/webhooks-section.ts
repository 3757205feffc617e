/** The section about events: where they go, what they are, how to verify them, and what becomes of those that fail. */

import { html } from 'hono/html';
import { MAX_ENDPOINTS, MAX_LIVE_SECRETS } from '../accounts/endpoints/limits.ts';
import { DELIVERY_TIMEOUT_MS } from '../webhooks/deliver.ts';
import { EVENT_SCHEMAS, exampleOf } from '../webhooks/event.ts';
import { FAILING_MS } from '../webhooks/health.ts';
import { RETRY_DELAYS_MS } from '../webhooks/schedule.ts';
import { DEFAULT_JOB_EVENTS } from '../webhooks/types.ts';
import { code, json, span } from './blocks.ts';
import type { Html } from './layout.ts';
import type { DocsConfig } from './sections.ts';
import { VERIFY_JAVASCRIPT, VERIFY_PYTHON } from './webhook-samples.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** 0, 5 s, 5 min, …, as a receiver reads it. */
function retrySchedule(): string {
  return RETRY_DELAYS_MS.slice(1)
    .map((delay) => span(delay / SECOND_MS))
    .join(', ');
}

/** Names of events, as code, with commas between. */
function listed(types: readonly string[]): Html[] {
  return types.map((type, at) => html`${at === 0 ? '' : ', '}<code>${type}</code>`);
}

/** Makes an endpoint. */
function endpointSample(baseUrl: string, apiKey: string): string {
  return `curl -sS -X POST '${baseUrl}/api/webhook-endpoints' \\
  -H 'Authorization: Bearer ${apiKey}' \\
  -H 'Content-Type: application/json' \\
  -d '{"url": "https://example.com/webhooks", "events": ["job.completed", "job.failed"]}'
`;
}

/** Events: where they go, what they are, when they come, how to verify them. */
export function webhooksSection({ PUBLIC_URL }: Pick<DocsConfig, 'PUBLIC_URL'>, apiKey: string): Html {
  const events = Object.entries(EVENT_SCHEMAS);
  return html`<p>Events go to the <code>webhook_url</code> of one request, and to the endpoints of your account. An address must be https, on port 443 or 8443, and public.</p>
<h3>Of one video</h3>
<p>With <code>webhook_url</code> in the request, that address gets a POST when the job ends. <code>webhook_events</code> names what it gets instead of ${listed(DEFAULT_JOB_EVENTS)}.</p>
<h3>Of the account</h3>
<p>An endpoint hears of everything, or of the events that it names. An account has up to ${MAX_ENDPOINTS}. The answer has the endpoint’s <code>secret</code>, this once:</p>
${code(endpointSample(PUBLIC_URL, apiKey), 'Making an endpoint in curl')}
<ul>
<li><code>GET</code>, <code>PATCH</code> and <code>DELETE</code> <code>/api/webhook-endpoints/{id}</code>: read, change, delete; <code>GET /api/webhook-endpoints</code>: all</li>
<li><code>POST …/{id}/test</code> sends an example; <code>GET …/{id}/stats</code> tells how it has done</li>
<li><code>POST …/{id}/rotate</code> gives another secret; the old one signs beside it for a day, or for <code>grace_s</code> seconds. Up to ${MAX_LIVE_SECRETS} sign at once</li>
<li><code>GET /api/webhook-deliveries</code> lists every delivery with its tries, by <code>job_id</code>, <code>endpoint_id</code>, <code>status</code> and <code>event</code></li>
<li><code>POST /api/webhook-deliveries/{id}/resend</code> sends one again; <code>POST /api/webhook-endpoints/{id}/recover</code> all that was missed since a time</li>
</ul>
<h3>Events</h3>
<ul>${events.map(([type, schema]) => html`<li><code>${type}</code>: ${schema.meta()?.description ?? ''}</li>`)}</ul>
<p><code>data</code> is the job’s status answer; of <code>upload.completed</code>, the upload link. <code>PATCH /api/account</code> with <code>credits_low_threshold</code> says when <code>credits.low</code> is sent.</p>
${json(exampleOf('job.completed'), 'Example of an event')}
<h3>Verifying</h3>
<p>Events are signed as <a href="https://www.standardwebhooks.com/" rel="noreferrer">Standard Webhooks</a> says: <code>webhook-signature</code> is a list of signatures over <code>webhook-id</code>, <code>webhook-timestamp</code> and the body as it came, joined by full stops. <code>v1</code> is HMAC-SHA-256 with a secret, <code>whsec_…</code>: the endpoint’s own, or for a <code>webhook_url</code> the account’s, at <code>GET /api/account/webhook-secret</code>. The libraries of the standard verify that in every common language. While a secret is replaced, the list has a signature by each.</p>
${code(VERIFY_JAVASCRIPT, 'Receiver in JavaScript')}
${code(VERIFY_PYTHON, 'Receiver in Python')}
<p><code>v1a</code> is Ed25519 with the account’s key, for receivers that shall have no secret. <code>GET /api/account/webhook-key</code> tells the public key, and the address where anybody may read it as a key set.</p>
<h3>Delivery</h3>
<p>Any 2xx within ${span(DELIVERY_TIMEOUT_MS / SECOND_MS)} counts as delivered; a redirect is a failure. After a failure the event is sent again ${RETRY_DELAYS_MS.length - 1} times, with these pauses, each spread by a fifth to both sides: ${retrySchedule()}. <code>Retry-After</code> can make a pause longer. After a 429, 502, 504 or a time-out little is sent to an endpoint for a while.</p>
<p>An event may come more than once: <code>webhook-id</code> is the same on every try, so remember the ones that you have handled. Events of one job come in order, unless you fail one: the next does not wait for its second try.</p>
<p>Answer 410 when you want no more: it disables an endpoint, and ends the tries of an event to a <code>webhook_url</code>. The header <code>webhook-delivery: disable</code> on any answer disables the endpoint too, and <code>webhook-delivery: abort-message</code> on a failure ends the tries of this event. An endpoint that has done nothing but fail for ${FAILING_MS / DAY_MS} days is disabled. What happens while one is disabled is held, and can be sent later.</p>`;
}
