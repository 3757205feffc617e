/**
 * The one scripted upstream of all fault tests. It speaks fal's queue protocol as a pure fetch-style handler, so it
 * runs inside workerd (`installUpstream`, or as the `fetcher` of `falUpstream`) and in Node (upstream-server.ts).
 *
 *   const upstream = new ScriptedUpstream();
 *   upstream.plan('a prompt of this test', { submit: [{ accept: 'lost' }], status: ['running'] });
 *   …
 *   expect(upstream.count('submit', 'a prompt of this test')).toBe(1);
 *   await upstream.callBack('a prompt of this test', 'ok', (request) => exports.default.fetch(request));
 *
 * A job is named by its prompt, its callback URL or its request id. Tests use prompts of their own, so one upstream
 * serves many jobs. Nothing sleeps: `hang` and `slow` wait for `release()`, and `saw()` waits for a call.
 */

import { errorBody, ScriptedQueue, type UpstreamRequest } from './scripted-upstream-queue.ts';
import { Script, until } from './scripted-upstream-script.ts';
import { type Answer, FOREIGN_ORIGIN, type JobPlan, json } from './scripted-upstream-steps.ts';
import { type SigningFaults, WebhookSigner } from './scripted-upstream-webhooks.ts';

export type { UpstreamRequest } from './scripted-upstream-queue.ts';
export { until } from './scripted-upstream-script.ts';
export { type Answer, ConnectionLost, FOREIGN_ORIGIN, type JobPlan } from './scripted-upstream-steps.ts';

/** What a call asked for. `foreign`: sent to {@link FOREIGN_ORIGIN}. `other`: nothing that an upstream offers. */
export type CallKind = 'submit' | 'status' | 'result' | 'cancel' | 'file' | 'jwks' | 'foreign' | 'other';

/** One call, in the order of arrival. */
export interface UpstreamCall {
  readonly kind: CallKind;
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  /** The job that it is about, where it names one. */
  readonly prompt?: string;
  readonly callbackUrl?: string;
  readonly requestId?: string;
}

/** What a webhook says. */
export type WebhookContent =
  | 'ok'
  /** `status: OK` with `payload: null`, as fal sends when it cannot serialise a result. */
  | 'ok_null'
  /** `status: ERROR`, a 422 of this `type` that echoes the prompt as fal does. */
  | { readonly error: string }
  /** The body as given. */
  | { readonly raw: string };

/** What may be wrong with a webhook, and how often it comes. */
export interface WebhookFaults extends SigningFaults {
  /** Copies sent at once. Default 1. */
  readonly times?: number;
}

export interface ScriptedUpstreamOptions {
  /** Base URL of the queue. Default: fal's own, as in `wrangler.toml`. */
  readonly queueUrl?: string;
  readonly jwksUrl?: string;
  /** Base URL of result files. */
  readonly filesUrl?: string;
  /** Calls of the queue without this key are answered 401. Default: the one of the worker tests. */
  readonly key?: string;
  /** Whether a second submit with a known callback URL is the first one again, as with the local engine. */
  readonly dedupes?: boolean;
}

export class ScriptedUpstream {
  readonly queueUrl: string;
  readonly jwksUrl: string;
  readonly filesUrl: string;
  readonly dedupes: boolean;
  /** Every call, also refused and hung ones. */
  readonly calls: UpstreamCall[] = [];
  readonly signer = new WebhookSigner();
  readonly #key: string;
  readonly #script = new Script();
  readonly #queue: ScriptedQueue;

  constructor(options: ScriptedUpstreamOptions = {}) {
    this.queueUrl = options.queueUrl ?? 'https://queue.fal.run';
    this.jwksUrl = options.jwksUrl ?? 'https://rest.fal.ai/.well-known/jwks.json';
    this.filesUrl = options.filesUrl ?? 'https://v3b.fal.media';
    this.dedupes = options.dedupes ?? false;
    this.#key = options.key ?? 'test-fal-key';
    this.#queue = new ScriptedQueue(this.#script, this);
  }

  /** Scripts the jobs with this prompt, from now on. */
  plan(prompt: string, plan: JobPlan): void {
    this.#script.set(prompt, plan);
  }

  /** Scripts every job that has no plan of its own. */
  planAll(plan: JobPlan): void {
    this.#script.set(null, plan);
  }

  /** Scripts the JWKS endpoint: one answer a call, then the truth. */
  planJwks(...answers: readonly Answer[]): void {
    this.#script.setJwks(answers);
  }

  /** How many calls of this kind came, in all or for one job. */
  count(kind: CallKind, job?: string): number {
    return this.calls.filter((call) => call.kind === kind && (job === undefined || isAbout(call, job)))
      .length;
  }

  /** Every request that was taken, in order. */
  get requests(): readonly UpstreamRequest[] {
    return this.#queue.requests;
  }

  /** How many requests were taken, in all or of one job: what the upstream would bill. */
  accepted(job?: string): number {
    return this.requests.filter((request) => job === undefined || isOf(request, job)).length;
  }

  /** The last request of a job. @throws {TypeError} when none was taken. */
  requestOf(job: string): UpstreamRequest {
    const request = this.requests.findLast((candidate) => isOf(candidate, job));
    if (!request) throw new TypeError(`the scripted upstream has taken no request of "${job}"`);
    return request;
  }

  /** Resolves when `times` calls of this kind have come. */
  saw(kind: CallKind, job?: string, times = 1): Promise<void> {
    return until(() => this.count(kind, job) >= times);
  }

  /** Lets every call go on that hangs or is slow now. Later ones wait for the next release. */
  release(): void {
    this.#script.release();
  }

