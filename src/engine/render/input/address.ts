/** Which addresses an image may be fetched from. */

import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isLoopbackIp, isPublicIp } from '../../../worker/webhooks/ip.ts';

/**
 * Whether an IP address is public, or this machine's where that is allowed. The Worker's own rule: what it refuses in a
 * URL must not be reached by way of a name or a redirect either.
 */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  return isPublicIp(address) || (allowLoopback && isLoopbackIp(address));
}

/** Whether a host, as `URL.hostname` spells it, is a literal address that may not be reached. Names are resolved first. */
export function isForbiddenLiteral(hostname: string, allowLoopback: boolean): boolean {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(literal) !== 0 && !isAllowedAddress(literal, allowLoopback);
}

/**
 * A `lookup` for `http.request` that gives allowed addresses only. The connection goes to what was checked, so a name
 * that resolves differently the second time gains nothing.
 */
export function guardedLookup(allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (cause, addresses: LookupAddress[]) => {
      if (cause) return callback(cause, []);
      const allowed = addresses.filter(({ address }) => isAllowedAddress(address, allowLoopback));
      const [first] = allowed;
      if (!first) return callback(new Error('the host has no public address'), []);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
