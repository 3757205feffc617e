/**
 * Whether an IP address is one of the public Internet. Pure. The Worker judges the URLs that callers name by it, and
 * the local engine every address that it connects to.
 *
 * The rule is "deny unless known to be public": IPv4 outside every special range, IPv6 inside the one block that IANA
 * hands out for global unicast and outside its special ranges. `ipaddr.js` knows most ranges; {@link ALSO_REFUSED}
 * has those that it does not, and those that must stay refused whatever a later version of the library thinks.
 */

import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The only block of global unicast addresses that exists (RFC 4291 §2.4, IANA "IPv6 Global Unicast Address Space"). */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Refused beyond what `ipaddr.js` calls special. */
const ALSO_REFUSED = [
  '0.0.0.0/8', // "this network" (RFC 791)
  '192.0.0.0/24', // IETF protocol assignments, clouds' metadata among them (RFC 6890)
  '192.88.99.0/24', // 6to4 relays, deprecated (RFC 7526)
  '168.63.129.16/32', // a public address that answers inside Azure alone: its platform's own services
  '::/96', // IPv4-compatible, deprecated (RFC 4291 §2.5.5.1); holds :: and ::1
  '64:ff9b::/96', // NAT64: reaches whatever the translator reaches (RFC 6052)
  '64:ff9b:1::/48', // NAT64 for local use (RFC 8215)
  '100::/64', // discard only (RFC 6666)
  '100:0:0:1::/64', // dummy prefix (RFC 9780)
  '2001::/23', // IETF protocol assignments: Teredo, benchmarking, ORCHID (RFC 2928)
  '2001:db8::/32', // documentation (RFC 3849)
  '2002::/16', // 6to4: reaches the IPv4 address inside (RFC 3056)
  '3fff::/20', // documentation (RFC 9637)
  '5f00::/16', // segment routing (RFC 9602)
  'fc00::/7', // unique local (RFC 4193)
  'fe80::/10', // link local (RFC 4291)
  'fec0::/10', // site local, deprecated (RFC 3879)
  'ff00::/8', // multicast (RFC 4291)
].map((range) => ipaddr.parseCIDR(range));

/**
 * ISATAP (RFC 5214 §6.1), in any network: such an address reaches the IPv4 address in its last 32 bits where a router
 * still knows this form. Bit 6 of the interface's identifier says whether that IPv4 address is a global one.
 */
function isIsatap(address: Address): boolean {
  if (!(address instanceof ipaddr.IPv6)) return false;
  const [high = -1, low] = address.parts.slice(4, 6);
  return (high & ~0x0200) === 0 && low === 0x5efe;
}

/** Four decimal numbers, or something with a colon. */
const LOOKS_LIKE_ADDRESS = /^[\d.]+$|:/;

/** The address that is meant: for an IPv4-mapped IPv6 address (::ffff:0:0/96) the IPv4 address inside. */
function parse(text: string): Address | null {
  // Only the canonical spellings of the URL standard come here; anything else is no address. The library finds out
  // that a name is no address by throwing, which costs a hundred times as much as this look.
  if (!LOOKS_LIKE_ADDRESS.test(text)) return null;
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : null;
}

function within(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

/** Whether `text` is an IP address, dotted IPv4 or IPv6 without brackets. */
export function isIpAddress(text: string): boolean {
  return parse(text) !== null;
}

/** Whether `text` is an IP address that the public Internet routes. False for whatever is no IP address. */
export function isPublicIp(text: string): boolean {
  const address = parse(text);
  if (address?.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && !within(address, GLOBAL_UNICAST_V6)) return false;
  if (isIsatap(address)) return false;
  return !ALSO_REFUSED.some((range) => within(address, range));
}

/** Whether `text` is an IP address of this machine: 127.0.0.0/8, ::1, or one of them mapped into IPv6. */
export function isLoopbackIp(text: string): boolean {
  return parse(text)?.range() === 'loopback';
}
