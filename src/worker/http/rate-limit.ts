/**
 * How often somebody may knock: Cloudflare's rate limiting bindings, counted where the request came in, without a call
 * to anywhere else. How often is for `wrangler.toml` to say (`[[ratelimits]]`); without a binding there is no limit.
 */

import type { Context } from 'hono';
import ipaddr from 'ipaddr.js';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';

/** The longest period that Cloudflare offers, in seconds: the binding does not tell which was configured. */
const PERIOD_S = 60;

/** Bits of an IPv6 address that one customer of a provider has: the rest is theirs to choose. */
const NETWORK_V6_BITS = 64;

/** Counts one request of `key` by the binding `name`. @throws {ApiError} `rate_limited`. */
export async function limit(c: Context<App>, name: string, key: string): Promise<void> {
  const binding = c.env[name];
  if (c.get('config').LOCAL_MODE || !isRateLimit(binding)) return;
  const { success } = await binding.limit({ key });
  if (!success) throw new ApiError({ tag: 'rate_limited', retryAfter: PERIOD_S });
}

/** Counts one request of the caller's address by the binding `name`. @throws {ApiError} `rate_limited`. */
export async function limitAddress(c: Context<App>, name: string): Promise<void> {
  const address = c.req.header('CF-Connecting-IP');
  // Cloudflare always says it: a Worker that runs elsewhere knows nobody's address.
  if (address !== undefined) await limit(c, name, networkOf(address));
}

/** Whose address it is, as far as it tells: an IPv4 address, or the network of an IPv6 address. Pure. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  // An IPv4 address inside an IPv6 one is meant as such.
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${NETWORK_V6_BITS}`)}/${NETWORK_V6_BITS}`;
}

function isRateLimit(binding: unknown): binding is RateLimit {
  return typeof binding === 'object' && binding !== null && 'limit' in binding;
}
