import { describe, expect, it } from 'vitest';
import { serveFile } from '../../src/worker/media/files.ts';
import { fileUrl } from '../../src/worker/media/links.ts';
import { brokenBucket, bucket, config, failureOf } from './media-fixtures.ts';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const CONTENT = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);

interface Served {
  readonly etag: string;
  get(headers?: Record<string, string>, method?: string, from?: R2Bucket, at?: number): Promise<Response>;
}

/** A file in the bucket behind a link of one hour. */
async function file(content: Uint8Array<ArrayBuffer> = CONTENT): Promise<Served> {
  const key = `out/test/${crypto.randomUUID()}.mp4`;
  const httpEtag = (await bucket.put(key, content))?.httpEtag ?? '';
  const url = await fileUrl(config, { key, name: 'video.mp4', type: 'video/mp4', expiresAt: NOW + HOUR_MS });
  const [, , token = '', name = ''] = new URL(url).pathname.split('/');
  return {
    etag: httpEtag,
    get: (headers = {}, method = 'GET', from = bucket, at = NOW) =>
      serveFile(new Request(url, { method, headers }), from, config, token, name, at),
  };
}

const bytes = async (response: Response) => new Uint8Array(await response.arrayBuffer());

describe('a whole file', () => {
  it('GET', async () => {
    const { etag, get } = await file();
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toEqual({
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'access-control-expose-headers':
        'Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag',
      'cache-control': 'private, max-age=3600, immutable',
      'content-disposition': 'inline; filename="video.mp4"',
      'content-length': '1000',
      'content-security-policy':
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
      'content-type': 'video/mp4',
      'cross-origin-resource-policy': 'cross-origin',
      etag,
      'referrer-policy': 'no-referrer',
    });
    expect(await bytes(answer)).toEqual(CONTENT);
  });

  it('HEAD says the same and sends nothing, whatever range is asked for', async () => {
    const { get } = await file();
    const [whole, head, ranged] = await Promise.all([
      get(),
      get({}, 'HEAD'),
      get({ Range: 'bytes=1-2' }, 'HEAD'),
    ]);
    expect([head.status, ranged.status]).toEqual([200, 200]);
    expect(Object.fromEntries(head.headers)).toEqual(Object.fromEntries(whole.headers));
    expect(Object.fromEntries(ranged.headers)).toEqual(Object.fromEntries(whole.headers));
    expect([head.body, ranged.body]).toEqual([null, null]);
    await whole.body?.cancel();
  });

  it('is cached no longer than the link lives', async () => {
    const { get } = await file();
    const answer = await get({}, 'HEAD', bucket, NOW + HOUR_MS - 1_500);
    expect(answer.headers.get('Cache-Control')).toBe('private, max-age=1, immutable');
  });

  it('of no bytes', async () => {
    const { get } = await file(new Uint8Array(0));
    const answer = await get();
    expect([answer.status, answer.headers.get('Content-Length'), (await bytes(answer)).length]).toEqual([
      200,
      '0',
      0,
    ]);
    expect(await failureOf(get({ Range: 'bytes=0-' }))).toEqual({ tag: 'range_not_satisfiable', size: 0 });
  });
});

