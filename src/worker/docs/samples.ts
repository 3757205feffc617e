/**
 * The three samples of a model's page, each a whole program: a test runs them as they are printed, with another host,
 * key and image. All values are quoted by the rules of their language, so none can end its own string.
 */

import type { Model } from '../models/model.ts';
import { exampleOf } from './parameters.ts';

/** What changes between one reader's samples and another's. */
export interface SampleValues {
  /** Where the API is, without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly imageUrl: string;
}

/** The samples by language. */
export interface Samples {
  /** POSIX shell. Waits for the video and prints the answer. */
  readonly curl: string;
  /** Python 3 with `requests`. Polls, and prints the video's URL. */
  readonly python: string;
  /**
   * JavaScript, a module for Node 20 and later, Deno or Bun. Polls, and prints the video's URL. Not for pages of other
   * origins: the API sends no CORS headers, since a key in a page is everybody's key.
   */
  readonly javascript: string;
}

/** Used for a model whose prompt names no example. */
const FALLBACK_PROMPT = 'The camera slowly moves closer.';

/** Quoted for a POSIX shell: nothing is special between single quotes but the quote itself. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A string literal of JavaScript and of Python alike: both read JSON's escapes. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** The samples for `model`. */
export function samples(model: Model, { baseUrl, apiKey, imageUrl }: SampleValues): Samples {
  const example = exampleOf(model.shape, 'prompt');
  const prompt = typeof example === 'string' ? example : FALLBACK_PROMPT;
  const body = JSON.stringify({ prompt, image_url: imageUrl, duration: 6, resolution: '1080p' }, null, 2);

  const curl = `curl -sS -X POST ${shellQuoted(`${baseUrl}/api/${model.id}`)} \\
  -H ${shellQuoted(`Authorization: Bearer ${apiKey}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${shellQuoted(body)}
`;

  const python = `import requests

BASE_URL = ${quoted(baseUrl)}
HEADERS = {"Authorization": "Bearer " + ${quoted(apiKey)}}

response = requests.post(
    BASE_URL + ${quoted(`/api/${model.id}`)},
    headers=HEADERS,
    json={
        "prompt": ${quoted(prompt)},
        "image_url": ${quoted(imageUrl)},
        "duration": 6,
        "resolution": "1080p",
        "response_mode": "polling",
    },
    timeout=60,
)
response.raise_for_status()
job = response.json()

while job["status"] == "in_progress":
    response = requests.get(
        BASE_URL + "/api/fal/status/" + job["job_id"],
        headers=HEADERS,
        params={"wait": 30},  # answers when the job ends, or after 30 seconds
        timeout=60,
    )
    response.raise_for_status()
    job = response.json()

if job["status"] != "completed":
    raise SystemExit(job)
print(job["result"]["video"]["url"])
`;

  const javascript = `const baseUrl = ${quoted(baseUrl)};
const headers = {
  Authorization: "Bearer " + ${quoted(apiKey)},
  "Content-Type": "application/json",
};

async function call(path, init) {
  const response = await fetch(baseUrl + path, { headers, ...init });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

let job = await call(${quoted(`/api/${model.id}`)}, {
  method: "POST",
  body: JSON.stringify({
    prompt: ${quoted(prompt)},
    image_url: ${quoted(imageUrl)},
    duration: 6,
    resolution: "1080p",
    response_mode: "polling",
  }),
});

while (job.status === "in_progress") {
  // Answers when the job ends, or after 30 seconds.
  job = await call("/api/fal/status/" + job.job_id + "?wait=30");
}

if (job.status !== "completed") throw new Error(JSON.stringify(job));
console.log(job.result.video.url);
`;

  return { curl, python, javascript };
}
