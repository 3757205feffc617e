/**
 * What the name in an address resolves to, asked of a resolver over HTTPS in the JSON format of Google and Cloudflare:
 * https://developers.cloudflare.com/1.1.1.1/encryption/dns-over-https/make-api-requests/dns-json/
 *
 * It goes behind {@link checkUrl}, which has judged the address as text. Every address of the name must be public.
 * `fetch` resolves the name once more by itself and offers no hook between that and connecting, so an answer that
 * changes within these milliseconds is not seen: docs/design.md says what is left to guard against it.
 */

import * as z from 'zod';
import { exchange } from '../upstream/exchange.ts';
import { abortable } from './abortable.ts';
import { hostOf, isLoopback } from './address.ts';
import { isIpAddress, isPublicIp } from './ip.ts';

/** The part of `fetch` that a delivery uses. */
export type Fetcher = (url: string, init: RequestInit) => Promise<Response>;

/** How to ask. */
export interface NameRules {
  /** The resolver's URL without a query; `DOH_URL`. */
  readonly resolver: string;
  /** Local mode: names of this machine need no resolver, so that it works without a network. */
  readonly local: boolean;
  readonly fetcher?: Fetcher;
  /** Cuts the questions off early. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export type NamesCheck =
  | { readonly kind: 'ok' }
  /**
   * `address`: not every address is public. `dns`: there is none, or the name's own servers do not tell. `reason`
   * completes "The address …".
   */
  | { readonly kind: 'refused'; readonly error: 'address' | 'dns'; readonly reason: string }
  /** The resolver could not be asked, or made no sense of any name: nothing is known about this one. */
  | { readonly kind: 'unreachable' };

/** How long questions may take, in ms. Those about one name go at once. A resolver answers most within 100 ms. */
export const RESOLVE_TIMEOUT_MS = 2_000;

/** Largest answer, in bytes. A DNS message has at most 65,535; as JSON a thousand addresses fit. */
const MAX_ANSWER_BYTES = 65_536;

/** Record types by number (RFC 1035, RFC 3596). Aliases are followed by the resolver, and what they lead to is here. */
const TYPES = { A: 1, AAAA: 28 } as const;
const ADDRESS_TYPES: ReadonlySet<number> = new Set(Object.values(TYPES));

/** Response codes (RFC 1035 §4.1.1). All others say that the name cannot be resolved now, by whose fault ever. */
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;

/**
 * A name that is always there (RFC 6761 §6.5). A resolver that tells nothing of this one either is itself out of order; if
 * it does, the silence was about the name that was asked for: servers that hang make the resolver's answer hang.
 */
const CONTROL_NAME = 'example.com';

const UNSERVED = refused('dns', 'must have a host name whose DNS servers answer');

const DnsAnswer = z.object({
  Status: z.int(),
  /** Cut short: addresses may be missing. */
  TC: z.boolean().optional(),
  Answer: z.array(z.object({ type: z.int(), data: z.string() })).nullish(),
});
type DnsAnswer = z.infer<typeof DnsAnswer>;

/** One question. Null when no answer came that says anything about the name. */
async function ask(
  name: string,
  type: keyof typeof TYPES,
  { resolver, fetcher = fetch }: NameRules,
  signal: AbortSignal,
): Promise<DnsAnswer | null> {
  const url = new URL(resolver);
  url.searchParams.set('name', name);
  url.searchParams.set('type', type);
  // The resolver is our own choice, and what it redirects to is not.
  const init = { headers: { accept: 'application/dns-json' }, redirect: 'manual', signal } as const;
  const answer = await exchange(
    (request) => fetcher(request.url, init),
    new Request(url, init),
    MAX_ANSWER_BYTES,
  );
  if (answer.kind !== 'answer' || answer.status !== 200) return null;
  const parsed = DnsAnswer.safeParse(answer.body);
  return parsed.success && parsed.data.TC !== true ? parsed.data : null;
}

function refused(error: 'address' | 'dns', reason: string): NamesCheck {
  return { kind: 'refused', error, reason };
}

/** What the answers to all questions come to. One address that is not public decides, whatever else is unknown. */
function judge(answers: readonly (DnsAnswer | null)[]): NamesCheck {
  const addresses = answers.flatMap((answer) =>
    (answer?.Answer ?? []).filter(({ type }) => ADDRESS_TYPES.has(type)).map(({ data }) => data),
  );
  if (!addresses.every(isPublicIp)) {
    return refused('address', 'must not point to a name of a private or reserved address');
  }
  if (answers.some((answer) => answer?.Status === NO_SUCH_NAME)) {
    return refused('dns', 'must have a host name that exists');
  }
  if (answers.some((answer) => answer?.Status !== NO_ERROR)) return { kind: 'unreachable' };
  return addresses.length === 0 ? refused('dns', 'must have a host name with an IP address') : { kind: 'ok' };
}

/** Questions of these types, at once. @returns an answer each, null where none came in time. */
function askAll(
  name: string,
  types: readonly (keyof typeof TYPES)[],
  rules: NameRules,
): Promise<(DnsAnswer | null)[]> {
  const timeout = AbortSignal.timeout(rules.timeoutMs ?? RESOLVE_TIMEOUT_MS);
  const signal = rules.signal ? AbortSignal.any([rules.signal, timeout]) : timeout;
  // Whatever went wrong, no answer is what is to be judged.
  return Promise.all(
    types.map((type) => abortable(ask(name, type, rules, signal), signal).catch(() => null)),
  );
}

/**
 * Whether the name in `url`, which {@link checkUrl} let pass, has public addresses alone, of A and AAAA. A literal
 * address is judged without asking. Never throws, and takes at most twice `timeoutMs`.
 */
export async function checkNames(url: URL, rules: NameRules): Promise<NamesCheck> {
  const host = hostOf(url);
  if (rules.local && isLoopback(host)) return { kind: 'ok' };
  if (isIpAddress(host)) {
    return isPublicIp(host)
      ? { kind: 'ok' }
      : refused('address', 'must not point to a private or reserved address');
  }
  const verdict = judge(await askAll(host, ['A', 'AAAA'], rules));
  if (verdict.kind !== 'unreachable' || rules.signal?.aborted) return verdict;
  const [control] = await askAll(CONTROL_NAME, ['A'], rules);
  return control && judge([control]).kind === 'ok' ? UNSERVED : verdict;
}
