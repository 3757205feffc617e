/** The headers of its own that an endpoint's owner may have sent with each event, such as a token for a gateway. Pure. */

import * as z from 'zod';

/** Limits of an endpoint's headers. Servers take 8 to 16 KiB of headers in all, and ours are among them. */
export const MAX_HEADERS = 20;
/** In characters. */
export const MAX_HEADER_NAME_LENGTH = 100;
export const MAX_HEADER_VALUE_LENGTH = 1_024;
/** Of all of them as they are sent, in bytes. */
export const MAX_HEADERS_BYTES = 4_096;

/** A token of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII, with spaces and tabs inside only: what every server reads in one way (RFC 9110 §5.5). */
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Names that are ours, the connection's, or what only a proxy or a browser may say; by whole name and by beginning. It is
 * what Svix and Hookdeck Outpost refuse, what browsers do (https://fetch.spec.whatwg.org/#forbidden-request-header), and
 * what more proxies set.
 */
const FORBIDDEN: ReadonlySet<string> = new Set([
  // Ours, and the body's.
  'user-agent',
  // The connection's: they decide where one request ends and the next begins.
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
  // Whom the request came through, and from: believed by whoever trusts a proxy.
  'client-ip',
  'forwarded',
  'true-client-ip',
  'via',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-host',
  'x-originating-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  // What makes a POST another request to some servers.
  'x-http-method',
  'x-http-method-override',
  'x-http-host-override',
  'x-method-override',
  'x-rewrite-url',
  // Caches' and browsers'.
  'accept-charset',
  'accept-encoding',
  'cache-control',
  'cookie',
  'cookie2',
  'date',
  'dnt',
  'expires',
  'origin',
  'pragma',
  'referer',
  'set-cookie',
]);
const FORBIDDEN_PREFIXES = [
  'webhook-',
  'svix-',
  'content-',
  'access-control-',
  'proxy-',
  'sec-',
  'cf-',
  'cdn-',
  'x-forwarded',
  'x-amz',
  'x-goog',
  'x-gfe',
  'x-azure-',
  'x-ms-',
  'x-envoy-',
  'x-appengine-',
  'x-vercel-',
  'x-original-',
  'fastly-',
  'fly-',
  // What the parts of a server tell each other, and believe.
  'x-middleware-',
] as const;

/** Whether a header of this name may not be set, in whatever case it is written. */
export function isForbiddenHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return FORBIDDEN.has(lower) || FORBIDDEN_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

function nameProblem(name: string): string | null {
  if (!TOKEN.test(name) || name.length > MAX_HEADER_NAME_LENGTH) {
    return `must have a name of 1 to ${MAX_HEADER_NAME_LENGTH} letters, digits and hyphens`;
  }
  // The one name that is no plain member of an object to every program that reads it.
  if (name === '__proto__' || isForbiddenHeader(name)) return 'is a header that cannot be set';
  return null;
}

function valueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a text';
  if (value.length > MAX_HEADER_VALUE_LENGTH) return `may have at most ${MAX_HEADER_VALUE_LENGTH} characters`;
  return VALUE.test(value) ? null : 'must be visible ASCII characters, with spaces inside only';
}

/** A name in an error: a body of nothing but a name must not make an answer as large. */
function shortened(name: string): string {
  return name.length > MAX_HEADER_NAME_LENGTH ? `${name.slice(0, MAX_HEADER_NAME_LENGTH)}…` : name;
}

/** A header, or the whole, that is wrong. */
interface Wrong {
  readonly path: string[];
  readonly message: string;
}

/** All that is wrong with a value as an endpoint's headers. */
function wrongOf(value: unknown): Wrong[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: [], message: 'must be a JSON object of texts' }];
  }
  const headers = Object.entries(value);
  if (headers.length > MAX_HEADERS) return [{ path: [], message: `may be at most ${MAX_HEADERS} headers` }];
  const seen = new Set<string>();
  const wrong = headers.flatMap(([name, text]): Wrong[] => {
    const lower = name.toLowerCase();
    const twice = seen.has(lower) ? 'is there twice: the case of a name says nothing' : null;
    seen.add(lower);
    const message = nameProblem(name) ?? twice ?? valueProblem(text);
    return message === null ? [] : [{ path: [shortened(name)], message }];
  });
  if (wrong.length > 0) return wrong;
  const bytes = headers.reduce((sum, [name, text]) => sum + `${name}: ${text}\r\n`.length, 0);
  return bytes > MAX_HEADERS_BYTES
    ? [{ path: [], message: `may have at most ${MAX_HEADERS_BYTES} bytes together` }]
    : [];
}

/** An endpoint's headers as its owner sends them: texts by name, in the case that was sent. */
// Not a record of zod's: it would drop a member called `__proto__` without a word. The cast says what has been checked.
export const customHeaders = z
  .unknown()
  .superRefine((value, context) => {
    for (const { path, message } of wrongOf(value)) context.addIssue({ code: 'custom', path, message });
  })
  .meta({
    description: `Headers that are sent with each event. At most ${MAX_HEADERS}, with values of up to ${MAX_HEADER_VALUE_LENGTH} visible ASCII characters, ${MAX_HEADERS_BYTES} bytes in all. Not those of the signature, the body and the connection, cookies, nor what proxies set. Values are not shown again.`,
    type: 'object',
    maxProperties: MAX_HEADERS,
    propertyNames: { minLength: 1, maxLength: MAX_HEADER_NAME_LENGTH },
    additionalProperties: { type: 'string', minLength: 1, maxLength: MAX_HEADER_VALUE_LENGTH },
    example: { Authorization: 'Bearer YOUR_TOKEN' },
  }) as z.ZodType<Readonly<Record<string, string>>>;
