/** An account's webhooks through the public API, as its owner uses them. */

/** A parsed answer of any shape. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at members of answers that they then assert
type Json = any;

/** Deliveries in one page: as many as the API gives. */
const PAGE = 100;

/** Whose webhooks: a service's address and an account's key. */
export interface Owner {
  readonly url: string;
  readonly apiKey: string;
}

export class WebhookAccount {
  readonly #url: string;
  readonly #apiKey: string;

  constructor({ url, apiKey }: Owner) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  /** The answer to a call. @throws {Error} for one that is no success, with what was said. */
  async call(method: string, path: string, body?: unknown): Promise<Json> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { Authorization: `Bearer ${this.#apiKey}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  makeEndpoint(url: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Json> {
    return this.call('POST', '/api/webhook-endpoints', { url, ...fields });
  }

  endpoint(id: string): Promise<Json> {
    return this.call('GET', `/api/webhook-endpoints/${id}`);
  }

  changeEndpoint(id: string, fields: Readonly<Record<string, unknown>>): Promise<Json> {
    return this.call('PATCH', `/api/webhook-endpoints/${id}`, fields);
  }

  stats(id: string): Promise<Json> {
    return this.call('GET', `/api/webhook-endpoints/${id}/stats?days=2`);
  }

  /** Every delivery that the filters let pass, over all pages. */
  async deliveries(filters: Readonly<Record<string, string>> = {}): Promise<Json[]> {
    const all: Json[] = [];
    let cursor: string | null = null;
    do {
      const query: URLSearchParams = new URLSearchParams({ ...filters, limit: String(PAGE) });
      if (cursor !== null) query.set('cursor', cursor);
      const page: Json = await this.call('GET', `/api/webhook-deliveries?${query}`);
      all.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return all;
  }

  delivery(id: string): Promise<Json> {
    return this.call('GET', `/api/webhook-deliveries/${id}`);
  }

  /** Submits a job, and gives its id. The upstream alone would fetch the image. */
  async submit(fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { job_id } = await this.call('POST', '/api/ltx-2.3-image-to-video', {
      prompt: 'slow zoom in',
      image_url: 'https://images.example.com/lake.jpg',
      response_mode: 'polling',
      ...fields,
    });
    return job_id;
  }
}
