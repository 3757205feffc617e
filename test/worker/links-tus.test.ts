/** What tus 1.0.0 says of each request, on an upload link. */

import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { sha256Hex, utf8 } from '../../src/worker/bytes.ts';
import { MAX_UNFINISHED } from '../../src/worker/links/shard/resumable.ts';
import { PUBLIC_URL } from '../support/customer.ts';
import { SOAK } from '../support/soak.ts';
import { installClock } from '../support/time.ts';
import { pngOf, TestLink } from './links-bytes-fixtures.ts';
import { checksumOf, create, metadataOf, PIECE, pictureOf, Try, TUS } from './links-tus-fixtures.ts';
import { fixtures, streamOf } from './media-fixtures.ts';

const MIB = 1_048_576;
const png = fixtures.png();

describe('OPTIONS', () => {
  it.each(['of a link', 'of a try'])('%s tells what there is', async (which) => {
    const link = await TestLink.create({ maxBytes: 1_234_567 });
    const below = which === 'of a try' ? (await Try.begin(link, 10)).below : '';
    const answer = await link.send({ method: 'OPTIONS' }, below);
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'tus-resumable': '1.0.0',
      'tus-version': '1.0.0',
      'tus-extension': 'creation,creation-with-upload,expiration,checksum,termination',
      'tus-max-size': '1234567',
      'tus-checksum-algorithm': 'sha1,sha256,md5',
      'access-control-allow-origin': '*',
    });
  });

  it('of no link is nothing', async () => {
    const answer = await exports.default.fetch(`${PUBLIC_URL}/u/nothing`, { method: 'OPTIONS' });
    expect(answer.status).toBe(404);
  });
});

