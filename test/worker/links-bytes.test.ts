import { describe, expect, it } from 'vitest';
import { sha256Hex, toBase64 } from '../../src/worker/bytes.ts';
import {
  type Answered,
  BOUNDARY,
  BUCKET,
  FORM_TYPE,
  type FormPart,
  formOf,
  joined,
  pngOf,
  TestLink,
} from './links-bytes-fixtures.ts';
import { fixtures, source, streamOf } from './media-fixtures.ts';

const MIB = 1_048_576;

/** Each way in, with and without a declared length. */
const WAYS = [
  ['PUT', 'with a length', (link: TestLink, bytes: Uint8Array<ArrayBuffer>) => link.put(bytes)],
  ['PUT', 'without', (link: TestLink, bytes: Uint8Array) => link.put(streamOf(bytes, 50_000))],
  ['POST', 'with a length', (link: TestLink, bytes: Uint8Array<ArrayBuffer>) => link.post(bytes)],
  ['POST', 'without', (link: TestLink, bytes: Uint8Array) => link.post(streamOf(bytes, 50_000))],
  [
    'form',
    'with a length',
    (link: TestLink, bytes: Uint8Array) => link.post(asForm(bytes), { 'Content-Type': FORM_TYPE }),
  ],
  [
    'form',
    'without',
    (link: TestLink, bytes: Uint8Array) =>
      link.post(streamOf(asForm(bytes), 50_000), { 'Content-Type': FORM_TYPE }),
  ],
] as const;

function asForm(bytes: Uint8Array) {
  return formOf([
    { name: 'note', value: 'hello' },
    { name: 'file', filename: 'dawn.png', type: 'image/png', value: bytes },
  ]);
}

describe.each(WAYS)('%s %s', (_method, _length, send) => {
  it.each([
    ['one piece', 70_000, 0],
    ['exactly a piece', MIB, 0],
    ['a piece and a byte', MIB + 1, 0],
    ['several pieces', 3 * MIB + 12_345, 0],
  ])('a picture of %s is stored, whole', async (_name, size) => {
    const link = await TestLink.create();
    const bytes = pngOf(size);
    const answer = await send(link, bytes);
    expect(answer.status, answer.text).toBe(201);
    const sha256 = await sha256Hex(bytes);
    expect(answer.body).toMatchObject({
      status: 'uploaded',
      content_type: 'image/png',
      bytes: size,
      width: 48,
      height: 32,
      sha256,
    });
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    const { image } = await link.view();
    expect(image).toMatchObject({ type: 'image/png', bytes: size, sha256 });
    await expect.poll(() => link.objects()).toEqual([image?.key]);
    const stored = await BUCKET.get(image?.key ?? '');
    expect(stored?.httpMetadata?.contentType).toBe('image/png');
    expect(await sha256Hex(new Uint8Array((await stored?.arrayBuffer()) ?? new ArrayBuffer(0)))).toBe(sha256);
  });
});

/** The answer, once it is what a refusal must be; and nothing of the try is left. */
async function refused(link: TestLink, sending: Promise<Answered>, status: number, code: string) {
  const answer = await sending;
  expect([answer.status, answer.body?.code], answer.text).toEqual([status, code]);
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
  expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
  expect(await link.objects()).toEqual([]);
  return answer.body.detail as string;
}

describe.each(WAYS)('%s %s: the cap', (_method, _length, send) => {
  it.each([70_000, MIB, 2 * MIB + 1])('of %i bytes is exact', async (maxBytes) => {
    const link = await TestLink.create({ maxBytes });
    await refused(link, send(link, pngOf(maxBytes + 1)), 413, 'body_too_large');
    await refused(link, send(link, pngOf(maxBytes + 200_000)), 413, 'body_too_large');
    expect((await send(link, pngOf(maxBytes))).status).toBe(201);
    expect((await link.view()).image?.bytes).toBe(maxBytes);
  });
});

describe('a body without end', () => {
  it.each([
    ['raw', {}, 0],
    ['form', { 'Content-Type': FORM_TYPE }, 1],
  ] as const)('%s is read no further than a chunk past the cap', async (_name, headers, form) => {
    const maxBytes = 200_000;
    const link = await TestLink.create({ maxBytes });
    const endless = source(16_384);
    const start = formOf([{ name: 'file', filename: 'a.png', type: 'image/png', value: '' }]);
    const head = streamOf(start.subarray(0, start.length - `\r\n--${BOUNDARY}--\r\n`.length));
    const body = form ? concatenated(head, endless.stream) : endless.stream;
    await refused(link, link.straight({ method: 'POST', body, headers }), 413, 'body_too_large');
    expect(endless.given()).toBeLessThanOrEqual(maxBytes + 65_536);
    expect(endless.canceled()).toBe(true);
  });
});

function concatenated(...streams: readonly ReadableStream<Uint8Array>[]): ReadableStream<Uint8Array> {
  const readers = streams.map((stream) => stream.getReader());
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const reader = readers[0];
          if (!reader) return controller.close();
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          readers.shift();
        }
      },
      cancel: (reason) => readers[0]?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

