/** Upload links as their holders meet them, made in the shard itself, and looks at what they leave in the bucket. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { createApp } from '../../src/worker/app.ts';
import { sha256Hex, utf8 } from '../../src/worker/bytes.ts';
import { configOf, type Env } from '../../src/worker/env.ts';
import { homeShard, mintId } from '../../src/worker/ids.ts';
import { LinkClient } from '../../src/worker/links/client.ts';
import type { LinkSpec, LinkView } from '../../src/worker/links/contract.ts';
import { type LinkClaims, linkUrl } from '../../src/worker/links/token.ts';
import { IMAGE_TYPES } from '../../src/worker/media/contract.ts';
import { Customer, type Json, PUBLIC_URL } from '../support/customer.ts';
import { fixtures } from './media-fixtures.ts';

const bindings = env as unknown as Env;
const config = configOf(bindings);
export const { BUCKET } = bindings;

/** The bucket, one of whose methods is done as `instead` does it, with the call itself and its key. */
export function bucketThat(
  method: 'put' | 'head',
  instead: (call: () => Promise<unknown>, key: string) => Promise<unknown>,
): R2Bucket {
  return new Proxy(BUCKET, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const call = value.bind(target);
      return name === method ? (...args: [string]) => instead(() => call(...args), args[0]) : call;
    },
  });
}

/** An answer, read. `body` is the parsed JSON, or null where there is none. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

export async function read(response: Response): Promise<Answered> {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json/.test(headers.get('Content-Type') ?? '');
  return { status, headers, text, body: isJson && text !== '' ? JSON.parse(text) : null };
}

/** A link of an account. */
export class TestLink {
  readonly customer: Customer;
  readonly claims: LinkClaims;
  readonly path: string;

  private constructor(customer: Customer, claims: LinkClaims, path: string) {
    this.customer = customer;
    this.claims = claims;
    this.path = path;
  }

  /** A link that takes what the spec says: by default every type, up to 4 MiB, for an hour, without a job. */
  static async create(spec: Partial<LinkSpec> = {}, of?: Customer): Promise<TestLink> {
    const customer = of ?? (await Customer.create({ credits: 1_000 }));
    const shard = homeShard(customer.account);
    const now = Date.now();
    const uploadId = mintId(config.SIGNING_SECRETS, 'up', shard, now);
    const whole: LinkSpec = {
      expiresAt: Math.floor(now / 1_000) * 1_000 + 3_600_000,
      maxBytes: 4_194_304,
      types: IMAGE_TYPES,
      role: 'start',
      ...spec,
    };
    const outcome = await new LinkClient(bindings, customer.account).createLink({
      uploadId,
      keyHash: await sha256Hex(utf8(customer.key)),
      spec: whole,
    });
    if (outcome.kind !== 'created') throw new Error(`no link: ${outcome.kind}`);
    const { expiresAt, maxBytes, types } = whole;
    const claims = { account: customer.account, uploadId, expiresAt, maxBytes, types };
    return new TestLink(customer, claims, (await linkUrl(config, claims)).slice(PUBLIC_URL.length));
  }

  request(init: RequestInit, below = ''): Request {
    const request = new Request(`${PUBLIC_URL}${this.path}${below}`, { redirect: 'manual', ...init });
    // A text or a form gives itself a type; these tests mean what they say.
    if (typeof init.body === 'string' && !new Headers(init.headers).has('Content-Type')) {
      request.headers.delete('Content-Type');
    }
    return request;
  }

  async send(init: RequestInit, below?: string): Promise<Answered> {
    return read(await exports.default.fetch(this.request(init, below)));
  }

  /**
   * As {@link send}, without a front door between: a stream is read by the Worker itself, which sees it fail, and bindings
   * may be others. Returns when everything that the request has begun is done.
   */
  async straight(
    init: RequestInit,
    overrides: Readonly<Record<string, unknown>> = {},
    below = '',
  ): Promise<Answered> {
    const context = createExecutionContext();
    const answer = await createApp().fetch(this.request(init, below), { ...bindings, ...overrides }, context);
    const answered = await read(answer);
    await waitOnExecutionContext(context);
    return answered;
  }

  put(body: BodyInit | null, headers: Record<string, string> = {}): Promise<Answered> {
    return this.send({ method: 'PUT', body, headers });
  }

  post(body: BodyInit | null, headers: Record<string, string> = {}): Promise<Answered> {
    return this.send({ method: 'POST', body, headers });
  }

  /** The link as its shard has it. */
  async view(): Promise<LinkView> {
    const outcome = await new LinkClient(bindings, this.claims.account).openLink(this.claims.uploadId);
    if (outcome.kind !== 'found') throw new Error(`not found: ${outcome.kind}`);
    return outcome.link;
  }

  async revoke(): Promise<void> {
    const keyHash = await sha256Hex(utf8(this.customer.key));
    await new LinkClient(bindings, this.claims.account).revokeLink({
      uploadId: this.claims.uploadId,
      keyHash,
    });
  }

  /** The keys of what lies in the bucket for this link: pieces, and pictures. */
  async objects(): Promise<string[]> {
    const { account, uploadId } = this.claims;
    const keys = await Promise.all(
      [`tmp/${account}/${uploadId}/`, `up/${account}/${uploadId}/`].map(async (prefix) =>
        (await BUCKET.list({ prefix })).objects.map(({ key }) => key),
      ),
    );
    return keys.flat();
  }
}

/** A PNG of exactly `bytes` bytes: the small one, with a chunk between header and pixels that nobody looks at. */
export function pngOf(bytes: number): Uint8Array<ArrayBuffer> {
  const png = fixtures.png();
  const header = 33;
  const padding = bytes - png.length - 12;
  if (padding < 0) throw new Error('too small');
  const whole = new Uint8Array(bytes);
  whole.set(png.subarray(0, header));
  new DataView(whole.buffer).setUint32(header, padding);
  whole.set(utf8('ffPd'), header + 4);
  // Not all the same, so that pieces in a wrong order have another digest.
  for (let i = 0; i < padding; i++) whole[header + 8 + i] = (i * 31 + (i >> 8) * 7) & 255;
  whole.set(png.subarray(header), header + 8 + padding + 4);
  return whole;
}

export interface FormPart {
  readonly name: string;
  readonly value: Uint8Array | string;
  readonly filename?: string;
  readonly type?: string;
}

export const BOUNDARY = '----WebKitFormBoundaryF1rstFr4me';

/** A form as browsers write it. */
export function formOf(parts: readonly FormPart[], boundary = BOUNDARY): Uint8Array<ArrayBuffer> {
  const chunks = parts.flatMap(({ name, value, filename, type }) => [
    utf8(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`,
    ),
    typeof value === 'string' ? utf8(value) : value,
    utf8('\r\n'),
  ]);
  return joined([...chunks, utf8(`--${boundary}--\r\n`)]);
}

export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