describe('creation', () => {
  it('answers with the address of a try', async () => {
    const link = await TestLink.create();
    const answer = await create(link, { 'Upload-Length': '300', 'Upload-Metadata': 'filename d29ybGQ=' });
    expect(answer).toMatchObject({ status: 201, text: '' });
    const location = answer.headers.get('Location') ?? '';
    expect(location.slice((PUBLIC_URL + link.path).length)).toMatch(/^\/[0-9a-hjkmnp-tv-z]{16}$/);
    expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
    expect(answer.headers.get('Upload-Expires')).toBe(new Date(link.claims.expiresAt).toUTCString());
    expect(answer.headers.get('Upload-Offset')).toBeNull();
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('Upload-Offset');
  });

  it('takes any file name, and says nothing of it', async () => {
    const link = await TestLink.create();
    const metadata = metadataOf({ filename: '../../etc/passwd\0<script>', filetype: 'IMAGE/PNG' });
    const begun = await Try.begin(link, png.length, { 'Upload-Metadata': metadata });
    expect((await begun.head()).headers.get('Upload-Metadata')).toBe(metadata);
    expect((await begun.patch(0, png)).status).toBe(204);
    expect(await pictureOf(link)).toEqual(png);
  });

  const many = metadataOf(Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, 'v'])));
  it.each([
    ['no length', {}, 400, 'invalid_request'],
    ['a deferred length', { 'Upload-Defer-Length': '1' }, 400, 'invalid_request'],
    [
      'a part of a concatenation',
      { 'Upload-Length': '5', 'Upload-Concat': 'partial' },
      400,
      'invalid_request',
    ],
    ['an empty picture', { 'Upload-Length': '0' }, 400, 'invalid_request'],
    ['no number', { 'Upload-Length': '-5' }, 400, 'invalid_request'],
    ['more than the link takes', { 'Upload-Length': '4194305' }, 413, 'body_too_large'],
    ['metadata that is none', { 'Upload-Length': '5', 'Upload-Metadata': 'a b c' }, 400, 'invalid_request'],
    ['too much metadata', { 'Upload-Length': '5', 'Upload-Metadata': many }, 400, 'invalid_request'],
    [
      'a type that is no image',
      { 'Upload-Length': '5', 'Upload-Metadata': metadataOf({ filetype: 'text/html' }) },
      415,
      'unsupported_media_type',
    ],
    [
      'a type that the link does not take',
      { 'Upload-Length': '5', 'Upload-Metadata': metadataOf({ filetype: 'image/avif' }) },
      415,
      'unsupported_media_type',
    ],
    ['another version', { 'Upload-Length': '5', 'Tus-Resumable': '0.2.2' }, 412, 'tus_version'],
  ])('refuses %s', async (_name, headers: Record<string, string>, status, code) => {
    const link = await TestLink.create({ types: ['image/png', 'image/heif'] });
    const answer = await create(link, headers);
    expect(answer).toMatchObject({ status, body: { code, status } });
    expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
    expect(answer.headers.get('Location')).toBeNull();
    if (status === 412) expect(answer.headers.get('Tus-Version')).toBe('1.0.0');
  });

  it.each(['image/png', 'image/heic', 'application/octet-stream', ''])('takes the type %j', async (type) => {
    const link = await TestLink.create({ types: ['image/png', 'image/heif'] });
    const begun = await Try.begin(link, 5, { 'Upload-Metadata': metadataOf({ filetype: type }) });
    expect(await begun.offset()).toBe(0);
  });

  it('refuses bytes of another content type', async () => {
    const link = await TestLink.create();
    const headers = { 'Upload-Length': '5', 'Content-Type': 'application/octet-stream' };
    expect(await create(link, headers, png)).toMatchObject({ status: 415 });
  });

  it('is refused where the link takes nothing', async () => {
    const clock = installClock();
    const [expired, revoked, used] = await Promise.all([
      TestLink.create(),
      TestLink.create({ expiresAt: Date.now() + 9_000_000 }),
      TestLink.create({ expiresAt: Date.now() + 9_000_000 }),
    ]);
    await revoked.revoke();
    expect((await used.put(png)).status).toBe(201);
    clock.advance(3_600_000);
    const reasons = await Promise.all(
      [expired, revoked, used].map(async (link) => (await create(link, { 'Upload-Length': '5' })).body.code),
    );
    expect(reasons).toEqual(['link_expired', 'link_revoked', 'link_used']);
    const nowhere = await exports.default.fetch(`${PUBLIC_URL}/u/nothing`, {
      method: 'POST',
      headers: { ...TUS, 'Upload-Length': '5' },
    });
    expect(nowhere.status).toBe(404);
    expect(nowhere.headers.get('Tus-Resumable')).toBe('1.0.0');
  });

  it('is possible however many were never ended: the one with the fewest bytes gives way', async () => {
    const link = await TestLink.create();
    const kept = await Try.begin(link, png.length);
    expect((await kept.patch(0, png.slice(0, 50))).status).toBe(204);
    const small = await Try.begin(link, png.length);
    expect((await small.patch(0, png.slice(0, 7))).status).toBe(204);
    const [piece] = (await small.row())?.parts ?? [];
    expect(await link.objects()).toContain(piece?.key);
    for (let n = 2; n < MAX_UNFINISHED; n++) {
      const other = await Try.begin(link, png.length);
      expect((await other.patch(0, png.slice(0, 10 + n))).status).toBe(204);
    }
    const late = await Try.begin(link, png.length);
    expect((await small.head()).status).toBe(404);
    expect((await small.patch(7, png.slice(7))).status).toBe(404);
    await expect.poll(() => link.objects()).toHaveLength(MAX_UNFINISHED - 1);
    expect(await link.objects()).not.toContain(piece?.key);
    expect([await kept.offset(), await late.offset()]).toEqual([50, 0]);
    expect((await late.patch(0, png)).status).toBe(204);
    expect(await pictureOf(link)).toEqual(png);
  });
});

describe('creation with upload', () => {
  const headers = { ...PIECE, 'Upload-Length': String(png.length) };

  it('of a part tells how much came', async () => {
    const link = await TestLink.create();
    const answer = await create(link, headers, png.slice(0, 50));
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Upload-Offset')).toBe('50');
    const begun = new Try(link, answer.headers.get('Location') ?? '');
    expect(await begun.offset()).toBe(50);
    expect((await begun.patch(50, png.slice(50))).status).toBe(204);
    expect(await pictureOf(link)).toEqual(png);
  });

  it('of the whole is the upload', async () => {
    const link = await TestLink.create();
    const answer = await create(link, { ...headers, 'Upload-Checksum': await checksumOf('sha1', png) }, png);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Upload-Offset')).toBe(String(png.length));
    expect(await pictureOf(link)).toEqual(png);
    expect(await new Try(link, answer.headers.get('Location') ?? '').offset()).toBe(png.length);
  });

  it('of nothing is a creation', async () => {
    const link = await TestLink.create();
    const answer = await create(link, headers, new Uint8Array());
    expect(answer.status).toBe(201);
    expect(answer.headers.get('Upload-Offset')).toBe('0');
  });

  it.each([
    ['a checksum that does not match', async () => await checksumOf('sha256', utf8('other')), png, 460],
    ['a checksum that is none', () => 'crc32 AAAA', png, 400],
    ['more bytes than announced', () => null, pngOf(500), 413],
    ['what is no picture', () => null, new Uint8Array(png.length).fill(60), 415],
  ])('of %s leaves nothing', async (_name, checksum, body, status) => {
    const link = await TestLink.create();
    const value = await checksum();
    const sent = await create(link, value ? { ...headers, 'Upload-Checksum': value } : headers, body);
    expect(sent).toMatchObject({ status, body: { status } });
    expect(sent.headers.get('Location')).toBeNull();
    expect(await link.objects()).toEqual([]);
    expect((await link.view()).status).toBe('pending');
  });
});

