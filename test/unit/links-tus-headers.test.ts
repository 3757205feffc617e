import { describe, expect, it } from 'vitest';
import { ApiError, problemOf } from '../../src/worker/errors.ts';
import {
  CHECKSUM_ALGORITHMS,
  declaredFiletype,
  httpDate,
  isPiece,
  requireTus,
  uploadChecksum,
  uploadLength,
  uploadMetadata,
  uploadOffset,
} from '../../src/worker/links/tus/headers.ts';

const LIMIT = 20_971_520;

const base64 = (text: string) => Buffer.from(text).toString('base64');
const headers = (name: string, value: string | null) => new Headers(value === null ? {} : { [name]: value });

/** The status and the sentence that a refusal is told with. */
function refusal(read: () => unknown): [number, string] {
  try {
    read();
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    const { status, detail } = problemOf(cause.failure);
    return [status, detail];
  }
  throw new Error('was not refused');
}

describe('Tus-Resumable', () => {
  it('is our version', () => {
    expect(() => requireTus(headers('Tus-Resumable', '1.0.0'))).not.toThrow();
  });

  it.each([null, '', '0.2.2', '1.0', '1.0.0 ,1.0.0', '1.0.0, 1.0.0', 'v1.0.0'])('not %j', (value) => {
    expect(refusal(() => requireTus(headers('Tus-Resumable', value)))[0]).toBe(412);
  });
});

describe('Upload-Length', () => {
  it.each([
    ['1', 1],
    ['300', 300],
    ['20971520', LIMIT],
  ])('%s', (value, expected) => {
    expect(uploadLength(headers('Upload-Length', value), LIMIT)).toBe(expected);
  });

  it.each([
    [null, 400, 'is required'],
    ['', 400, 'whole number'],
    ['0', 400, 'the image is empty'],
    ['-1', 400, 'whole number'],
    ['+1', 400, 'whole number'],
    ['1.5', 400, 'whole number'],
    ['1e3', 400, 'whole number'],
    ['0x10', 400, 'whole number'],
    ['007', 400, 'whole number'],
    ['1, 1', 400, 'whole number'],
    ['many', 400, 'whole number'],
    ['20971521', 413, 'at most 20971520 bytes'],
    ['9007199254740993', 413, 'at most 20971520 bytes'],
    ['9'.repeat(400), 413, 'at most 20971520 bytes'],
  ])('not %s', (value, status, detail) => {
    const refused = refusal(() => uploadLength(headers('Upload-Length', value), LIMIT));
    expect(refused).toEqual([status, expect.stringContaining(detail)]);
  });

  it.each([
    ['Upload-Defer-Length', '1'],
    ['Upload-Concat', 'partial'],
    ['Upload-Concat', 'final;/u/a /u/b'],
  ])('not with %s: %s, which we do not do', (name, value) => {
    const both = new Headers({ 'Upload-Length': '5', [name]: value });
    expect(refusal(() => uploadLength(both, LIMIT))).toEqual([400, expect.stringContaining(name)]);
  });
});

describe('Upload-Offset', () => {
  it.each([
    ['0', 0],
    ['70', 70],
    ['99999999999', 99_999_999_999],
  ])('%s', (value, expected) => {
    expect(uploadOffset(headers('Upload-Offset', value))).toBe(expected);
  });

  it.each([null, '', '-1', '1.0', '00', '0 ,0', 'NaN', 'Infinity', '3x'])('not %j', (value) => {
    expect(refusal(() => uploadOffset(headers('Upload-Offset', value)))[0]).toBe(400);
  });
});

