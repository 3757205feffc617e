/** The sections of a model's page that are prose and examples. What they state comes from the code they speak of. */

import { html } from 'hono/html';
import { MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE, MIN_RENDERED_SIDE } from '../media/image-limits.ts';
import type { Model, PriceTable } from '../models/model.ts';
import { code, json, mebibytes, span } from './blocks.ts';
import type { Html } from './layout.ts';
import { grouped } from './parameters.ts';
import type { PriceGrid } from './pricing.ts';
import { type Samples, samples } from './samples.ts';

/** What the docs tell of a deployment: a part of its configuration, by the same names. */
export interface DocsConfig {
  readonly PUBLIC_URL: string;
  readonly PRICES: Readonly<Record<string, PriceTable>>;
  readonly INLINE_WAIT_S: number;
  readonly MAX_BODY_BYTES: number;
  readonly MAX_UPLOAD_BYTES: number;
  readonly JOB_DEADLINE_S: number;
  readonly RESULT_RETENTION_DAYS: number;
  readonly INPUT_RETENTION_HOURS: number;
  readonly FILE_LINK_TTL_S: number;
}

/** Stands in the samples for what the reader has to fill in. */
export const PLACEHOLDER = { apiKey: 'YOUR_API_KEY', imageUrl: 'https://example.com/photo.jpg' } as const;

const EXAMPLE_JOB_ID = 'job_b00j6m2k1x8q4t7v9w3y5z0a2c4e6g8h';

/** The three whole programs. */
export function samplesSection(model: Model, config: DocsConfig): Html {
  const texts: Samples = samples(model, { baseUrl: config.PUBLIC_URL, ...PLACEHOLDER });
  return html`<p>Put in your key and the address of an image. A click or a long press on a block selects all of it.</p>
<h3 id="sample-curl">curl: wait for the video</h3>
${code(texts.curl, 'Sample in curl')}
<h3 id="sample-python">Python: start, then poll</h3>
${code(texts.python, 'Sample in Python')}
<h3 id="sample-javascript">JavaScript: start, then poll</h3>
${code(texts.javascript, 'Sample in JavaScript')}
<h3>An image of your own</h3>
<p><code>image_url</code> also takes a base64 data URI, or the <code>image_url</code> of an upload:</p>
${code(
  `curl -sS -X POST '${config.PUBLIC_URL}/api/uploads' \\
  -H 'Authorization: Bearer ${PLACEHOLDER.apiKey}' \\
  -H 'Content-Type: image/jpeg' \\
  --data-binary @photo.jpg
`,
  'Upload in curl',
)}`;
}

/** What comes back, and when. */
export function answersSection(config: DocsConfig, grid: PriceGrid): Html {
  const row = grid.rows[0];
  const price = row?.prices[0] ?? { credits: 0, costUsd: 0 };
  const charged = { credits_charged: price.credits, cost_usd: price.costUsd };
  const video = {
    url: `${config.PUBLIC_URL}/files/TOKEN/video.mp4`,
    content_type: 'video/mp4',
    duration: row?.duration ?? 0,
    width: 1920,
    height: 1080,
    fps: 25,
  };
  const job = { job_id: EXAMPLE_JOB_ID, status: 'in_progress', ...charged };
  return html`<h3>Inline</h3>
<p>With <code>"response_mode": "inline"</code>, the default, the answer waits up to ${span(config.INLINE_WAIT_S)} for the video. <code>Prefer: wait=10</code> shortens that. A video that takes longer is answered as polling is, and the job goes on. Hanging up does not stop it.</p>
${json({ job_id: EXAMPLE_JOB_ID, result: { video }, ...charged }, 'Answer of an inline request, 200')}
<h3>Polling</h3>
<p>With <code>"response_mode": "polling"</code> the answer is a 202 at once, with the job's address in <code>Location</code>. The credits are held, and charged only on success.</p>
${json(job, 'Answer of a polling request, 202')}
<p>Ask <code>GET /api/fal/status/{job_id}</code> until <code>status</code> is <code>completed</code>, <code>failed</code> or <code>canceled</code>. <code>?wait=30</code> holds the answer until the job ends or 30 seconds have passed, up to 60. While the job is open, <code>phase</code> is <code>queued</code>, <code>rendering</code> or <code>storing</code>.</p>
${json({ ...job, status: 'completed', result: { video }, created_at: '2026-10-01T12:00:00.000Z', completed_at: '2026-10-01T12:00:41.000Z' }, 'Status of a completed job, 200')}
<p>The video's link is signed, and valid for ${span(config.FILE_LINK_TTL_S)}. Every status answer has a fresh one. Videos are kept for ${config.RESULT_RETENTION_DAYS} days; after that the status is a 410.</p>
<h3>Canceling</h3>
<p><code>POST /api/jobs/{job_id}/cancel</code> answers 200 when the job is canceled, 202 while that is still being decided, and 409 when the job has ended. A canceled job costs nothing.</p>`;
}

/** How a caller says who it is. */
export function authenticationSection(): Html {
  return html`<p>Every request carries an API key, in one of these places:</p>
<ul><li><code>Authorization: Bearer YOUR_API_KEY</code></li><li><code>X-API-Key: YOUR_API_KEY</code></li><li><code>"api_key"</code> in the JSON body</li><li><code>?api_key=</code> in the query</li></ul>
<p>Prefer a header: addresses with a key in them end up in logs and histories. <code>GET /api/account</code> tells your credits.</p>`;
}

/** How to repeat a request without paying twice. */
export function idempotencySection(): Html {
  return html`<p>Send an <code>Idempotency-Key</code> of your own making, 1 to 255 printable characters, with a request that makes a job. When the answer is lost, send the same request with the same key: you get the same job in its present state, with <code>Idempotent-Replayed: true</code>, and it is charged once.</p>
<p>The same key with another request is a 422. Refused requests are not remembered. A key lives as long as its job. Requests with a key are decided in your account's home region, so from far away they take a little longer than those without.</p>
<p>Uploads take the header too: the same key and image is the same upload, as long as the upload is kept. Keys of uploads and keys of jobs have nothing to do with each other: one text may be used for both.</p>
${code(`Idempotency-Key: order-1042-video-1`, 'Example of the header')}`;
}

/** The bounds of this deployment. */
export function limitsSection(config: DocsConfig): Html {
  return html`<ul>
<li>JSON body, data URIs included: ${mebibytes(config.MAX_BODY_BYTES)}, about three quarters of that as an image: base64 makes it a third longer</li>
<li>Upload: ${mebibytes(config.MAX_UPLOAD_BYTES)}</li>
<li>Images: PNG, JPEG, WebP, AVIF or HEIF, still and not animated, of at most ${grouped(MAX_IMAGE_SIDE)} pixels a side and ${MAX_IMAGE_PIXELS / 1_000_000} megapixels. Where the local engine makes the videos, of at least ${MIN_RENDERED_SIDE} pixels a side</li>
<li>A job that is not done after ${span(config.JOB_DEADLINE_S)} fails and costs nothing</li>
<li>Uploads are kept for ${span(config.INPUT_RETENTION_HOURS * 3_600)}, videos for ${config.RESULT_RETENTION_DAYS} days</li>
</ul>`;
}
