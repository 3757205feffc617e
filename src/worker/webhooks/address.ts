/**
 * Where we may send, or let an upstream fetch: the guard for every address that a caller names. Pure.
 *
 * It judges the URL alone: the scheme, the name, the port, and every spelling of an IP address, which the URL standard
 * has made canonical before we look. What a public name resolves to is judged by dns.ts, where we send ourselves.
 */

import { isIpAddress, isLoopbackIp, isPublicIp } from './ip.ts';

/** `webhook`: we send there ourselves. `image`: the upstream fetches from there. `redirect`: a browser is sent there. */
export type AddressPurpose = 'webhook' | 'image' | 'redirect';

/** What the guard has to know about the deployment. */
export interface AddressRules {
  /** Local mode: loopback is allowed, and nothing else private. */
  readonly local: boolean;
  readonly purpose: AddressPurpose;
  /** Our own hosts as `host` or `host:port`: refused, so that nobody makes us call ourselves. */
  readonly ownHosts?: readonly string[];
}

/** The canonical URL to use from here on, never the text; or a reason that completes "The address …". */
export type AddressCheck =
  | { readonly ok: true; readonly url: URL }
  | { readonly ok: false; readonly reason: string };

/** Longest address, in characters: what common servers and databases of receivers still take. */
export const MAX_ADDRESS_LENGTH = 4_096;

/** Ports of webhooks, as `URL.port` writes them: 443, and 8443 as the usual second one. */
const WEBHOOK_PORTS: ReadonlySet<string> = new Set(['', '443', '8443']);

/**
 * Labels as the URL standard leaves them: lower-case, other scripts as Punycode. It lets more characters pass, such as a
 * semicolon, which no DNS name has and which would end a directive where a host is put into a header.
 */
const LABELS = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** Longest host name, in characters (RFC 1035 §2.3.4: 255 octets on the wire). */
const MAX_NAME_LENGTH = 253;

/**
 * Last labels of names that the public DNS does not have: special use (RFC 6761, 6762, 7686, 8375, 9476), reserved by
 * ICANN for private use (.internal) or never to be delegated (.corp .home .mail), and habits of routers and offices.
 */
const INTERNAL_SUFFIXES: ReadonlySet<string> = new Set([
  'localhost',
  'local',
  'localdomain',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'mail',
  'lan',
  'arpa',
  'onion',
  'alt',
  'test',
  'example',
  'invalid',
]);

/** Names that RFC 6761 keeps for tests reach nothing private, so local mode lets them pass. */
const TEST_SUFFIX = 'test';

/** `http(s)://` and then a host: other spellings that the URL standard mends are read differently by other parsers. */
const STRICT_HTTP_URL = /^https?:\/\/[^/\\?#]/i;
/** Control characters and backslashes, which parsers drop or take for a slash, each in its own way. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const AMBIGUOUS = /[\u0000-\u001f\u007f\\]/;
/** Anything before an @ in the authority, be it empty. */
const USER_INFO = /^[^:]+:\/\/[^/?#]*@/;

function refused(reason: string): AddressCheck {
  return { ok: false, reason };
}

/** The host without brackets and without the root's trailing dot. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function endsIn(host: string, suffix: string): boolean {
  return host === suffix || host.endsWith(`.${suffix}`);
}

/** Whether a host, as {@link hostOf} gives it, is this machine by its name or address. */
export function isLoopback(host: string): boolean {
  return endsIn(host, 'localhost') || isLoopbackIp(host);
}

/** Why a name cannot be one of the public DNS, or null. */
function nameProblem(host: string, local: boolean): string | null {
  if (host.length > MAX_NAME_LENGTH || !LABELS.test(host)) return 'must have a valid host name';
  const dot = host.lastIndexOf('.');
  if (dot < 0) return 'must have a full host name with a domain';
  const suffix = host.slice(dot + 1);
  if (local && suffix === TEST_SUFFIX) return null;
  return INTERNAL_SUFFIXES.has(suffix) ? 'must not point to an internal host name' : null;
}

function effectivePort(url: URL): string {
  return url.port || (url.protocol === 'https:' ? '443' : '80');
}

/** Whether two URLs name one host. All names and addresses of this machine are one; ports are not looked at. */
export function isSameHost(a: URL, b: URL): boolean {
  const [one, other] = [hostOf(a), hostOf(b)];
  return one === other || (isLoopback(one) && isLoopback(other));
}

/** Whether `url` reaches one of our own hosts. Beside a loopback host other ports are other programs. */
function isOwn(url: URL, ownHosts: readonly string[]): boolean {
  return ownHosts.some((own) => {
    const candidate = `${url.protocol}//${own}`;
    if (!URL.canParse(candidate)) return false;
    const ownUrl = new URL(candidate);
    if (!isSameHost(url, ownUrl)) return false;
    return !isLoopback(hostOf(url)) || effectivePort(url) === effectivePort(ownUrl);
  });
}

/**
 * Whether a caller's address may be used for `purpose`.
 *
 * Webhooks: https on port 443 or 8443; in local mode also http and any port of a loopback address. Images: http or
 * https on any port. Redirects: https on any port; in local mode also http of a loopback address. All: a public host, no
 * user info, not one of `ownHosts`.
 */
export function checkUrl(text: string, { local, purpose, ownHosts = [] }: AddressRules): AddressCheck {
  // As it came: callers keep the text, and what stands around the URL with it.
  if (text.length > MAX_ADDRESS_LENGTH) {
    return refused(`may have at most ${MAX_ADDRESS_LENGTH} characters`);
  }
  const schemes = purpose === 'image' ? 'an http or https URL' : 'an https URL';
  const trimmed = text.trim();
  if (AMBIGUOUS.test(trimmed)) return refused('must not contain control characters or backslashes');
  // The whole text is parsed, as it will be again: JavaScript trims more spaces than the URL standard knows.
  const url = STRICT_HTTP_URL.test(trimmed) ? URL.parse(text) : null;
  if (!url) return refused(`must be ${schemes}`);
  if (USER_INFO.test(trimmed)) return refused('must not contain a user name or password');

  const host = hostOf(url);
  const loopback = isLoopback(host);
  if (loopback && local) {
    return isOwn(url, ownHosts) ? refused('must not point to this service') : { ok: true, url };
  }
  if (purpose !== 'image' && url.protocol !== 'https:') return refused(`must be ${schemes}`);
  if (loopback) return refused('must not point to a private or reserved address');
  if (isIpAddress(host)) {
    if (!isPublicIp(host)) return refused('must not point to a private or reserved address');
  } else {
    const problem = nameProblem(host, local);
    if (problem !== null) return refused(problem);
  }
  if (purpose === 'webhook' && !WEBHOOK_PORTS.has(url.port)) return refused('must use port 443 or 8443');
  if (isOwn(url, ownHosts)) return refused('must not point to this service');
  return { ok: true, url };
}
