import { describe, expect, it } from 'vitest';
import type { CopyOutcome } from '../../src/worker/media/contract.ts';
import type { Fetcher } from '../../src/worker/media/download.ts';
import { PART_BYTES } from '../../src/worker/media/result-store.ts';
import { type ResultCopy, storeResult } from '../../src/worker/media/results.ts';
import { brokenBucket, bucket, fixtures, source, streamOf } from './media-fixtures.ts';

const URL_OF_RESULT = 'https://v3b.fal.test/files/video.mp4';
const UNAVAILABLE = { kind: 'failed', failure: { code: 'result_unavailable', message: expect.any(String) } };
const INVALID = { kind: 'failed', failure: { code: 'result_invalid', message: expect.any(String) } };

interface Copied {
  readonly outcome: CopyOutcome;
  readonly requests: Request[];
  /** What is in the bucket afterwards. */
  readonly object: R2Object | null;
  readonly key: string;
}

async function copy(answer: Fetcher | Response, options: Partial<ResultCopy> = {}): Promise<Copied> {
  const key = options.key ?? `out/test/${crypto.randomUUID()}.mp4`;
  const requests: Request[] = [];
  const outcome = await storeResult({
    bucket,
    key,
    url: URL_OF_RESULT,
    expected: {},
    signal: new AbortController().signal,
    allow: () => true,
    fetcher: async (request) => {
      requests.push(request);
      return typeof answer === 'function' ? answer(request) : answer;
    },
    ...options,
  });
  return { outcome, requests, object: await bucket.head(key), key };
}

/** An answer with a promised length, kept or not. */
function promised(body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>, length: number): Response {
  return new Response(body, { headers: { 'Content-Length': String(length), 'Content-Type': 'video/mp4' } });
}

/** `bytes` as an MP4 with so much more media data: valid, and of the size that a test needs. */
function padded(bytes: Uint8Array<ArrayBuffer>, padding: number): Uint8Array<ArrayBuffer> {
  const long = new Uint8Array(bytes.length + padding);
  long.set(bytes);
  // A box of free space behind the rest, filled with numbers that tell parts apart.
  const view = new DataView(long.buffer);
  view.setUint32(bytes.length, padding);
  long.set(new TextEncoder().encode('free'), bytes.length + 4);
  for (let at = bytes.length + 8; at + 4 <= long.length; at += 4_096) view.setUint32(at, at);
  return long;
}

describe('a video', () => {
  const facts = { duration: 2, width: 64, height: 36, fps: 25 };

  it.each(['mp4', 'mp4MoovLast'] as const)('%s with a promised length', async (name) => {
    const bytes = fixtures[name]();
    const { outcome, requests, object, key } = await copy(promised(streamOf(bytes), bytes.length));
    expect(outcome).toEqual({ kind: 'stored', video: { key, bytes: bytes.length, ...facts } });
    expect(object?.httpMetadata).toEqual({ contentType: 'video/mp4' });
    expect(await (await bucket.get(key))?.bytes()).toEqual(bytes);
    expect(requests.map(({ url, method, redirect }) => [url, method, redirect])).toEqual([
      [URL_OF_RESULT, 'GET', 'manual'],
    ]);
    // Nothing of ours goes along.
    expect(requests[0]?.headers.has('Authorization')).toBe(false);
  });

  it.each(['mp4', 'mp4MoovLast'] as const)('%s without one', async (name) => {
    const bytes = fixtures[name]();
    const { outcome, key } = await copy(new Response(streamOf(bytes)));
    expect(outcome).toEqual({ kind: 'stored', video: { key, bytes: bytes.length, ...facts } });
    expect(await (await bucket.get(key))?.bytes()).toEqual(bytes);
  });

  it.each([
    ['in three parts', 2 * PART_BYTES + 1_000],
    ['in parts that come out even', 2 * PART_BYTES],
    ['of exactly one part', PART_BYTES],
  ])(
    '%s',
    async (_name, size) => {
      const bytes = padded(fixtures.mp4(), size - fixtures.mp4().length);
      const { outcome, key } = await copy(new Response(streamOf(bytes, 300_000)));
      expect(outcome).toEqual({ kind: 'stored', video: { key, bytes: size, ...facts } });
      const stored = await (await bucket.get(key))?.arrayBuffer();
      const digest = async (data: ArrayBuffer) => new Uint8Array(await crypto.subtle.digest('SHA-256', data));
      expect(await digest(stored ?? new ArrayBuffer(0))).toEqual(await digest(bytes.buffer));
    },
    30_000,
  );

  it('in chunks larger than a part', async () => {
    const bytes = padded(fixtures.mp4(), 2 * PART_BYTES);
    const { outcome, key } = await copy(new Response(streamOf(bytes, bytes.length)));
    expect(outcome).toEqual({ kind: 'stored', video: { key, bytes: bytes.length, ...facts } });
  });

  it('is what the file says, whatever the upstream says', async () => {
    const expected = { duration: 9, width: 1, height: 1, fps: 60 };
    const { outcome } = await copy(new Response(fixtures.mp4()), { expected });
    expect(outcome).toMatchObject({ video: facts });
  });

  it('that does not say how long it is takes it from the upstream', async () => {
    const bytes = fixtures.mp4();
    const view = new DataView(bytes.buffer);
    // No sample times, and a length of zero: what a fragmented file looks like.
    view.setUint32(at(bytes, 'stts') + 8, 0);
    view.setUint32(at(bytes, 'mdhd') + 20, 0);
    expect((await copy(new Response(bytes))).outcome).toEqual(INVALID);
    const { outcome } = await copy(new Response(bytes), { expected: { duration: 6, fps: 24 } });
    expect(outcome).toMatchObject({ kind: 'stored', video: { duration: 6, fps: 24, width: 64, height: 36 } });
  });

  it('that is there already is not fetched again', async () => {
    const first = await copy(new Response(fixtures.mp4()));
    const again = await copy(() => Promise.reject(new Error('gone')), { key: first.key });
    expect(again.outcome).toEqual(first.outcome);
    expect(again.requests).toEqual([]);
  });

  it('takes the place of something that is no video', async () => {
    const key = `out/test/${crypto.randomUUID()}.mp4`;
    await bucket.put(key, 'left by a crash before it was checked');
    const { outcome } = await copy(new Response(fixtures.mp4()), { key });
    expect(outcome).toMatchObject({ kind: 'stored', video: facts });
  });

  it('copied twice at once is one video', async () => {
    const key = `out/test/${crypto.randomUUID()}.mp4`;
    const copies = await Promise.all(
      [1, 2, 3].map(() => copy(new Response(streamOf(fixtures.mp4(), 50)), { key })),
    );
    expect(copies.map(({ outcome }) => outcome.kind)).toEqual(['stored', 'stored', 'stored']);
  });
});

