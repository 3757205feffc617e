/** Resumable uploads to a link, as a tus client makes them, one request at a time. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect } from 'vitest';
import { createApp } from '../../src/worker/app.ts';
import { toBase64, utf8 } from '../../src/worker/bytes.ts';
import type { Env } from '../../src/worker/env.ts';
import { LinkClient } from '../../src/worker/links/client.ts';
import type { TusAttempt } from '../../src/worker/links/contract.ts';
import { PUBLIC_URL } from '../support/customer.ts';
import { type Answered, BUCKET, read, type TestLink } from './links-bytes-fixtures.ts';

export const TUS = { 'Tus-Resumable': '1.0.0' } as const;
export const PIECE = { ...TUS, 'Content-Type': 'application/offset+octet-stream' } as const;

type Headers_ = Readonly<Record<string, string>>;

/** `Upload-Metadata` of these values. */
export function metadataOf(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => `${key} ${toBase64(utf8(value))}`)
    .join(',');
}

/** `Upload-Checksum` of these bytes. */
export async function checksumOf(name: 'sha1' | 'sha256' | 'md5', bytes: Uint8Array): Promise<string> {
  const algorithm = { sha1: 'SHA-1', sha256: 'SHA-256', md5: 'MD5' }[name];
  const digest = await crypto.subtle.digest(algorithm, bytes as Uint8Array<ArrayBuffer>);
  return `${name} ${toBase64(new Uint8Array(digest))}`;
}

/** A creation, whatever comes of it. */
export function create(link: TestLink, headers: Headers_, body: BodyInit | null = null): Promise<Answered> {
  return link.send({ method: 'POST', headers: { ...TUS, ...headers }, body });
}

/** A try that was begun. */
export class Try {
  readonly link: TestLink;
  /** Its address below the link's, with a slash. */
  readonly below: string;

  constructor(link: TestLink, location: string) {
    this.link = link;
    const base = PUBLIC_URL + link.path;
    if (!location.startsWith(`${base}/`)) throw new Error(`not below the link: ${location}`);
    this.below = location.slice(base.length);
  }

  /** @throws when it is not created. */
  static async begin(link: TestLink, length: number, headers: Headers_ = {}): Promise<Try> {
    const answer = await create(link, { 'Upload-Length': String(length), ...headers });
    if (answer.status !== 201) throw new Error(`not created: ${answer.status} ${answer.text}`);
    return new Try(link, answer.headers.get('Location') ?? '');
  }

  get attempt(): string {
    return this.below.slice(1);
  }

  request(method: string, headers: Headers_, body: BodyInit | null = null): Promise<Response> {
    return exports.default.fetch(this.link.request({ method, headers, body }, this.below));
  }

  /** As {@link request}, without the runtime in between, which would take a body that fails for one that ends. */
  async straight(method: string, headers: Headers_, body: BodyInit | null): Promise<Answered> {
    const context = createExecutionContext();
    const request = this.link.request({ method, headers, body }, this.below);
    const answered = await read(await createApp().fetch(request, env, context));
    await waitOnExecutionContext(context);
    return answered;
  }

  async send(method: string, headers: Headers_ = TUS, body: BodyInit | null = null): Promise<Answered> {
    return read(await this.request(method, headers, body));
  }

  patch(offset: number, body: BodyInit | null, headers: Headers_ = {}): Promise<Answered> {
    return this.send('PATCH', { ...PIECE, 'Upload-Offset': String(offset), ...headers }, body);
  }

  head(): Promise<Answered> {
    return this.send('HEAD');
  }

  /** What `HEAD` says; null where it says nothing. */
  async offset(): Promise<number | null> {
    const text = (await this.head()).headers.get('Upload-Offset');
    return text === null ? null : Number(text);
  }

  /** As its shard has it; null when it has none. */
  async row(): Promise<TusAttempt | null> {
    const { account, uploadId } = this.link.claims;
    const client = new LinkClient(env as unknown as Env, account);
    const outcome = await client.tus({ uploadId, attempt: this.attempt });
    return outcome.kind === 'found' ? outcome.tus : null;
  }
}

/** The bytes of the one picture that a link has, once the bucket has nothing else for it: pieces go after the answer. */
export async function pictureOf(link: TestLink): Promise<Uint8Array<ArrayBuffer>> {
  const { image } = await link.view();
  if (!image) throw new Error('no picture');
  await expect.poll(() => link.objects()).toEqual([image.key]);
  const stored = await BUCKET.get(image.key);
  if (!stored) throw new Error('the picture is gone');
  return new Uint8Array(await stored.arrayBuffer());
}

/** A body that the test hands out. */
export interface Hose {
  readonly stream: ReadableStream<Uint8Array>;
  write(bytes: Uint8Array): void;
  end(): void;
  /** As a line that breaks. */
  break(): void;
}

export function hose(): Hose {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start: (of) => {
      controller = of;
    },
  });
  return {
    stream,
    write: (bytes) => controller.enqueue(bytes),
    end: () => controller.close(),
    break: () => controller.error(new Error('the line broke')),
  };
}
