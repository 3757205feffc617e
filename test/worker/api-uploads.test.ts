import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../src/worker/env.ts';
import { mintId } from '../../src/worker/ids.ts';
import { fileUrl } from '../../src/worker/media/links.ts';
import { uploadKey } from '../../src/worker/media/storage.ts';
import { Customer, uniquePrompt } from '../support/customer.ts';
import { installUpstream } from '../support/install-upstream.ts';
import { type Answer, ask, problem, send, stable, workerWith } from './api-door.ts';
import { failing } from './api-faults.ts';
import { dataUri, fixtures } from './api-images.ts';
import { brokenBucket, config } from './media-fixtures.ts';

const GENERATE = '/api/ltx-2.3-image-to-video';
const { BUCKET } = env as unknown as Env;
const FORMATS = [
  ['png', 'image/png', 'png'],
  ['jpg', 'image/jpeg', 'jpg'],
  ['webp', 'image/webp', 'webp'],
  ['avif', 'image/avif', 'avif'],
  ['heic', 'image/heif', 'heic'],
] as const;

function upload(customer: Customer, body: BodyInit, headers: Record<string, string> = {}): Promise<Answer> {
  return ask('/api/uploads', { method: 'POST', headers: { 'X-API-Key': customer.key, ...headers }, body });
}

function submit(customer: Customer, fields: Record<string, unknown>): Promise<Answer> {
  const body = { prompt: uniquePrompt(), response_mode: 'polling', ...fields };
  return send(GENERATE, body, { 'X-API-Key': customer.key, 'X-Firstframe-Region': 'weur' });
}

const refusedImage = (detail: string) =>
  problem(400, 'invalid_request', 'The request is not valid', `/image_url: ${detail}`, {
    errors: [{ pointer: '/image_url', detail }],
  });