describe('HEAD', () => {
  it('tells where a try is', async () => {
    const link = await TestLink.create();
    const begun = await Try.begin(link, 300, { 'Upload-Metadata': 'filename d29ybGQ=,empty' });
    await begun.patch(0, png.slice(0, 70));
    const answer = await begun.head();
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'upload-offset': '70',
      'upload-length': '300',
      'upload-metadata': 'filename d29ybGQ=,empty',
      'upload-expires': new Date(link.claims.expiresAt).toUTCString(),
      'cache-control': 'no-store',
      'tus-resumable': '1.0.0',
    });
  });

  it('of another version says nothing of it', async () => {
    const begun = await Try.begin(await TestLink.create(), 300);
    for (const headers of [{}, { 'Tus-Resumable': '2.0.0' }]) {
      const answer = await begun.send('HEAD', headers);
      expect(answer.status).toBe(412);
      expect(answer.headers.get('Tus-Version')).toBe('1.0.0');
      expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
      expect(answer.headers.get('Upload-Offset')).toBeNull();
    }
  });

  it.each([
    ['/0123456789abcdef', 'was never begun'],
    ['/%2e%2e%2f%2e%2e%2fx', 'is a way out'],
    ['/..%2f0123456789abcd', 'is a way out, too'],
    ['/0123456789ABCDEF', 'is written otherwise'],
    ['/0123456789abcdef/x', 'lies deeper'],
  ])('of %s, which %s, is 404', async (below) => {
    const link = await TestLink.create();
    expect((await link.send({ method: 'HEAD', headers: TUS }, below)).status).toBe(404);
    const patch = { method: 'PATCH', headers: { ...PIECE, 'Upload-Offset': '0' }, body: png };
    expect((await link.send(patch, below)).status).toBe(404);
  });

  it("of another link's try is 404", async () => {
    const [mine, other] = [await TestLink.create(), await TestLink.create()];
    const { below } = await Try.begin(other, 300);
    expect((await mine.send({ method: 'HEAD', headers: TUS }, below)).status).toBe(404);
    expect((await mine.send({ method: 'DELETE', headers: TUS }, below)).status).toBe(404);
    expect((await other.send({ method: 'HEAD', headers: TUS }, below)).status).toBe(200);
  });

  it('alone is understood of what browsers may ask of a try', async () => {
    const begun = await Try.begin(await TestLink.create(), 300);
    for (const method of ['GET', 'PUT', 'POST']) {
      const answer = await begun.send(method);
      expect(answer.status).toBe(405);
      expect(answer.headers.get('Allow')).toBe('DELETE, HEAD, OPTIONS, PATCH');
    }
  });
});

