/** The customer's side of the API, as the commands use it. */

import { randomUUID } from 'node:crypto';
import {
  AccountSummary as AccountAnswer,
  type AccountSummary,
  JobStatus,
  Submitted,
  Upload,
  WebhookSecret,
} from './answers.ts';
import { call } from './http.ts';

/** A job's input, in the API's own names. The service checks it. */
export interface JobInput {
  readonly prompt: string;
  readonly image_url: string;
  readonly end_image_url?: string;
  readonly duration?: number;
  readonly resolution?: string;
  readonly aspect_ratio?: string;
  readonly fps?: number;
  readonly generate_audio?: boolean;
  readonly webhook_url?: string;
}

/** Reads and keyed submits may come twice, so a restart of the service in between is bridged: some 15 s. */
const SAFE_TRIES = 6;

/** Calls a service with one API key. All methods throw {@link CliError}. */
export class Client {
  readonly url: string;
  readonly #key: string;
  readonly #signal: AbortSignal | undefined;
  /** `signal` ends every call and every pause between tries. */
  constructor(url: string, key: string, signal?: AbortSignal) {
    this.url = url.replace(/\/+$/, '');
    this.#key = key;
    this.#signal = signal;
  }

  /** Name and credits of the key's account. */
  account(): Promise<AccountSummary> {
    return call({
      what: 'The account cannot be read',
      url: `${this.url}/api/account`,
      token: this.#key,
      answer: AccountAnswer,
      signal: this.#signal,
      tries: SAFE_TRIES,
    });
  }

  /** The secret that signs this account's webhooks. */
  async webhookSecret(): Promise<string> {
    const answer = await call({
      what: 'The webhook secret cannot be read',
      url: `${this.url}/api/account/webhook-secret`,
      token: this.#key,
      answer: WebhookSecret,
      signal: this.#signal,
      tries: SAFE_TRIES,
    });
    return answer.webhook_secret;
  }

  /** Stores an image; its `image_url` can start jobs. */
  upload(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<Upload> {
    return call({
      what: 'The image was refused',
      url: `${this.url}/api/uploads`,
      method: 'POST',
      token: this.#key,
      body: { bytes, type },
      headers: { 'Idempotency-Key': randomUUID() },
      answer: Upload,
      signal: this.#signal,
      tries: SAFE_TRIES,
    });
  }

  /** Starts a job and does not wait for it. Repeated under one idempotency key, so never twice. */
  submit(model: string, input: JobInput): Promise<Submitted> {
    return call({
      what: 'The job was refused',
      url: `${this.url}/api/${model}`,
      method: 'POST',
      token: this.#key,
      json: { ...input, response_mode: 'polling' },
      headers: { 'Idempotency-Key': randomUUID() },
      answer: Submitted,
      signal: this.#signal,
      tries: SAFE_TRIES,
    });
  }

  /** A job's state; waits up to `wait` seconds for its end. */
  status(jobId: string, wait: number): Promise<JobStatus> {
    return call({
      what: 'The job cannot be read',
      url: `${this.url}/api/fal/status/${encodeURIComponent(jobId)}?wait=${wait}`,
      token: this.#key,
      answer: JobStatus,
      signal: this.#signal,
      tries: SAFE_TRIES,
    });
  }
}