describe('ranges', () => {
  it.each([
    ['bytes=0-', 0, 999],
    ['bytes=0-0', 0, 0],
    ['bytes=999-', 999, 999],
    ['bytes=100-199', 100, 199],
    ['bytes=100-99999', 100, 999],
    ['bytes=-1', 999, 999],
    ['bytes=-200', 800, 999],
    ['bytes=-5000', 0, 999],
  ])('%s', async (range, first, last) => {
    const { get } = await file();
    const answer = await get({ Range: range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('Content-Range')).toBe(`bytes ${first}-${last}/1000`);
    expect(answer.headers.get('Content-Length')).toBe(String(last - first + 1));
    expect(await bytes(answer)).toEqual(CONTENT.slice(first, last + 1));
  });

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('%s is not there', async (range) => {
    const { get } = await file();
    expect(await failureOf(get({ Range: range }))).toEqual({ tag: 'range_not_satisfiable', size: 1_000 });
  });

  it.each(['bytes=0-1,5-6', 'bytes=9-5', 'lines=1-2', 'nonsense'])('%s: the whole file', async (range) => {
    const { get } = await file();
    const answer = await get({ Range: range });
    expect([answer.status, answer.headers.get('Content-Range')]).toEqual([200, null]);
    expect(await bytes(answer)).toEqual(CONTENT);
  });

  it('hold under If-Range only for this very file', async () => {
    const { etag, get } = await file();
    const conditions = [etag, `W/${etag}`, '"other"', 'Sun, 22 Nov 2026 10:00:00 GMT'];
    const answers = await Promise.all(conditions.map((tag) => get({ Range: 'bytes=1-2', 'If-Range': tag })));
    expect(answers.map(({ status }) => status)).toEqual([206, 200, 200, 200]);
    const lengths = await Promise.all(answers.map(async (answer) => (await bytes(answer)).length));
    expect(lengths).toEqual([2, 1_000, 1_000, 1_000]);
  });
});

describe('conditions', () => {
  it.each(['GET', 'HEAD'])('%s with the tag: not modified', async (method) => {
    const { etag, get } = await file();
    for (const tags of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const answer = await get({ 'If-None-Match': tags, Range: 'bytes=0-1' }, method);
      expect([answer.status, answer.body]).toEqual([304, null]);
      expect(answer.headers.get('ETag')).toBe(etag);
      expect(answer.headers.get('Content-Length')).toBeNull();
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
    }
  });

  it('another tag: the file', async () => {
    const { get } = await file();
    const answer = await get({ 'If-None-Match': '"other"' });
    expect([answer.status, (await bytes(answer)).length]).toEqual([200, 1_000]);
  });
});

describe('refusals', () => {
  it('a link that is wrong, or has expired, whether or not there is an object', async () => {
    const { get } = await file();
    const forbidden = { tag: 'forbidden_link' };
    expect(await failureOf(get({}, 'GET', bucket, NOW + HOUR_MS))).toEqual(forbidden);
    // Not one call to R2 is made for it.
    const away = brokenBucket('get', 'head');
    const request = new Request('https://firstframe.test/files/x/video.mp4');
    expect(await failureOf(serveFile(request, away, config, 'x', 'video.mp4', NOW))).toEqual(forbidden);
  });

  it.each([{}, { Range: 'bytes=0-1' }, { 'If-None-Match': '"x"' }])(
    'a good link whose object is gone (%o)',
    async (headers) => {
      const url = await fileUrl(config, {
        key: 'out/test/gone',
        name: 'a',
        type: 'video/mp4',
        expiresAt: NOW + 1,
      });
      const token = new URL(url).pathname.split('/')[2] ?? '';
      const call = serveFile(new Request(url, { headers }), bucket, config, token, 'a', NOW);
      expect(await failureOf(call)).toEqual({ tag: 'not_found' });
    },
  );

  it('other methods', async () => {
    const { get } = await file();
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      expect(await failureOf(get({}, method))).toEqual({ tag: 'method_not_allowed', allow: 'GET, HEAD' });
    }
  });

  it('R2 away', async () => {
    const { get } = await file();
    const unavailable = { tag: 'unavailable', part: 'storage', retryAfter: 5 };
    expect(await failureOf(get({}, 'GET', brokenBucket('get')))).toEqual(unavailable);
    expect(await failureOf(get({}, 'HEAD', brokenBucket('head')))).toEqual(unavailable);
    expect(await failureOf(get({ Range: 'bytes=0-1' }, 'GET', brokenBucket('get')))).toEqual(unavailable);
    expect(await failureOf(get({ Range: 'bytes=0-1' }, 'GET', brokenBucket('get', 'head')))).toEqual(
      unavailable,
    );
  });
});