describe('an upload', () => {
  it('is answered with what it is and where', async () => {
    const customer = await Customer.create({ credits: 0 });
    const answer = await upload(customer, fixtures.png(), { 'Content-Type': 'image/png' });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(stable(answer)).toEqual({
      upload_id: '<upload>',
      image_url: 'https://firstframe.test/files/<token>/<upload>.png',
      content_type: 'image/png',
      bytes: fixtures.png().length,
      width: expect.any(Number),
      height: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      expires_at: '<time>',
    });
    const hours = (Date.parse(answer.body.expires_at) - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(48);
  });

  it.each(FORMATS)(
    'may be %s, by its own type, another name of it, or none',
    async (name, type, extension) => {
      const customer = await Customer.create();
      for (const declared of [type, type.toUpperCase(), `${type}; q=1`, 'application/octet-stream', '']) {
        const answer = await upload(customer, fixtures[name](), { 'Content-Type': declared });
        expect([answer.status, answer.body.content_type]).toEqual([201, type]);
        expect(answer.body.image_url).toMatch(new RegExp(`\\.${extension}$`));
      }
    },
  );

  it.each<[string, () => BodyInit, Record<string, string>]>([
    ['text', () => 'hello', { 'Content-Type': 'image/png' }],
    ['a video', () => fixtures.mp4(), {}],
    ['SVG', () => '<svg xmlns="http://www.w3.org/2000/svg"/>', { 'Content-Type': 'image/svg+xml' }],
    ['a PNG that says JPEG', () => fixtures.png(), { 'Content-Type': 'image/jpeg' }],
    ['a form', () => new URLSearchParams({ a: 'b' }), {}],
    ['JSON', () => '{}', { 'Content-Type': 'application/json' }],
    ['something packed', () => fixtures.png(), { 'Content-Encoding': 'br' }],
  ])('is 415 for %s', async (_, body, headers) => {
    const customer = await Customer.create();
    const answer = await upload(customer, body(), headers);
    expect(stable(answer)).toEqual(
      problem(
        415,
        'unsupported_media_type',
        'Unsupported content type',
        'Send the raw bytes of a PNG, JPEG, WebP, AVIF or HEIF image, with its type or none as Content-Type.',
      ),
    );
    expect((await BUCKET.list({ prefix: `up/${customer.account}/` })).objects).toEqual([]);
  });

  it.each([
    [
      'is cut off',
      () => fixtures.png().slice(0, -20),
      'the image is cut off: the image ends before its data does',
    ],
    ['is empty', () => new Uint8Array(0), 'the image is empty'],
  ])('that %s is 400', async (_, body, detail) => {
    const answer = await upload(await Customer.create(), body(), { 'Content-Type': 'image/png' });
    expect(stable(answer)).toEqual(
      problem(400, 'invalid_request', 'The request is not valid', detail, {
        errors: [{ pointer: '', detail }],
      }),
    );
  });

  it('is 503 while the bucket or the shard is away', async () => {
    const customer = await Customer.create();
    const init = { method: 'POST', headers: { 'X-API-Key': customer.key }, body: fixtures.png() };
    const noBucket = await workerWith({ BUCKET: brokenBucket('put') })('/api/uploads', init);
    expect(noBucket.body).toMatchObject({ status: 503, code: 'storage_unavailable' });
    expect(noBucket.headers.get('Retry-After')).toMatch(/^\d+$/);
    const noShard = await workerWith({ SHARDS: failing('SHARDS', 'authorize') })('/api/uploads', init);
    expect(noShard.body).toMatchObject({ status: 503, code: 'jobs_unavailable' });
  });
});

describe('an upload under an Idempotency-Key', () => {
  it('is made once, also when two come at once; another image is 422', async () => {
    const customer = await Customer.create();
    const key = { 'Idempotency-Key': 'a key with ☃ in no way'.replace('☃', '"') };
    const both = await Promise.all([1, 2].map(() => upload(customer, fixtures.png(), key)));
    const again = await upload(customer, fixtures.png(), key);
    expect([...both, again].map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set([...both, again].map(({ body }) => body.upload_id)).size).toBe(1);
    expect(both.filter(({ headers }) => headers.get('Idempotent-Replayed') === 'true')).toHaveLength(1);
    expect(again.headers.get('Idempotent-Replayed')).toBe('true');
    expect((await ask(new URL(again.body.image_url).pathname)).status).toBe(200);
    expect((await upload(customer, fixtures.jpg(), key)).body.code).toBe('idempotency_mismatch');
    const other = await upload(await Customer.create(), fixtures.jpg(), key);
    expect([other.status, other.headers.get('Idempotent-Replayed')]).toEqual([201, null]);
  });

  it('is free again after a refusal, and 410 once the upload has expired', async () => {
    const customer = await Customer.create();
    const key = { 'Idempotency-Key': 'old' };
    expect((await upload(customer, 'no image', key)).status).toBe(415);
    const first = await upload(customer, fixtures.png(), key);
    expect([first.status, first.headers.get('Idempotent-Replayed')]).toEqual([201, null]);
    const [record] = (await BUCKET.list({ prefix: `up/${customer.account}/key/` })).objects;
    const { image_url: _, ...remembered } = first.body;
    await BUCKET.put(
      String(record?.key),
      JSON.stringify({ ...remembered, expires_at: '2020-01-01T00:00:00.000Z' }),
    );
    expect((await upload(customer, fixtures.png(), key)).body.code).toBe('idempotency_key_expired');
  });
});

describe('an image of a job', () => {
  it.each(FORMATS)('may be an upload, or a data URI: %s', async (name, type) => {
    const { upstream } = installUpstream();
    const customer = await Customer.create();
    const prompt = uniquePrompt();
    const { image_url } = (await upload(customer, fixtures[name]())).body;
    const end_image_url = dataUri(fixtures[name](), type);
    expect((await submit(customer, { prompt, image_url, end_image_url })).status).toBe(202);
    await upstream.saw('submit', prompt);
    const input = upstream.requests[0]?.input ?? {};
    for (const field of ['image_url', 'end_image_url']) {
      const link = new URL(String(input[field]));
      expect(link.origin).toBe('https://firstframe.test');
      const file = await workerWith({})(link.pathname);
      expect([file.status, file.headers.get('Content-Type')]).toEqual([200, type]);
    }
  });

  it.each([
    ['an alias of the type', 'image/jpg', 'jpg', null],
    ['a type in capitals', 'IMAGE/PNG', 'png', null],
    ['a type that the bytes are not', 'image/png', 'jpg', 'is declared as image/png but is image/jpeg'],
  ] as const)('as a data URI with %s', async (_, declared, name, refusal) => {
    installUpstream();
    const answer = await submit(await Customer.create(), { image_url: dataUri(fixtures[name](), declared) });
    if (refusal === null) expect(answer.status).toBe(202);
    else expect(stable(answer)).toEqual(refusedImage(refusal));
  });

  it('may be an upload only of the same account', async () => {
    const [owner, other] = [await Customer.create(), await Customer.create()];
    const { image_url } = (await upload(owner, fixtures.png())).body;
    const refusal = refusedImage('is not a valid link of an upload of this account, or has expired');
    expect(stable(await submit(other, { image_url }))).toEqual(refusal);
    for (const changed of [
      `${image_url}x`,
      image_url.replace(/.png$/, '.jpg'),
      image_url.replace(/\/files\/./, '/files/!'),
    ]) {
      expect(stable(await submit(owner, { image_url: changed }))).toEqual(refusal);
    }
  });

  it('may be an upload only once something has been uploaded, and until it expires', async () => {
    const customer = await Customer.create();
    const { account } = customer;
    const id = mintId(config.SIGNING_SECRETS, 'up', { account, region: 'weur', n: 0 }, Date.now());
    const link = { key: uploadKey(account, id), name: `${id}.png`, type: 'image/png', account };
    const pending = await fileUrl(config, { ...link, expiresAt: Date.now() + 60_000 });
    expect(stable(await submit(customer, { image_url: pending }))).toEqual(
      refusedImage('nothing has been uploaded to this link'),
    );
    const expired = await fileUrl(config, { ...link, expiresAt: Date.now() - 1 });
    expect(stable(await submit(customer, { image_url: expired }))).toEqual(
      refusedImage('is not a valid link of an upload of this account, or has expired'),
    );
  });

  it('that the bucket cannot tell of is 503, and nothing is held', async () => {
    const customer = await Customer.create();
    const image_url = dataUri(fixtures.png(), 'image/png');
    const init = {
      method: 'POST',
      headers: { 'X-API-Key': customer.key, 'Content-Type': 'application/json' },
    };
    const body = JSON.stringify({ prompt: 'p', image_url });
    const answer = await workerWith({ BUCKET: brokenBucket('put') })(GENERATE, { ...init, body });
    expect(answer.body).toMatchObject({ status: 503, code: 'storage_unavailable' });
    expect((await customer.credits()).held).toBe(0);
  });

  it('may be as large as an upload, and no larger', async () => {
    installUpstream();
    const customer = await Customer.create();
    const image_url = dataUri(fixtures.png(), 'image/png');
    const bytes = fixtures.png().length;
    const headers = { 'X-API-Key': customer.key, 'Content-Type': 'application/json' };
    const init = {
      method: 'POST',
      headers,
      body: JSON.stringify({ prompt: 'p', image_url, response_mode: 'polling' }),
    };
    expect((await workerWith({ MAX_UPLOAD_BYTES: bytes })(GENERATE, init)).status).toBe(202);
    const refused = await workerWith({ MAX_UPLOAD_BYTES: bytes - 1 })(GENERATE, init);
    expect(stable(refused)).toEqual(refusedImage(`may have at most ${bytes - 1} bytes`));
  });
});
