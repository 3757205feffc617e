/** A picture that lies in the bucket already when its upload is ended: it is kept from now on, not from when it was put. */

import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/worker/bytes.ts';
import { imageKey } from '../../src/worker/links/bytes/attempt.ts';
import { BUCKET, bucketThat, pngOf, TestLink } from './links-bytes-fixtures.ts';
import { PIECE, pictureOf, Try } from './links-tus-fixtures.ts';

const LENGTH = 2_000;

/** A resumable upload whose picture was stored once, when its shard could not be told. */
async function stored(bytes = pngOf(LENGTH)) {
  const link = await TestLink.create();
  const tried = await Try.begin(link, LENGTH);
  const key = imageKey(link.claims, tried.attempt);
  const first = await BUCKET.put(key, bytes, { sha256: await sha256Hex(bytes) });
  const end = (bucket: R2Bucket = BUCKET) =>
    link.straight(
      { method: 'PATCH', headers: { ...PIECE, 'Upload-Offset': '0' }, body: pngOf(LENGTH) },
      { BUCKET: bucket },
      tried.below,
    );
  return { link, key, first, end };
}

describe('a picture that is there already', () => {
  it('is put again, so that its age begins anew', async () => {
    const { link, key, first, end } = await stored();
    expect((await end()).status).toBe(204);
    const there = await BUCKET.head(key);
    expect(there?.version).toBeTypeOf('string');
    expect(there?.version).not.toBe(first.version);
    expect(there?.httpMetadata?.contentType).toBe('image/png');
    expect(await pictureOf(link)).toEqual(pngOf(LENGTH));
  });

  it('and is swept between two looks is put anew', async () => {
    const { link, key, first, end } = await stored();
    let looks = 0;
    const swept = bucketThat('head', async (head, of) => {
      const seen = await head();
      if (of === key && looks++ === 0) await BUCKET.delete(key);
      return seen;
    });
    expect((await end(swept)).status).toBe(204);
    expect(looks).toBe(1);
    expect((await BUCKET.head(key))?.version).not.toBe(first.version);
    expect(await pictureOf(link)).toEqual(pngOf(LENGTH));
  });

  it('and is swept before the first look is put anew', async () => {
    const { link, key, end } = await stored();
    let looks = 0;
    const swept = bucketThat('head', async (head) => {
      if (looks++ === 0) await BUCKET.delete(key);
      return head();
    });
    expect((await end(swept)).status).toBe(204);
    expect(await pictureOf(link)).toEqual(pngOf(LENGTH));
  });

  it('and comes and goes for ever is not to be had now', async () => {
    const { link, end } = await stored();
    const answer = await end(bucketThat('head', async () => null));
    expect([answer.status, answer.body.code]).toEqual([503, 'storage_unavailable']);
    expect((await link.view()).status).toBe('pending');
    expect((await end()).status).toBe(204);
  });

  it('with other bytes is not overwritten', async () => {
    const other = pngOf(LENGTH - 1);
    let seen: unknown;
    const { link, key, first, end } = await stored(other);
    const watched = bucketThat('head', async (head) => {
      seen = await head();
      return seen;
    });
    expect((await end(watched)).status).toBe(409);
    expect(seen).toMatchObject({ version: first.version });
    expect((await link.view()).status).toBe('pending');
    await BUCKET.delete(key);
  });
});