describe('PATCH', () => {
  const begin = async (length = png.length) => Try.begin(await TestLink.create(), length);

  it.each([
    ['another content type', { 'Content-Type': 'application/octet-stream' }, 415],
    ['another offset', { 'Upload-Offset': '11' }, 409],
    ['an offset behind', { 'Upload-Offset': '9' }, 409],
    ['an offset beyond the end', { 'Upload-Offset': '5000' }, 409],
    ['no number as offset', { 'Upload-Offset': '-1' }, 400],
    ['another version', { 'Tus-Resumable': '0.2.1' }, 412],
    ['an unknown checksum', { 'Upload-Checksum': 'crc32 AAAAAA==' }, 400],
    ['a checksum of another length', { 'Upload-Checksum': 'sha1 AAAAAA==' }, 400],
    ['a wrong checksum', { 'Upload-Checksum': `sha1 ${'A'.repeat(27)}=` }, 460],
  ] as [string, Record<string, string>, number][])(
    'with %s changes nothing',
    async (_name, headers, status) => {
      const begun = await begin();
      await begun.patch(0, png.slice(0, 10));
      const before = await begun.link.objects();
      const answer = await begun.patch(10, png.slice(10), headers);
      expect(answer).toMatchObject({ status, body: { status } });
      expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
      if (status === 409) expect(answer).toMatchObject({ body: { code: 'offset_mismatch', offset: 10 } });
      expect(await begun.offset()).toBe(10);
      expect(await begun.link.objects()).toEqual(before);
    },
  );

  it('without an offset or a type is refused', async () => {
    const begun = await begin();
    expect((await begun.send('PATCH', PIECE, png)).status).toBe(400);
    expect((await begun.send('PATCH', { ...TUS, 'Upload-Offset': '0' }, png)).status).toBe(415);
  });

  it.each([
    ['declared', (bytes: Uint8Array<ArrayBuffer>) => bytes],
    ['not declared', (bytes: Uint8Array<ArrayBuffer>) => streamOf(bytes, 7)],
  ])('of more than the length, %s, is refused, and nothing too much is kept', async (_name, body) => {
    const begun = await begin();
    await begun.patch(0, png.slice(0, 10));
    const answer = await begun.patch(10, body(new Uint8Array([...png.slice(10), 1])));
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large', limit: png.length - 10 } });
    expect(await begun.offset()).toBeLessThan(png.length);
    expect(await begun.offset()).toBeGreaterThanOrEqual(10);
    expect((await begun.link.view()).status).toBe('pending');
  });

  it('of nothing stays where it is', async () => {
    const begun = await begin();
    const answer = await begun.patch(0, new Uint8Array());
    expect(answer.status).toBe(204);
    expect(answer.headers.get('Upload-Offset')).toBe('0');
    expect(await begun.link.objects()).toEqual([]);
  });

  it.each([1, 7, 100, png.length])('after PATCH of %i bytes is the picture', async (size) => {
    const begun = await begin();
    for (let at = 0; at < png.length; at += size) {
      const answer = await begun.patch(at, png.slice(at, at + size));
      expect(answer).toMatchObject({ status: 204, text: '' });
      expect(answer.headers.get('Upload-Offset')).toBe(String(Math.min(png.length, at + size)));
      expect(answer.headers.get('Upload-Expires')).toBe(new Date(begun.link.claims.expiresAt).toUTCString());
    }
    expect(await pictureOf(begun.link)).toEqual(png);
    expect((await begun.link.view()).image).toMatchObject({
      type: 'image/png',
      sha256: await sha256Hex(png),
    });
  });

  it.each([
    [3 * MIB + 12_345, MIB, 'sha1'],
    [3 * MIB, MIB, 'sha256'],
    [3 * MIB, MIB + 1, 'md5'],
    [3 * MIB + 12_345, MIB - 1, 'sha1'],
    [3 * MIB + 12_345, 700_000, 'sha256'],
    [3 * MIB + 12_345, 4 * MIB, 'md5'],
  ] as const)(
    '%i bytes come in requests of %i, with checksums (%s) and without',
    async (length, size, one) => {
      const bytes = pngOf(length);
      for (const name of SOAK ? (['sha1', 'sha256', 'md5', null] as const) : [one, null]) {
        const begun = await begin(length);
        for (let at = 0; at < length; at += size) {
          const piece = bytes.slice(at, at + size);
          const headers = name ? { 'Upload-Checksum': await checksumOf(name, piece) } : undefined;
          // Half of them without a length.
          const body = name === 'md5' || name === null ? streamOf(piece, 60_000) : piece;
          expect((await begun.patch(at, body, headers)).status).toBe(204);
        }
        await expect.poll(() => begun.link.objects()).toHaveLength(1);
        expect(await sha256Hex(await pictureOf(begun.link))).toBe(await sha256Hex(bytes));
      }
    },
  );

  it('with a wrong checksum keeps nothing of several megabytes', async () => {
    const begun = await begin(4 * MIB);
    const bytes = pngOf(4 * MIB);
    const wrong = { 'Upload-Checksum': await checksumOf('sha1', utf8('other')) };
    expect((await begun.patch(0, streamOf(bytes.slice(0, 3 * MIB), 50_000), wrong)).status).toBe(460);
    expect(await begun.link.objects()).toEqual([]);
    expect(await begun.offset()).toBe(0);
    // Also of the last bytes: the upload is not over.
    expect((await begun.patch(0, bytes, wrong)).status).toBe(460);
    expect(await begun.link.objects()).toEqual([]);
    expect((await begun.patch(0, bytes)).status).toBe(204);
    expect((await begun.link.view()).status).toBe('uploaded');
  });

  it.each([
    ['PATCH', 204],
    ['HEAD', 200],
    ['OPTIONS', 204],
    ['DELETE', 204],
    ['GET', 405],
    ['patch', 405],
  ])('stands behind a POST: X-HTTP-Method-Override: %s', async (method, status) => {
    const begun = await begin();
    const headers = { ...PIECE, 'Upload-Offset': '0', 'X-HTTP-Method-Override': method };
    const answer = await begun.send('POST', headers, method === 'PATCH' ? png : null);
    expect(answer.status).toBe(status);
    expect((await begun.link.view()).status).toBe(method === 'PATCH' ? 'uploaded' : 'pending');
  });
});