describe('refused, and nothing kept', () => {
  const jpegs = { types: ['image/jpeg'] as const };

  it('what is declared and cannot be: before anything is read', async () => {
    const link = await TestLink.create({ ...jpegs, maxBytes: 100_000 });
    for (const type of ['image/png', 'image/gif', 'text/html', 'image/svg+xml', 'application/pdf']) {
      const unread = source(1_000, 2_000);
      const detail = await refused(
        link,
        link.straight({ method: 'PUT', body: unread.stream, headers: { 'Content-Type': type } }),
        415,
        'unsupported_media_type',
      );
      expect(detail).toContain('one JPEG image');
      expect(unread.given()).toBe(0);
    }
    await refused(
      link,
      link.put(fixtures.jpg(), { 'Content-Encoding': 'gzip' }),
      415,
      'unsupported_media_type',
    );
    await refused(link, link.put(pngOf(100_001)), 413, 'body_too_large');
  });

  it('what is not what it is declared to be, or not what the link takes', async () => {
    const link = await TestLink.create({ types: ['image/jpeg', 'image/webp'] });
    const detail = await refused(
      link,
      link.put(fixtures.webp(), { 'Content-Type': 'image/jpeg' }),
      415,
      'unsupported_media_type',
    );
    expect(detail).toContain('one JPEG or WebP image');
    expect(detail).toContain('What was sent is WebP');
    await refused(link, link.put(fixtures.png()), 415, 'unsupported_media_type');
    const part = { name: 'file', filename: 'a.jpg', type: 'image/jpeg', value: fixtures.webp() };
    await refused(
      link,
      link.post(formOf([part]), { 'Content-Type': FORM_TYPE }),
      415,
      'unsupported_media_type',
    );
    await refused(
      link,
      link.post(formOf([{ ...part, type: 'image/gif' }]), { 'Content-Type': FORM_TYPE }),
      415,
      'unsupported_media_type',
    );
  });

  it('what is no image that can be used, small or in pieces', async () => {
    const link = await TestLink.create();
    await refused(link, link.put('<svg xmlns="http://www.w3.org/2000/svg"/>'), 415, 'unsupported_media_type');
    await refused(link, link.put(null), 400, 'invalid_request');
    await refused(link, link.put(fixtures.png().slice(0, 100)), 400, 'invalid_request');
    await refused(link, link.put(pngOf(3 * MIB).slice(0, -9)), 400, 'invalid_request');
    const zip = joined([fixtures.png(), new Uint8Array([80, 75, 5, 6, ...new Uint8Array(18)])]);
    expect(await refused(link, link.put(zip), 400, 'invalid_request')).toContain('another file or a script');
    await refused(link, link.put(new Uint8Array(2 * MIB)), 415, 'unsupported_media_type');
  });

  it('a body whose sender hangs up, and the link takes the next', async () => {
    const link = await TestLink.create();
    const bytes = pngOf(3 * MIB);
    const cut = streamOf(bytes, 100_000, 2 * MIB + 7);
    await refused(link, link.straight({ method: 'PUT', body: cut }), 400, 'malformed_body');
    const form = formOf([{ name: 'file', filename: 'a.png', value: bytes }]);
    await refused(
      link,
      link.straight({
        method: 'POST',
        body: streamOf(form, 100_000, 2 * MIB + 7),
        headers: { 'Content-Type': FORM_TYPE },
      }),
      400,
      'malformed_body',
    );
    expect((await link.put(bytes)).status).toBe(201);
  });

  it('another file than the link is for, and the right one is taken', async () => {
    const bytes = pngOf(90_000);
    const link = await TestLink.create({ sha256: await sha256Hex(bytes) });
    await refused(link, link.put(pngOf(90_001)), 400, 'digest_mismatch');
    expect((await link.put(bytes)).status).toBe(201);
  });

  it.each(['Content-Digest', 'Repr-Digest'])('a body that is not what its %s says', async (name) => {
    const link = await TestLink.create();
    const bytes = pngOf(MIB + 90_000);
    const digest = async (of: Uint8Array<ArrayBuffer>) =>
      `sha-256=:${toBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', of)))}:`;
    await refused(link, link.put(bytes, { [name]: await digest(pngOf(90_000)) }), 400, 'digest_mismatch');
    for (const wrong of ['sha-256=abc', 'sha-256=:YWJj:', '"', 'sha-256']) {
      await refused(link, link.put(bytes, { [name]: wrong }), 400, 'invalid_request');
    }
    // What we do not know is not looked at.
    const both = `md5=:YWJj:, ${await digest(bytes)}`;
    expect((await link.put(bytes, { [name]: both })).status).toBe(201);
  });

  it('types that say nothing are taken for none', async () => {
    for (const type of [
      'application/octet-stream',
      'application/x-www-form-urlencoded',
      'image/heic',
      'image/heif',
    ]) {
      const link = await TestLink.create();
      expect((await link.post(fixtures.heic(), { 'Content-Type': type })).status).toBe(201);
    }
  });
});

