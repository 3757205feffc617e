import { describe, expect, it } from 'vitest';
import { sha256Hex, toBase64, toBase64Url, toHex } from '../../src/worker/bytes.ts';
import type { FindPicture } from '../../src/worker/links/picture.ts';
import { decodeDataUri } from '../../src/worker/media/data-uri.ts';
import {
  dropInputs,
  type ImageBytes,
  type ImageOutcome,
  imageUrlForUpstream,
  resolveImage,
  storeInput,
} from '../../src/worker/media/inputs.ts';
import { fileUrl, linkImageUrl, ownUpload, readFileLink } from '../../src/worker/media/links.ts';
import { inputKey, uploadKey } from '../../src/worker/media/storage.ts';
import { storeUpload } from '../../src/worker/media/uploads.ts';
import { brokenBucket, bucket, config, failureOf, fixtures, newAccount } from './media-fixtures.ts';

const NOW = 1_800_000_000_000;

/** Base64 of any length, in slices; the one in bytes.ts is for short values. */
function base64(bytes: Uint8Array): string {
  const slices: string[] = [];
  // A multiple of three, so that no slice but the last is padded.
  for (let at = 0; at < bytes.length; at += 6_000) slices.push(toBase64(bytes.subarray(at, at + 6_000)));
  return slices.join('');
}
const dataUri = (bytes: Uint8Array, type: string) => `data:${type};base64,${base64(bytes)}`;

function resolve(
  text: string,
  options: { account?: string; local?: boolean; max?: number; from?: R2Bucket; find?: FindPicture } = {},
) {
  const { account = newAccount(), local = false, max = config.MAX_UPLOAD_BYTES, from = bucket } = options;
  const findPicture = options.find ?? (() => Promise.reject(new Error('no link was to be asked for')));
  return resolveImage(text, {
    config: { ...config, LOCAL_MODE: local, MAX_UPLOAD_BYTES: max },
    bucket: from,
    account,
    findPicture,
    pointer: '/image_url',
    now: NOW,
  });
}

function detailOf(outcome: ImageOutcome): string {
  if (outcome.ok) return 'ok';
  expect(outcome.error.pointer).toBe('/image_url');
  return outcome.error.detail;
}

async function imageBytes(bytes: Uint8Array<ArrayBuffer>): Promise<ImageBytes> {
  const outcome = await resolve(dataUri(bytes, 'image/png'));
  if (!outcome.ok || outcome.image.kind !== 'bytes') throw new Error('not decoded');
  return outcome.image;
}