describe('Upload-Metadata', () => {
  it.each([
    [null, []],
    ['', []],
    ['filename d29ybGQ=', [['filename', 'd29ybGQ=']]],
    [
      'a YQ==,b',
      [
        ['a', 'YQ=='],
        ['b', ''],
      ],
    ],
    // tus-js-client writes an empty value so.
    [
      'b ,a YQ==',
      [
        ['b', ''],
        ['a', 'YQ=='],
      ],
    ],
    [
      'a YQ==, b Yg==',
      [
        ['a', 'YQ=='],
        ['b', 'Yg=='],
      ],
    ],
    ['is_confidential', [['is_confidential', '']]],
    ['__proto__ YQ==', [['__proto__', 'YQ==']]],
  ])('%j', (value, expected) => {
    expect([...uploadMetadata(value)]).toEqual(expected);
  });

  it.each([
    ['a b c', 'base64'],
    ['a  YQ==', 'base64'],
    ['a YQ', 'base64'],
    ['a YQ=', 'base64'],
    ['a Y', 'base64'],
    // Bits beyond the last byte.
    ['a YR==', 'base64'],
    ['a YQ==YQ==', 'base64'],
    ['a YQ-_', 'base64'],
    ['a a<script>', 'base64'],
    [',', 'ASCII key'],
    ['a YQ==,', 'ASCII key'],
    ['a YQ==,,b Yg==', 'ASCII key'],
    ['\u00e4 YQ==', 'ASCII key'],
    ['a\tYQ==', 'ASCII key'],
    ['a YQ==,a Yg==', 'twice'],
    [Array.from({ length: 65 }, (_, n) => `k${n} YQ==`).join(','), '64 pairs'],
    [`a ${'YWFh'.repeat(2_048)}`, '8192 characters'],
  ])('not %.40s', (value, detail) => {
    const refused = refusal(() => uploadMetadata(value));
    expect(refused).toEqual([400, expect.stringContaining(detail)]);
  });

  it.each(['image/png', 'IMAGE/JPEG', 'image/png; charset=binary', '', 'undefined'])(
    'says that the file is %j',
    (type) => {
      expect(declaredFiletype(uploadMetadata(`filename eA==,filetype ${base64(type)}`))).toBe(type);
    },
  );

  it('need not say what the file is, and names no type in other letters than ASCII', () => {
    expect(declaredFiletype(uploadMetadata(null))).toBe('');
    expect(declaredFiletype(uploadMetadata('filename eA=='))).toBe('');
    expect(declaredFiletype(uploadMetadata(`filetype ${base64('image/pn\u0261')}`))).not.toBe('image/png');
  });
});

describe('Upload-Checksum', () => {
  const zeros = (bytes: number) => Buffer.alloc(bytes).toString('base64');

  it.each([
    ['sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=', 'SHA-1', 20],
    [`sha256 ${zeros(32)}`, 'SHA-256', 32],
    [`md5 ${zeros(16)}`, 'MD5', 16],
  ])('%s', (value, algorithm, bytes) => {
    const read = uploadChecksum(headers('Upload-Checksum', value));
    expect(read).toMatchObject({ algorithm });
    expect(read?.digest).toHaveLength(bytes);
  });

  it('need not be there', () => {
    expect(uploadChecksum(new Headers())).toBeNull();
  });

  it.each([
    ['', 'sha1,sha256,md5'],
    ['sha1', 'base64'],
    ['sha1 ', 'base64'],
    ['sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=', 'base64'],
    ['sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0', 'base64'],
    ['sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=', 'base64'],
    [`sha1 ${zeros(32)}`, '20 bytes'],
    [`md5 ${zeros(20)}`, '16 bytes'],
    [`sha256 ${zeros(31)}`, '32 bytes'],
    [`crc32 ${zeros(4)}`, 'sha1,sha256,md5'],
    [`SHA1 ${zeros(20)}`, 'sha1,sha256,md5'],
    [`sha-1 ${zeros(20)}`, 'sha1,sha256,md5'],
    [`toString ${zeros(20)}`, 'sha1,sha256,md5'],
  ])('not %j', (value, detail) => {
    const refused = refusal(() => uploadChecksum(headers('Upload-Checksum', value)));
    expect(refused).toEqual([400, expect.stringContaining(detail)]);
  });

  it('names the algorithm that the protocol requires first', () => {
    expect(CHECKSUM_ALGORITHMS).toBe('sha1,sha256,md5');
  });
});

describe('the content type of a piece', () => {
  it.each([
    ['application/offset+octet-stream', true],
    ['Application/Offset+Octet-Stream', true],
    ['application/offset+octet-stream; charset=utf-8', true],
    ['application/octet-stream', false],
    ['application/offset', false],
    ['image/png', false],
    [null, false],
  ])('%s: %s', (value, expected) => {
    expect(isPiece(headers('Content-Type', value))).toBe(expected);
  });
});

it('writes a time as RFC 9110 wants it', () => {
  expect(httpDate(784_111_777_000)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
});