describe('a form', () => {
  const picture: FormPart = { name: 'file', filename: 'dawn.png', type: 'image/png', value: fixtures.png() };
  const send = (link: TestLink, parts: readonly FormPart[], headers: Record<string, string> = {}) =>
    link.post(formOf(parts), { 'Content-Type': FORM_TYPE, ...headers });

  it('of a browser ends where the link says, or at the link itself', async () => {
    const html = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
    const there = await TestLink.create({ redirectUrl: 'https://shop.example/thanks?a=1' });
    const sent = await send(there, [picture], html);
    expect([sent.status, sent.headers.get('Location')]).toEqual([303, 'https://shop.example/thanks?a=1']);
    const here = await TestLink.create();
    const back = await send(here, [picture], html);
    expect([back.status, back.headers.get('Location')]).toEqual([303, `https://firstframe.test${here.path}`]);
  });

  it('of a browser that is refused is told in a page, with the status', async () => {
    const link = await TestLink.create({ maxBytes: 60_000 });
    const html = { Accept: 'text/html' };
    for (const [parts, status] of [
      [[{ ...picture, value: pngOf(60_001) }], 413],
      [[{ ...picture, value: '<script>alert(1)</script>' }], 415],
      [[{ name: 'file', filename: '', value: '' }], 400],
    ] as const) {
      const answer = await send(link, parts, html);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
      expect(answer.text).toMatch(/<h1[^>]*>[A-Z]/);
      expect(answer.text).not.toContain('alert(1)');
      expect(await link.objects()).toEqual([]);
    }
    expect((await send(link, [picture])).status).toBe(201);
    const used = await send(link, [picture], html);
    expect([used.status, used.headers.get('Content-Type')]).toEqual([410, 'text/html; charset=utf-8']);
  });

  it.each([
    ['a name beyond Latin-1', { filename: '夜明け 🌅 «рассвет».png' }],
    ['a quoted name', { filename: 'a%22b; filename=c.png' }],
    ['no type', { type: undefined }],
    ['a type that says nothing', { type: 'application/octet-stream' }],
  ])('whose file has %s', async (_name, change) => {
    const link = await TestLink.create();
    const { type, ...rest } = { ...picture, ...change };
    const answer = await send(link, [{ ...rest, ...(type === undefined ? {} : { type }) }]);
    expect(answer.status, answer.text).toBe(201);
  });

  it('with other fields before and behind, and inputs that were left empty', async () => {
    const link = await TestLink.create();
    const answer = await send(link, [
      { name: 'csrf', value: 'x'.repeat(5_000) },
      { name: 'second', filename: '', type: 'application/octet-stream', value: '' },
      picture,
      { name: 'note', value: 'dawn\r\nover the sea' },
      { name: 'third', filename: '', type: 'application/octet-stream', value: '' },
    ]);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body.bytes).toBe(fixtures.png().length);
  });

  it.each<[string, readonly FormPart[], string]>([
    ['no file', [{ name: 'note', value: 'x' }], 'came without a picture'],
    ['a file that was not chosen', [{ name: 'file', filename: '', value: '' }], 'came without a picture'],
    ['text where the file should be', [{ name: 'file', value: 'dawn.png' }], 'came without a picture'],
    ['a file in another field', [{ ...picture, name: 'photo' }], 'must be called "file"'],
    ['two files', [picture, picture], 'more than one file'],
    ['a second file of another name', [picture, { ...picture, name: 'b' }], 'more than one file'],
    ['too large a field', [{ name: 'note', value: 'x'.repeat(70_000) }, picture], 'too much beside'],
    ['too large a field behind', [picture, { name: 'note', value: 'x'.repeat(70_000) }], 'too much beside'],
    [
      'too many fields',
      [...Array.from({ length: 80 }, (_, i) => ({ name: `n${i}`, value: 'x' })), picture],
      'too much beside',
    ],
  ])('with %s is refused', async (_name, parts, words) => {
    const link = await TestLink.create();
    const detail = await refused(link, send(link, parts), 400, 'malformed_body');
    expect(detail).toContain(words);
  });

  it('that is broken is refused', async () => {
    const link = await TestLink.create();
    const whole = formOf([picture]);
    for (const [body, type] of [
      [whole.slice(0, -4), FORM_TYPE],
      [whole.slice(0, 60), FORM_TYPE],
      [whole, 'multipart/form-data'],
      [whole, 'multipart/form-data; boundary=another'],
      [whole, `multipart/form-data; boundary=${'-'.repeat(300)}`],
      [formOf([picture], 'x'.repeat(252)), `multipart/form-data; boundary=${'x'.repeat(252)}`],
      [new Uint8Array(0), FORM_TYPE],
      [joined([whole.slice(0, 40), new Uint8Array([0, 1, 2]), whole.slice(40)]), FORM_TYPE],
    ] as const) {
      const sent = await link.post(body, { 'Content-Type': type });
      expect([sent.status, sent.body.code], type).toEqual([400, 'malformed_body']);
      expect(await link.objects()).toEqual([]);
    }
  });
});