describe('data URIs', () => {
  it.each([
    ['png', 'image/png', 'image/png', 48, 32],
    ['jpg', 'image/jpeg', 'image/jpeg', 48, 32],
    ['jpg', 'image/jpg', 'image/jpeg', 48, 32],
    ['webp', 'image/webp', 'image/webp', 48, 32],
    ['avif', 'image/avif', 'image/avif', 48, 32],
    ['heic', 'image/heif', 'image/heif', 48, 64],
    ['heic', 'image/heic', 'image/heif', 48, 64],
    ['png', 'IMAGE/PNG', 'image/png', 48, 32],
  ] as const)('a %s as %s', async (name, declared, type, width, height) => {
    const bytes = fixtures[name]();
    const sha256 = await sha256Hex(bytes);
    expect(await resolve(dataUri(bytes, declared))).toEqual({
      ok: true,
      image: { kind: 'bytes', bytes, type, sha256, width, height },
    });
  });

  it('declared as what they are not', async () => {
    const outcome = await resolve(dataUri(fixtures.png(), 'image/webp'));
    expect(detailOf(outcome)).toBe('is declared as image/webp but is image/png');
  });

  it('of no image, or half of one', async () => {
    const details = await Promise.all(
      [new Uint8Array(0), new TextEncoder().encode('<svg/>'), fixtures.jpg().slice(0, -2)].map(
        async (bytes) => detailOf(await resolve(dataUri(bytes, 'image/png'))),
      ),
    );
    expect(details).toEqual([
      'is empty',
      'must be a PNG, JPEG, WebP, AVIF or HEIF image',
      'is cut off: the image ends before its data does',
    ]);
  });

  it('of any other form', () => {
    const good = base64(fixtures.png());
    const bad = [
      'data:',
      'data:,',
      'data:image/png',
      `data:image/png,${good}`,
      `data:text/html;base64,${good}`,
      `data:image/png;charset=utf-8;base64,${good}`,
      `data:image/${'x'.repeat(200)};base64,${good}`,
      `data:image/png;base64;${good}`,
      `data:image/png;base64, ${good}`,
      `data:image/png;base64,${good}\n`,
      `data:image/png;base64,${good}=`,
      `data:image/png;base64,${good}!`,
      `data:image/png;base64,${encodeURIComponent('+/=')}`,
      `data:image/png;base64,${toBase64Url(new Uint8Array([255, 255, 254]))}`,
      'data:image/png;base64,A',
      'data:image/png;base64,AB==C',
      'data:image/png;base64,AB',
    ];
    expect(bad.map((text) => decodeDataUri(text, 1_000_000).ok)).toEqual(bad.map(() => false));
  });

  it('of exactly the limit and one byte more', () => {
    for (const limit of [9, 10, 11, 12]) {
      const sized = (length: number) => decodeDataUri(dataUri(new Uint8Array(length), 'image/png'), limit);
      expect(sized(limit).ok).toBe(true);
      expect(sized(limit + 1)).toEqual({ ok: false, detail: `may have at most ${limit} bytes` });
      expect(sized(limit + 3).ok).toBe(false);
    }
  });

  it('of many megabytes', async () => {
    const bytes = new Uint8Array(3_000_000);
    bytes.set(fixtures.png());
    const text = dataUri(bytes, 'image/png');
    expect(await resolve(text)).toMatchObject({
      ok: true,
      image: { type: 'image/png', sha256: await sha256Hex(bytes) },
    });
    expect(detailOf(await resolve(text, { max: 2_999_999 }))).toBe('may have at most 2999999 bytes');
  });
});

describe('public URLs', () => {
  it('are passed on, in the form that was checked', async () => {
    const image = { kind: 'url', url: 'https://example.com/a%20b.jpg?x=1#y' };
    expect(await resolve('HTTPS://EXAMPLE.com:443/a b.jpg?x=1#y')).toEqual({ ok: true, image });
  });

  it.each([
    'http://127.0.0.1/a.png',
    'http://0x7f.1/a.png',
    'http://[::1]/a.png',
    'http://169.254.169.254/latest/meta-data',
    'http://10.0.0.1/',
    'https://user:pass@example.com/a.png',
    'ftp://example.com/a.png',
    'javascript:alert(1)',
    'file:///etc/passwd',
    '/files/x/y',
    'example.com/a.png',
    '',
  ])('%s is refused', async (text) => {
    expect(detailOf(await resolve(text))).toMatch(/^must/);
  });

  it('may be loopback in local mode, and nothing else private', async () => {
    expect((await resolve('http://127.0.0.1:9000/a.png', { local: true })).ok).toBe(true);
    expect((await resolve('http://10.0.0.1/a.png', { local: true })).ok).toBe(false);
  });
});

describe('uploads', () => {
  it('are found by their link', async () => {
    const account = newAccount();
    const request = new Request('https://firstframe.test/', { method: 'POST', body: fixtures.webp() });
    const upload = await storeUpload(request, bucket, config, account, NOW);
    expect(await resolve(upload.image_url, { account })).toEqual({
      ok: true,
      image: {
        kind: 'stored',
        key: uploadKey(account, upload.upload_id),
        type: 'image/webp',
        sha256: upload.sha256,
      },
      until: Date.parse(upload.expires_at),
    });
    expect(detailOf(await resolve(upload.image_url))).toMatch(
      /^is not a valid link of an upload of this account/,
    );
  });

  it('must have been made', async () => {
    const account = newAccount();
    const key = uploadKey(account, 'up_none');
    const link = { key, name: 'up_none.png', type: 'image/png', expiresAt: NOW + 1, account };
    const url = await fileUrl(config, link);
    expect(detailOf(await resolve(url, { account }))).toBe('nothing has been uploaded to this link');
    const failure = await failureOf(resolve(url, { account, from: brokenBucket('head') }));
    expect(failure).toMatchObject({ tag: 'unavailable', part: 'storage' });
  });
});