/** Offset of the type field of a box. */
function at(bytes: Uint8Array, type: string): number {
  const code = new TextEncoder().encode(type);
  return bytes.findIndex((_, i) => code.every((value, j) => bytes[i + j] === value));
}

describe('answers', () => {
  it.each([400, 401, 403, 404, 410, 204, 206, 301, 302, 307])(
    '%i: the file cannot be had',
    async (status) => {
      const location = { Location: 'https://elsewhere.test/' };
      const body = status === 204 ? null : 'secret upstream text';
      const { outcome, object } = await copy(new Response(body, { status, headers: location }));
      expect(outcome).toEqual(UNAVAILABLE);
      expect(JSON.stringify(outcome)).not.toContain('secret');
      expect(object).toBeNull();
    },
  );

  it.each([408, 425, 429, 500, 502, 503, 504])('%i: later', async (status) => {
    const { outcome, object } = await copy(new Response('x', { status }));
    expect(outcome).toEqual({ kind: 'retry', detail: `status ${status}` });
    expect(object).toBeNull();
  });

  it('no answer: later, and the address is not told', async () => {
    const { outcome } = await copy(() => Promise.reject(new TypeError(`cannot connect to ${URL_OF_RESULT}`)));
    expect(outcome).toEqual({ kind: 'retry', detail: 'no answer: TypeError' });
  });

  it.each(['file:///etc/passwd', 'ftp://x.test/a', 'nonsense', '', 'data:video/mp4;base64,AAAA'])(
    'an address like "%s" is not asked',
    async (url) => {
      const { outcome, requests } = await copy(new Response(fixtures.mp4()), { url });
      expect([outcome, requests]).toEqual([UNAVAILABLE, []]);
    },
  );

  it('an address that is not allowed is not asked', async () => {
    const asked: string[] = [];
    const allow = (url: string) => asked.push(url) < 0;
    const { outcome, requests } = await copy(new Response(fixtures.mp4()), {
      url: 'HTTP://Example.com:80/a',
      allow,
    });
    expect([outcome, requests, asked]).toEqual([UNAVAILABLE, [], ['http://example.com/a']]);
  });
});

