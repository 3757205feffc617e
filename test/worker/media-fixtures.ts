/** The media fixtures as bytes, and the bucket and configuration that media tests share. */

import { env } from 'cloudflare:workers';
import { type Config, configOf, type Env } from '../../src/worker/env.ts';
import { ApiError, type Failure } from '../../src/worker/errors.ts';
import { mintAccountId } from '../../src/worker/ids.ts';
import avif from '../support/fixtures/tiny.avif?inline';
import heic from '../support/fixtures/tiny.heic?url&inline';
import jpg from '../support/fixtures/tiny.jpg?inline';
import mp4 from '../support/fixtures/tiny.mp4?inline';
import png from '../support/fixtures/tiny.png?inline';
import webp from '../support/fixtures/tiny.webp?inline';
import mp4MoovLast from '../support/fixtures/tiny-moov-last.mp4?inline';

function bytesOf(dataUri: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(dataUri.slice(dataUri.indexOf(',') + 1), { lastChunkHandling: 'strict' });
}

/** Fresh bytes on each call, so that a test may change them. */
export const fixtures = {
  png: () => bytesOf(png),
  jpg: () => bytesOf(jpg),
  webp: () => bytesOf(webp),
  avif: () => bytesOf(avif),
  heic: () => bytesOf(heic),
  mp4: () => bytesOf(mp4),
  mp4MoovLast: () => bytesOf(mp4MoovLast),
} as const;

const bindings = env as unknown as Env;
export const bucket: R2Bucket = bindings.BUCKET;
export const config: Config = configOf(bindings);

/** An account that no other test uses. */
export const newAccount = (): string => mintAccountId('weur');

/** A bucket whose named methods fail as R2 does when it is away. */
export function brokenBucket(...methods: readonly (keyof R2Bucket)[]): R2Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      if (methods.some((method) => method === name))
        return () => Promise.reject(new Error('internal (10001)'));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The failure that a call throws. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (cause) {
    if (cause instanceof ApiError) return cause.failure;
    throw cause;
  }
  throw new Error('did not throw');
}

/** What a stream has been asked for. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  /** Bytes handed out. */
  readonly given: () => number;
  readonly canceled: () => boolean;
}

/**
 * A stream of `total` bytes (without end by default) in chunks, made only when asked for.
 * @param failAt After so many bytes the stream fails, as a cut connection does.
 */
export function source(
  chunkBytes: number,
  total = Number.POSITIVE_INFINITY,
  failAt = Number.POSITIVE_INFINITY,
): Source {
  let given = 0;
  let canceled = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (given >= failAt) return controller.error(new Error('connection lost'));
        const length = Math.min(chunkBytes, total - given, failAt - given);
        if (length === 0) return controller.close();
        given += length;
        controller.enqueue(new Uint8Array(length).fill(7));
      },
      cancel() {
        canceled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, given: () => given, canceled: () => canceled };
}

/** A stream of these bytes, in chunks. */
export function streamOf(
  bytes: Uint8Array,
  chunkBytes = 1_000,
  failAt = Number.POSITIVE_INFINITY,
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= failAt) return controller.error(new Error('connection lost'));
        if (at >= bytes.length) return controller.close();
        const end = Math.min(bytes.length, failAt, at + chunkBytes);
        controller.enqueue(bytes.slice(at, end));
        at = end;
      },
    },
    { highWaterMark: 0 },
  );
}
