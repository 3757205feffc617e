import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { shardOfId } from '../../src/worker/ids.ts';
import { serveFile } from '../../src/worker/media/files.ts';
import { uploadKey, uploadPrefix } from '../../src/worker/media/storage.ts';
import { storeUpload } from '../../src/worker/media/uploads.ts';
import {
  brokenBucket,
  bucket,
  config,
  failureOf,
  fixtures,
  newAccount,
  type Source,
  source,
} from './media-fixtures.ts';

const NOW = 1_800_000_000_000;

function request(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  const made = new Request('https://firstframe.test/api/uploads', { method: 'POST', body, headers });
  // A text body gives itself a type; these tests mean "no type".
  if (!('Content-Type' in headers)) made.headers.delete('Content-Type');
  return made;
}

const upload = (
  body: BodyInit | null,
  headers?: Record<string, string>,
  account = newAccount(),
  to = bucket,
) => storeUpload(request(body, headers), to, config, account, NOW);

describe('an upload', () => {
  it('is kept, answered and served', async () => {
    const account = newAccount();
    const bytes = fixtures.avif();
    const answer = await upload(bytes, { 'Content-Type': 'image/avif' }, account);
    expect(answer).toEqual({
      upload_id: expect.stringMatching(/^up_[0-9a-z]{31}$/),
      image_url: expect.stringMatching(/^https:\/\/firstframe\.test\/files\/.+\/up_[0-9a-z]{31}\.avif$/),
      content_type: 'image/avif',
      bytes: bytes.length,
      width: 48,
      height: 32,
      sha256: await sha256Hex(bytes),
      expires_at: new Date(NOW + config.INPUT_RETENTION_HOURS * 3_600_000).toISOString(),
    });
    expect(shardOfId(config.SIGNING_SECRETS, 'up', account, answer.upload_id)).toMatchObject({
      account,
    });
    expect((await bucket.head(uploadKey(account, answer.upload_id)))?.httpMetadata?.contentType).toBe(
      'image/avif',
    );

    const [, , token = '', name = ''] = new URL(answer.image_url).pathname.split('/');
    const served = await serveFile(new Request(answer.image_url), bucket, config, token, name, NOW);
    expect(served.headers.get('Content-Type')).toBe('image/avif');
    expect(new Uint8Array(await served.arrayBuffer())).toEqual(bytes);
  });

  it.each([
    ['png', 'image/png'],
    ['png', 'IMAGE/PNG; charset=binary'],
    ['jpg', 'image/jpg'],
    ['heic', 'image/heic'],
    ['webp', 'application/octet-stream'],
  ] as const)('a %s declared as %s', async (name, declared) => {
    expect(await upload(fixtures[name](), { 'Content-Type': declared })).toMatchObject({
      bytes: fixtures[name]().length,
    });
  });

  it('made twice is two uploads', async () => {
    const account = newAccount();
    const answers = await Promise.all([1, 2].map(() => upload(fixtures.png(), {}, account)));
    expect(new Set(answers.map(({ upload_id }) => upload_id)).size).toBe(2);
    expect((await bucket.list({ prefix: uploadPrefix(account) })).objects).toHaveLength(2);
  });
});

describe('refused, and nothing kept', () => {
  async function refused(body: BodyInit | null, headers: Record<string, string> = {}) {
    const account = newAccount();
    const failure = await failureOf(upload(body, headers, account));
    expect((await bucket.list({ prefix: uploadPrefix(account) })).objects).toEqual([]);
    return failure;
  }

  it.each([
    'image/webp',
    'image/gif',
    'text/html',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
  ])('a PNG declared as %s', async (declared) => {
    expect(await refused(fixtures.png(), { 'Content-Type': declared })).toMatchObject({
      tag: 'unsupported_media_type',
    });
  });

  it('what is no image', async () => {
    for (const text of ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'GIF89a', 'hello', '<html>']) {
      expect(await refused(text)).toMatchObject({ tag: 'unsupported_media_type' });
    }
    expect(await refused(fixtures.mp4())).toMatchObject({ tag: 'unsupported_media_type' });
    expect(await refused(fixtures.png(), { 'Content-Encoding': 'gzip' })).toMatchObject({
      tag: 'unsupported_media_type',
    });
  });

  it('an image that cannot be used', async () => {
    const invalid = (detail: string) => ({ tag: 'invalid_request', errors: [{ pointer: '', detail }] });
    expect(await refused(null)).toEqual(invalid('the image is empty'));
    expect(await refused(fixtures.jpg().slice(0, 200))).toEqual(
      invalid('the image is cut off: the image ends before its data does'),
    );
    const huge = fixtures.png();
    new DataView(huge.buffer).setUint32(16, 70_000);
    expect(await refused(huge)).toEqual(
      invalid('the image may have at most 16384 pixels a side and 100 megapixels'),
    );
  });

  it('too much of it: declared, or sent without end', async () => {
    const tooLarge = { tag: 'body_too_large', limit: config.MAX_UPLOAD_BYTES };
    const declared = source(1_000, 2_000);
    const length = { 'Content-Length': String(config.MAX_UPLOAD_BYTES + 1) };
    expect(await refused(declared.stream, length)).toEqual(tooLarge);
    expect(declared.given()).toBe(0);

    const endless: Source = source(65_536);
    expect(await refused(endless.stream, { 'Content-Length': '5' })).toEqual(tooLarge);
    expect(endless.given()).toBeLessThanOrEqual(config.MAX_UPLOAD_BYTES + 65_536);
    expect(endless.canceled()).toBe(true);
  });

  it('while R2 is away', async () => {
    const failure = await failureOf(upload(fixtures.png(), {}, newAccount(), brokenBucket('put')));
    expect(failure).toEqual({ tag: 'unavailable', part: 'storage', retryAfter: 5 });
  });
});
