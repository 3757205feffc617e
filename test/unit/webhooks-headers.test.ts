import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { fieldErrors, type Issue } from '../../src/worker/http/problem.ts';
import {
  customHeaders,
  isForbiddenHeader,
  MAX_HEADER_NAME_LENGTH,
  MAX_HEADER_VALUE_LENGTH,
  MAX_HEADERS,
  MAX_HEADERS_BYTES,
} from '../../src/worker/webhooks/headers.ts';

const Body = z.strictObject({ headers: customHeaders });

/** What a body with these headers is answered. */
function headerErrors(headers: unknown) {
  const parsed = Body.safeParse({ headers });
  if (parsed.success) expect(parsed.data.headers).toBe(headers);
  return parsed.success ? [] : fieldErrors(parsed.error.issues as readonly Issue[]);
}

const pointers = (value: unknown) => headerErrors(value).map(({ pointer }) => pointer);

describe('headers that may be set', () => {
  it.each([
    {},
    { Authorization: 'Bearer abc.def-ghi' },
    { 'X-Api-Key': '~!@#$%^&*()_+`-={}|[]\\:";\'<>?,./' },
    { 'X-Tenant': 'a b\tc' },
    { 'x-request-id': '1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    { "!#$%&'*+.^_`|~": 'a token, by the letter' },
    { webhook: '1', content: '1', svix: '1', hosts: '1', cookies: '1', 'x-cf-thing': '1' },
    { 'x-company-forwarded': '1', via2: '1', upgraded: '1' },
  ])('%j', (headers) => {
    expect(headerErrors(headers)).toEqual([]);
    // What we let pass every runtime takes.
    expect(() => new Headers(Object.entries(headers).map(([name, value]) => [name, value]))).not.toThrow();
  });

  it('up to each limit', () => {
    const many = Object.fromEntries(Array.from({ length: MAX_HEADERS }, (_, n) => [`x-${n}`, '1']));
    expect(headerErrors(many)).toEqual([]);
    expect(headerErrors({ ['x'.repeat(MAX_HEADER_NAME_LENGTH)]: '1' })).toEqual([]);
    expect(headerErrors({ x: 'v'.repeat(MAX_HEADER_VALUE_LENGTH) })).toEqual([]);
    const full = (last: number) => ({
      a: 'v'.repeat(1_019),
      b: 'v'.repeat(1_019),
      c: 'v'.repeat(1_019),
      d: 'v'.repeat(last),
    });
    // Each is sent with its name, a colon, a space and a line break.
    expect(headerErrors(full(MAX_HEADERS_BYTES - 3 * 1_024 - 5))).toEqual([]);
    expect(pointers(full(MAX_HEADERS_BYTES - 3 * 1_024 - 4))).toEqual(['/headers']);
  });
});

describe('headers that are refused', () => {
  it.each([
    ...['webhook-id', 'webhook-timestamp', 'webhook-signature', 'webhook-anything', 'svix-id'],
    ...['content-type', 'content-length', 'content-encoding', 'content-digest', 'host', 'connection'],
    ...['user-agent', 'cookie', 'set-cookie', 'transfer-encoding', 'te', 'trailer', 'trailers', 'upgrade'],
    ...['keep-alive', 'proxy-authorization', 'proxy-connection', 'expect', 'cache-control', 'expires'],
    ...['pragma', 'accept-encoding', 'cf-connecting-ip', 'cf-worker', 'x-forwarded-for', 'x-forwarded-host'],
    ...['x-real-ip', 'forwarded', 'x-amz-date', 'x-amzn-trace-id', 'x-goog-iap-jwt-assertion', 'x-azure-ref'],
    ...[
      'x-middleware-subrequest',
      'x-original-url',
      'x-original-forwarded-for',
      'x-vercel-ip',
      'fly-client-ip',
    ],
    ...[
      'fastly-client-ip',
      'x-appengine-user-ip',
      'x-host',
      'x-http-host-override',
      'client-ip',
      'x-remote-ip',
    ],
    ...['sec-fetch-site', 'origin', 'referer', 'via', 'date', 'true-client-ip', 'x-http-method-override'],
  ])('%s, in whatever case', (name) => {
    const title = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    for (const spelling of [name, title, name.toUpperCase()]) {
      expect(isForbiddenHeader(spelling)).toBe(true);
      expect(headerErrors({ 'X-Good': '1', [spelling]: '1' })).toEqual([
        { pointer: `/headers/${spelling}`, detail: 'is a header that cannot be set' },
      ]);
    }
  });

  it.each(['', ' ', 'a b', 'a:', 'a\r\nHost', 'ä', 'a\u0000', '(a)', 'a"b', ':authority', 'x\u2011y'])(
    'the name %j',
    (name) => {
      expect(headerErrors({ [name]: '1' })).toEqual([
        { pointer: `/headers/${name}`, detail: expect.stringContaining('must have a name of 1 to') },
      ]);
    },
  );

  it.each(['', ' a', 'a ', '\ta', 'a\t', 'a\r\nX-B: c', 'a\nb', 'a\u0000b', 'ä', 'a\u007f', '\u00a0'])(
    'the value %j, which is not repeated',
    (value) => {
      const errors = headerErrors({ 'X-A': value });
      expect(errors).toEqual([{ pointer: '/headers/X-A', detail: expect.stringContaining('visible ASCII') }]);
    },
  );

  it.each([null, undefined, 7, 'Authorization: x', ['a'], true])('%j instead of an object', (value) => {
    expect(headerErrors(value)).toEqual([{ pointer: '/headers', detail: 'must be a JSON object of texts' }]);
  });

  it.each([null, 7, ['a'], {}, true])('the value %j, which is no text', (value) => {
    expect(headerErrors({ 'X-A': value })).toEqual([{ pointer: '/headers/X-A', detail: 'must be a text' }]);
  });

  it('one name in two spellings, the second of which is told', () => {
    expect(headerErrors({ 'X-A': '1', 'x-b': '1', 'x-a': '2' })).toEqual([
      { pointer: '/headers/x-a', detail: expect.stringContaining('twice') },
    ]);
  });

  it('a name that is no plain member to every program', () => {
    expect(pointers(JSON.parse('{"__proto__": "1"}'))).toEqual(['/headers/__proto__']);
  });

  it('all that are wrong, at once', () => {
    expect(pointers({ Host: '1', 'X-Good': '1', 'a b': '1', 'X-Bad': '\n' })).toEqual([
      '/headers/Host',
      '/headers/a b',
      '/headers/X-Bad',
    ]);
  });

  it('too many, and too long ones', () => {
    const many = Object.fromEntries(Array.from({ length: MAX_HEADERS + 1 }, (_, n) => [`x-${n}`, '1']));
    expect(pointers(many)).toEqual(['/headers']);
    expect(pointers({ x: 'v'.repeat(MAX_HEADER_VALUE_LENGTH + 1) })).toEqual(['/headers/x']);
    const long = 'x'.repeat(100_000);
    expect(pointers({ [long]: '1' })[0]?.length).toBeLessThan(200);
  });
});