describe('cut off', () => {
  const bytes = fixtures.mp4();
  const whole = bytes.length;

  it.each([
    ['fails, length promised', () => promised(streamOf(bytes, 500, 3_000), whole)],
    ['fails, no length', () => new Response(streamOf(bytes, 500, 3_000))],
    ['ends early, length promised', () => promised(streamOf(bytes.slice(0, 3_000)), whole)],
    ['ends early, no length', () => new Response(streamOf(bytes.slice(0, 6_000)))],
    ['goes on for longer than promised', () => promised(streamOf(bytes), whole - 100)],
    ['fails at once', () => new Response(source(10, 100, 0).stream)],
  ])('%s: later, and nothing is left', async (_name, answer) => {
    const { outcome, object } = await copy(answer());
    expect(outcome.kind).toBe('retry');
    expect(object).toBeNull();
  });

  it('in the third part: no part is left either', async () => {
    const aborted: string[] = [];
    const watched = new Proxy(bucket, {
      get(target, name) {
        if (name === 'createMultipartUpload') {
          return async (...args: Parameters<R2Bucket['createMultipartUpload']>) => {
            const upload = await target.createMultipartUpload(...args);
            return {
              uploadPart: upload.uploadPart.bind(upload),
              complete: upload.complete.bind(upload),
              abort: () => upload.abort().then(() => void aborted.push(upload.key)),
            };
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const body = source(1_000_000, 30_000_000, 2 * PART_BYTES + 5);
    const { outcome, object, key } = await copy(new Response(body.stream), { bucket: watched });
    expect(outcome).toEqual({ kind: 'retry', detail: 'copying: connection lost' });
    expect([object, aborted]).toEqual([null, [key]]);
  });

  it('by a time-out, before and during the body', async () => {
    const before = new AbortController();
    const hanging = await copy(
      (request) => {
        const answer = new Promise<Response>((_, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        });
        before.abort();
        return answer;
      },
      { signal: before.signal },
    );
    expect(hanging.outcome).toEqual({ kind: 'retry', detail: 'no answer: AbortError' });
    const late = await copy(new Response(bytes), { signal: AbortSignal.abort() });
    expect([late.outcome.kind, late.requests]).toEqual(['retry', []]);

    for (const length of [null, whole]) {
      const during = new AbortController();
      let sent = false;
      const stalled = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (!sent) controller.enqueue(bytes.slice(0, 100));
          else during.abort();
          sent = true;
          // From here on: nothing, as from a server that hangs.
          return sent && during.signal.aborted ? new Promise(() => undefined) : undefined;
        },
      });
      const answer = length === null ? new Response(stalled) : promised(stalled, length);
      const { outcome, object } = await copy(answer, { signal: during.signal });
      expect(outcome.kind).toBe('retry');
      expect(object).toBeNull();
    }
  });
});

describe('what is no video', () => {
  it.each([
    ['a page', new TextEncoder().encode('<!doctype html>'), true],
    ['a page, no length', new TextEncoder().encode('<!doctype html>'), false],
    ['a picture', fixtures.heic(), true],
    ['nothing', new Uint8Array(0), true],
    ['nothing, no length', new Uint8Array(0), false],
    ['a file that was cut before it was sent', fixtures.mp4().slice(0, 6_000), true],
  ] as [string, Uint8Array<ArrayBuffer>, boolean][])('%s is deleted', async (_name, bytes, withLength) => {
    const answer = withLength ? promised(bytes, bytes.length) : new Response(streamOf(bytes));
    const { outcome, object } = await copy(answer);
    expect(outcome).toEqual(INVALID);
    expect(object).toBeNull();
  });

  it('too large: by its promise, or as soon as it is', async () => {
    const declared = source(1_000);
    const refused = await copy(promised(declared.stream, 1_001), { maxBytes: 1_000 });
    expect([refused.outcome, refused.object, declared.given(), declared.canceled()]).toEqual([
      INVALID,
      null,
      0,
      true,
    ]);

    const endless = source(65_536);
    const stopped = await copy(new Response(endless.stream), { maxBytes: 1_000_000 });
    expect([stopped.outcome, stopped.object, endless.canceled()]).toEqual([INVALID, null, true]);
    expect(endless.given()).toBeLessThanOrEqual(1_000_000 + 65_536);

    const many = source(1_000_000);
    const parts = await copy(new Response(many.stream), { maxBytes: PART_BYTES + 1 });
    expect([parts.outcome, parts.object]).toEqual([INVALID, null]);
  });
});

describe('R2 away', () => {
  it.each(['head', 'put', 'get', 'createMultipartUpload'] as const)(
    'at %s: later',
    async (method) => {
      const size = method === 'createMultipartUpload' ? PART_BYTES : 0;
      const bytes = padded(fixtures.mp4(), size + 8);
      for (const answer of [
        promised(streamOf(bytes, 100_000), bytes.length),
        new Response(streamOf(bytes, 100_000)),
      ]) {
        const { outcome } = await copy(answer, { bucket: brokenBucket(method) });
        if (method === 'createMultipartUpload' && answer.headers.has('Content-Length')) continue;
        expect(outcome.kind).toBe('retry');
      }
    },
    30_000,
  );

  it('at the deletion of what is no video: later, and then deleted', async () => {
    const key = `out/test/${crypto.randomUUID()}.mp4`;
    const first = await copy(new Response('no video'), { key, bucket: brokenBucket('delete') });
    expect([first.outcome.kind, first.object?.size]).toEqual(['retry', 8]);
    const second = await copy(new Response('no video'), { key });
    expect([second.outcome, second.object]).toEqual([INVALID, null]);
  });
});
