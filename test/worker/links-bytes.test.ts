import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { BUCKET, FORM_TYPE, formOf, pngOf, TestLink } from './links-bytes-fixtures.ts';
import { fixtures, streamOf } from './media-fixtures.ts';

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