describe('the end', () => {
  it('is told to whoever asks, and nothing comes after it', async () => {
    const clock = installClock();
    const link = await TestLink.create();
    const [winner, loser] = [await Try.begin(link, png.length), await Try.begin(link, png.length)];
    await loser.patch(0, png.slice(0, 20));
    expect((await winner.patch(0, png)).status).toBe(204);
    const head = await winner.head();
    expect(head.status).toBe(200);
    expect(head.headers.get('Upload-Offset')).toBe(String(png.length));
    expect(head.headers.get('Upload-Length')).toBe(String(png.length));
    expect(await loser.head()).toMatchObject({ status: 410 });
    expect((await loser.head()).headers.get('Upload-Offset')).toBeNull();
    expect(await loser.patch(20, png.slice(20))).toMatchObject({ status: 410, body: { code: 'link_used' } });
    expect(await loser.send('DELETE')).toMatchObject({ status: 410, body: { code: 'link_used' } });
    expect(await winner.send('DELETE')).toMatchObject({ status: 410, body: { code: 'link_used' } });
    // A client that sends its last bytes again, since their answer was lost, is told to look.
    expect(await winner.patch(20, png.slice(20))).toMatchObject({
      status: 409,
      body: { offset: png.length },
    });
    expect((await winner.patch(png.length, png)).status).toBe(413);
    expect(await pictureOf(link)).toEqual(png);
    clock.advance(3_700_000);
    expect((await winner.head()).status).toBe(200);
    clock.advance(86_400_000);
    expect((await winner.head()).status).toBe(410);
  });

  it('comes with the expiry of the link', async () => {
    const clock = installClock();
    const begun = await Try.begin(await TestLink.create(), png.length);
    await begun.patch(0, png.slice(0, 10));
    clock.advance(3_600_000);
    for (const answer of [
      await begun.head(),
      await begun.patch(10, png.slice(10)),
      await begun.send('DELETE'),
    ]) {
      expect(answer.status).toBe(410);
      expect(answer.headers.get('Upload-Offset')).toBeNull();
      expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
    }
  });

  it('comes when the link is revoked', async () => {
    const begun = await Try.begin(await TestLink.create(), png.length);
    await begun.patch(0, png.slice(0, 10));
    await begun.link.revoke();
    expect((await begun.head()).status).toBe(410);
    expect(await begun.patch(10, png.slice(10))).toMatchObject({
      status: 410,
      body: { code: 'link_revoked' },
    });
  });
});

describe('termination', () => {
  it('deletes what came, and nothing is found afterwards', async () => {
    const link = await TestLink.create();
    const begun = await Try.begin(link, 2 * MIB);
    await begun.patch(0, pngOf(2 * MIB).slice(0, MIB + 5));
    expect(await link.objects()).toHaveLength(2);
    const answer = await begun.send('DELETE');
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers.get('Tus-Resumable')).toBe('1.0.0');
    expect(await link.objects()).toEqual([]);
    expect((await begun.head()).status).toBe(404);
    expect((await begun.send('DELETE')).status).toBe(404);
    expect((await begun.patch(0, png)).status).toBe(404);
    expect((await link.view()).status).toBe('pending');
  });
});

describe('a picture that is refused', () => {
  const [half, jpg] = [fixtures.jpg().slice(0, 200), fixtures.jpg()];
  it.each([
    ['is none', utf8('<svg xmlns="http://www.w3.org/2000/svg"/>'), {}, 415, 'unsupported_media_type'],
    ['is cut off', half, {}, 400, 'invalid_request'],
    ['is not what was declared', jpg, { filetype: 'image/png' }, 415, 'unsupported_media_type'],
    ['is another than the link is for', pngOf(999), {}, 460, 'checksum_mismatch'],
  ])('since it %s, ends its try, and not the link', async (_name, bytes, metadata, status, code) => {
    const link = await TestLink.create({ sha256: await sha256Hex(png) });
    const begun = await Try.begin(link, bytes.length, { 'Upload-Metadata': metadataOf(metadata) });
    expect((await begun.patch(0, bytes.slice(0, 30))).status).toBe(204);
    const answer = await begun.patch(30, bytes.slice(30));
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(await link.objects()).toEqual([]);
    expect((await begun.head()).status).toBe(404);
    const again = await Try.begin(link, png.length);
    expect((await again.patch(0, png)).status).toBe(204);
    expect(await pictureOf(link)).toEqual(png);
  });
});