describe('what was uploaded to a link', () => {
  it('is what its shard says', async () => {
    const [account, uploadId] = [newAccount(), 'up_9'];
    const url = await linkImageUrl(config, { account, uploadId }, NOW + 1);
    const image = {
      key: `up/${account}/${uploadId}/abc`,
      type: 'image/avif',
      bytes: 7,
      width: 64,
      height: 64,
      sha256: 'a'.repeat(64),
    } as const;
    const asked: string[][] = [];
    const answering =
      (picture: Awaited<ReturnType<FindPicture>>): FindPicture =>
      (...name) => {
        asked.push(name);
        return Promise.resolve(picture);
      };
    const there = answering({ kind: 'there', image, until: NOW + 5 });
    const { key, type, sha256 } = image;
    expect(await resolve(url, { account, find: there })).toEqual({
      ok: true,
      image: { kind: 'stored', key, type, sha256 },
      until: NOW + 5,
    });
    expect(detailOf(await resolve(url, { account, find: answering({ kind: 'nothing' }) }))).toBe(
      'nothing has been uploaded to this link',
    );
    expect(detailOf(await resolve(url, { account, find: answering({ kind: 'gone' }) }))).toMatch(
      /^is not a valid link of an upload of this account, or has expired$/,
    );
    expect(asked).toEqual([1, 2, 3].map(() => [account, uploadId]));
    // Nobody else’s link is asked for.
    expect(detailOf(await resolve(url, { find: there }))).toMatch(/^is not a valid link of an upload/);
    expect(asked).toHaveLength(3);
  });
});

describe('stored inputs', () => {
  const jobId = () => `job_${crypto.randomUUID().replaceAll('-', '')}`;

  it('lie under their job, with type and digest, and can be dropped', async () => {
    const [account, job] = [newAccount(), jobId()];
    const image = await imageBytes(fixtures.png());
    const key = inputKey(account, job, 'end');
    expect(key).toBe(`in/${account}/${job}/end`);
    const source = { kind: 'stored', key, type: 'image/png', sha256: image.sha256 };
    // Twice, as after a lost answer.
    expect(await storeInput(bucket, account, job, 'end', image)).toEqual(source);
    expect(await storeInput(bucket, account, job, 'end', image)).toEqual(source);
    const stored = await bucket.get(key);
    expect(stored?.httpMetadata).toEqual({ contentType: 'image/png' });
    expect(toHex(new Uint8Array(stored?.checksums.sha256 ?? new ArrayBuffer(0)))).toBe(image.sha256);
    expect(await stored?.bytes()).toEqual(fixtures.png());

    await storeInput(bucket, account, job, 'start', image);
    await dropInputs(bucket, account, job);
    await dropInputs(bucket, account, job);
    expect((await bucket.list({ prefix: `in/${account}/` })).objects).toEqual([]);
  });

  it('are what their digest says, or are not stored', async () => {
    const [account, job] = [newAccount(), jobId()];
    const image = { ...(await imageBytes(fixtures.png())), sha256: '0'.repeat(64) };
    const failure = await failureOf(storeInput(bucket, account, job, 'start', image));
    expect(failure).toMatchObject({ tag: 'unavailable', part: 'storage' });
    expect(await bucket.head(inputKey(account, job, 'start'))).toBeNull();
  });

  it('reach the upstream by a link that outlives the job', async () => {
    const [account, job] = [newAccount(), jobId()];
    const source = await storeInput(bucket, account, job, 'start', await imageBytes(fixtures.png()));
    const url = new URL(await imageUrlForUpstream(config, source, NOW));
    const [, , token = '', name = ''] = url.pathname.split('/');
    expect(name).toBe('image.png');
    const deadline = NOW + config.JOB_DEADLINE_S * 1_000;
    expect(await readFileLink(config, token, name, deadline)).toMatchObject({
      key: inputKey(account, job, 'start'),
    });
    expect(await readFileLink(config, token, name, deadline + 600_000)).toBeNull();
    // Whoever sees it cannot start jobs with it.
    expect(await ownUpload(config, url, account, NOW)).toEqual({ kind: 'invalid' });
  });

  it('a public URL stays what it is', async () => {
    const url = 'https://example.com/a.png';
    expect(await imageUrlForUpstream(config, { kind: 'url', url }, NOW)).toBe(url);
  });
});