  /** Whether a call hangs and has not been released. */
  get holding(): boolean {
    return this.#script.holding;
  }

  /** Bytes of `huge` bodies that readers have taken. */
  get hugeBytes(): number {
    return this.#script.hugeBytes;
  }

  /** A signed webhook about a job, ready to be sent to its callback URL. */
  webhook(job: string, content: WebhookContent, faults: SigningFaults = {}): Promise<Request> {
    const request = this.requestOf(job);
    return this.signer.request(request.callbackUrl, request.id, this.#webhookBody(request, content), faults);
  }

  /**
   * Ends the job upstream and sends its webhook through `deliver` (in workerd `exports.default.fetch`, in Node
   * `fetch`). @returns the answers, one a copy.
   */
  async callBack(
    job: string,
    content: WebhookContent,
    deliver: (request: Request) => Promise<Response>,
    faults: WebhookFaults = {},
  ): Promise<Response[]> {
    this.requestOf(job).state = 'completed';
    const copies = Array.from({ length: faults.times ?? 1 }, () => this.webhook(job, content, faults));
    return Promise.all((await Promise.all(copies)).map((request) => deliver(request)));
  }

  /** Whether this upstream answers requests to `url`. */
  owns(url: string): boolean {
    const bases = [this.queueUrl, this.filesUrl, FOREIGN_ORIGIN];
    return url === this.jwksUrl || bases.some((base) => url.startsWith(`${base}/`));
  }

  /** The handler in the shape of `fetch`, for `falUpstream({ fetcher })`. */
  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
    this.handle(new Request(input, init));

  /** Answers one request. Throws {@link ConnectionLost} where the script says so. */
  async handle(request: Request): Promise<Response> {
    const { url, signal } = request;
    if (url === this.jwksUrl) {
      this.#record(request, 'jwks');
      const truth = async () => json(await this.signer.jwks());
      const scripted = this.#script.nextJwks();
      return scripted === undefined ? truth() : this.#script.render(scripted, signal, truth);
    }
    const file = /^\/files\/([\w-]+)\.mp4$/.exec(pathUnder(this.filesUrl, url) ?? '')?.[1];
    const filed = this.requests.find((candidate) => candidate.id === file);
    if (filed) {
      this.#record(request, 'file', filed);
      return this.#queue.file(filed, signal);
    }
    const path = pathUnder(this.queueUrl, url);
    if (path !== null) return this.#answerQueue(request, path);
    this.#record(request, pathUnder(FOREIGN_ORIGIN, url) === null ? 'other' : 'foreign');
    return json({ detail: 'Not Found' }, 404);
  }

  async #answerQueue(request: Request, path: string): Promise<Response> {
    const call = /^\/[\w.-]+\/[\w.-]+\/requests\/([\w-]+)(?:\/(status|cancel|response))?$/.exec(path);
    const refusal =
      request.headers.get('authorization') === `Key ${this.#key}` ? null : json({ detail: 'No access' }, 401);
    if (!call) {
      if (request.method !== 'POST') {
        this.#record(request, 'other');
        return json({ detail: 'Method Not Allowed' }, 405);
      }
      const input = (await request.json()) as Record<string, unknown>;
      const prompt = String(input.prompt);
      const callbackUrl = new URL(request.url).searchParams.get('fal_webhook') ?? '';
      this.#record(request, 'submit', { prompt, callbackUrl });
      return (
        refusal ?? this.#queue.submit({ endpoint: path.slice(1), input, prompt, callbackUrl }, request.signal)
      );
    }
    const kind = call[2] === 'status' ? 'status' : call[2] === 'cancel' ? 'cancel' : 'result';
    const known = this.requests.find((candidate) => candidate.id === call[1]);
    this.#record(request, request.method === (kind === 'cancel' ? 'PUT' : 'GET') ? kind : 'other', known);
    if (refusal) return refusal;
    return known ? this.#queue[kind](known, request.signal) : json({ status: 'NOT_FOUND' }, 404);
  }

  #record(request: Request, kind: CallKind, about?: Partial<UpstreamRequest>): void {
    this.calls.push({
      kind,
      method: request.method,
      url: request.url,
      headers: new Headers(request.headers),
      ...(about?.prompt === undefined ? {} : { prompt: about.prompt }),
      ...(about?.callbackUrl === undefined ? {} : { callbackUrl: about.callbackUrl }),
      ...(about?.id === undefined ? {} : { requestId: about.id }),
    });
  }

  #webhookBody(request: UpstreamRequest, content: WebhookContent): string {
    const head = { request_id: request.id, gateway_request_id: request.id };
    if (content === 'ok') {
      return JSON.stringify({ ...head, status: 'OK', payload: { video: this.#queue.video(request) } });
    }
    if (content === 'ok_null') {
      return JSON.stringify({ ...head, status: 'OK', payload: null, payload_error: 'not serialisable' });
    }
    if ('raw' in content) return content.raw;
    const payload = errorBody(content.error, request.prompt);
    return JSON.stringify({ ...head, status: 'ERROR', error: 'Invalid status code: 422', payload });
  }
}

/** The path and query of `url` below `base`; null when it lies elsewhere. */
function pathUnder(base: string, url: string): string | null {
  return url.startsWith(`${base}/`)
    ? new URL(url).pathname.slice(new URL(`${base}/`).pathname.length - 1)
    : null;
}

function isAbout(call: UpstreamCall, job: string): boolean {
  return call.prompt === job || call.callbackUrl === job || call.requestId === job;
}

function isOf(request: UpstreamRequest, job: string): boolean {
  return request.prompt === job || request.callbackUrl === job || request.id === job;
}
