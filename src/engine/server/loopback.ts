/** What counts as this machine. Pure. */

import { isIPv4 } from 'node:net';

/** Whether a host, as `URL.hostname` spells it, is this machine: `localhost`, 127.0.0.0/8 or `[::1]`. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

/** Whether a text is an http(s) URL of this machine, without credentials in it. */
export function isLoopbackUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.username === '' && url.password === '' && isLoopbackHost(url.hostname);
}
