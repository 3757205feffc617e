/** fal's queue protocol over a script: what each call answers. */

import { sampleMp4 } from './sample-mp4.ts';
import type { Script } from './scripted-upstream-script.ts';
import { ConnectionLost, FOREIGN_ORIGIN, json, type SubmitStep } from './scripted-upstream-steps.ts';

/** One request that was taken. */
export interface UpstreamRequest {
  readonly id: string;
  /** The full endpoint id that it was sent to. */
  readonly endpoint: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly prompt: string;
  readonly callbackUrl: string;
  state: 'open' | 'completed' | 'canceled';
}

/** Addresses that the answers carry, and whether one callback URL is one request. */
export interface QueueOptions {
  readonly queueUrl: string;
  readonly filesUrl: string;
  readonly dedupes: boolean;
}

export class ScriptedQueue {
  /** In the order in which they were taken. */
  readonly requests: UpstreamRequest[] = [];
  readonly #script: Script;
  readonly #options: QueueOptions;

  constructor(script: Script, options: QueueOptions) {
    this.#script = script;
    this.#options = options;
  }

  async submit(
    wanted: Pick<UpstreamRequest, 'endpoint' | 'input' | 'prompt' | 'callbackUrl'>,
    signal: AbortSignal,
  ): Promise<Response> {
    const step: SubmitStep = this.#script.next('submit', wanted.prompt, wanted.callbackUrl);
    const natural = () => this.#accepted(this.#take(wanted), this.#options.queueUrl);
    if (step === 'accept') return natural();
    if (step === 'foreign_urls') return this.#accepted(this.#take(wanted), FOREIGN_ORIGIN);
    if (typeof step === 'object' && 'accept' in step) {
      const request = this.#take(wanted);
      return this.#script.render(step.accept, signal, () => this.#accepted(request, this.#options.queueUrl));
    }
    return this.#script.render(step, signal, natural);
  }

  async status(request: UpstreamRequest, signal: AbortSignal): Promise<Response> {
    // A request that has ended says so, unless the test has planned what its status is.
    const ended = request.state !== 'open' && !this.#script.plans('status', request.prompt);
    const step = ended ? 'completed' : this.#script.next('status', request.prompt, request.id);
    switch (step) {
      case 'queued':
        return json({ status: 'IN_QUEUE', request_id: request.id, queue_position: 1 }, 202);
      case 'running':
        return json({ status: 'IN_PROGRESS', request_id: request.id, logs: null }, 202);
      case 'unknown':
        return json({ status: 'PONDERING', request_id: request.id }, 202);
      case 'completed':
        return this.#completed(request);
      default:
        return this.#script.render(step, signal, () => this.#completed(request));
    }
  }

  async result(request: UpstreamRequest, signal: AbortSignal): Promise<Response> {
    const step = this.#script.next('result', request.prompt, request.id);
    switch (step) {
      case 'video':
        return this.#result(request);
      case 'no_url':
        return json({ video: { content_type: 'video/mp4' } });
      case 'prompt_echo':
        return json(errorBody('content_policy_violation', request.prompt), 422);
      default:
        return this.#script.render(step, signal, () => this.#result(request));
    }
  }

  async cancel(request: UpstreamRequest, signal: AbortSignal): Promise<Response> {
    const step = this.#script.next('cancel', request.prompt, request.id);
    const natural = () => {
      if (request.state === 'completed') return json({ status: 'ALREADY_COMPLETED' }, 400);
      if (step !== 'ignored') request.state = 'canceled';
      return json({ status: 'CANCELLATION_REQUESTED' }, 202);
    };
    return step === 'cancel' || step === 'ignored' ? natural() : this.#script.render(step, signal, natural);
  }

  async file(request: UpstreamRequest, signal: AbortSignal): Promise<Response> {
    const step = this.#script.next('file', request.prompt, request.id);
    const headers = { 'content-type': 'video/mp4' };
    switch (step) {
      case 'mp4':
        return this.#mp4();
      case 'not_video':
        return new Response('this is no video', { headers });
      case 'cut_off':
        return this.#mp4(async () => {
          throw new ConnectionLost();
        });
      case 'slow':
        return this.#mp4(() => this.#script.hold(signal));
      default:
        return this.#script.render(step, signal, () => this.#mp4());
    }
  }

  /** The `video` member of a result. */
  video(request: UpstreamRequest): Record<string, unknown> {
    return {
      url: `${this.#options.filesUrl}/files/${request.id}.mp4`,
      content_type: 'video/mp4',
      file_name: `${request.id}.mp4`,
      ...this.#script.planOf(request.prompt).video,
    };
  }

  #take(wanted: Omit<UpstreamRequest, 'id' | 'state'>): UpstreamRequest {
    const known = this.requests.find((request) => request.callbackUrl === wanted.callbackUrl);
    if (known && this.#options.dedupes) return known;
    const request: UpstreamRequest = { ...wanted, id: crypto.randomUUID(), state: 'open' };
    this.requests.push(request);
    return request;
  }

  #accepted(request: UpstreamRequest, origin: string): Response {
    const app = request.endpoint.split('/').slice(0, 2).join('/');
    const base = `${origin}/${app}/requests/${request.id}`;
    return json({
      status: 'IN_QUEUE',
      request_id: request.id,
      response_url: base,
      status_url: `${base}/status`,
      cancel_url: `${base}/cancel`,
      queue_position: 0,
    });
  }

  #completed(request: UpstreamRequest): Response {
    if (request.state === 'canceled') {
      return json({
        status: 'COMPLETED',
        request_id: request.id,
        error: 'Request was cancelled by the client',
        error_type: 'client_cancelled',
      });
    }
    request.state = 'completed';
    return json({
      status: 'COMPLETED',
      request_id: request.id,
      logs: null,
      metrics: { inference_time: 1.5 },
    });
  }

  #result(request: UpstreamRequest): Response {
    if (request.state === 'open') return json({ detail: 'Request is still in progress' }, 400);
    if (request.state === 'canceled') {
      return json({ detail: 'Request was cancelled by the client', error_type: 'client_cancelled' }, 499);
    }
    return json({ video: this.video(request) });
  }

  /** The sample video; `between` runs after its first half and may break the stream. */
  async #mp4(between?: () => Promise<void>): Promise<Response> {
    const bytes = await sampleMp4();
    const headers = { 'content-type': 'video/mp4', 'content-length': String(bytes.length) };
    return new Response(between ? knownLength(halves(bytes, between), bytes.length) : bytes, { headers });
  }
}

function halves(bytes: Uint8Array, between: () => Promise<void>): ReadableStream<Uint8Array> {
  const parts = [bytes.slice(0, bytes.length / 2), bytes.slice(bytes.length / 2)];
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      if (sent === 1) await between();
      const part = parts[sent++];
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
}

/** In workerd a body of known length, as a real answer with Content-Length has: R2 takes no other stream. */
function knownLength(stream: ReadableStream<Uint8Array>, bytes: number): ReadableStream<Uint8Array> {
  const Fixed: unknown = Reflect.get(globalThis, 'FixedLengthStream');
  if (typeof Fixed !== 'function') return stream;
  return stream.pipeThrough(Reflect.construct(Fixed, [bytes]) as TransformStream<Uint8Array, Uint8Array>);
}

/** A model error in fal's shape, echoing the prompt in `msg` and `input` as fal does. */
export function errorBody(type: string, prompt: string): unknown {
  return {
    detail: [
      {
        loc: ['body', 'prompt'],
        msg: `"${prompt}" was not accepted`,
        type,
        url: `https://docs.fal.ai/errors#${type}`,
        input: { prompt },
      },
    ],
  };
}
