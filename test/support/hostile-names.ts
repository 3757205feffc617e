/** Names that a guard must not be led by: what a resolver says of them, and of a resolver that is not to be believed. */

import type { DnsScript, NameRecords } from './dns.ts';
import { NOT_PUBLIC } from './hostile-addresses.ts';

/** A public address of each type. */
export const GOOD_A = '93.184.215.14';
export const GOOD_AAAA = '2a00:1450:4001:81b::200e';

export interface HostileName {
  readonly title: string;
  readonly records: NameRecords;
}

function recordsOf(address: string): NameRecords {
  return address.includes(':') ? { aaaa: [address] } : { a: [address] };
}

/** Every address that is not public, alone, after and before public ones, beside the other type, and behind aliases. */
export const NAMES_OF_PRIVATE: readonly HostileName[] = NOT_PUBLIC.flatMap((address) => {
  const alone = recordsOf(address);
  return [
    { title: `${address} alone`, records: alone },
    {
      title: `${address} among public ones`,
      records: { a: [GOOD_A, ...(alone.a ?? []), GOOD_A], aaaa: [GOOD_AAAA, ...(alone.aaaa ?? [])] },
    },
    {
      title: `${address} beside the other type`,
      records: alone.a ? { ...alone, aaaa: [GOOD_AAAA] } : { ...alone, a: [GOOD_A] },
    },
    {
      title: `${address} behind aliases`,
      records: { ...alone, via: ['www.example.com', 'edge.example.net', 'internal.example.org'] },
    },
  ];
});

/** Data of a record that is no address in its one spelling: not believed to be public. */
export const NO_ADDRESSES = [
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.0.0.1 ',
  ' 8.8.8.8',
  '8.8.8.8,127.0.0.1',
  '8.8.8.8/8',
  '8.8.8',
  '08.8.8.8.',
  '[::1]',
  '::ffff:127.1',
  'fe80::1%eth0',
  'example.com.',
] as const;

const json = (body: unknown, init: ResponseInit = {}) => Response.json(body, init);
const good = { Status: 0, Answer: [{ name: 'a', type: 1, TTL: 60, data: GOOD_A }] };

/** Where a resolver sends who follows it. */
export const CANARY = 'http://169.254.169.254/latest/meta-data/';

/** Resolvers that are out of order: nothing is known about the name then. */
export const BROKEN_RESOLVERS: readonly { readonly title: string; readonly script: DnsScript }[] = [
  { title: 'an error', script: () => new Response('no', { status: 500 }) },
  { title: 'a refusal', script: () => json(good, { status: 403 }) },
  { title: 'too many requests', script: () => json(good, { status: 429 }) },
  { title: 'no content', script: () => new Response(null, { status: 204 }) },
  { title: 'a redirect', script: () => new Response(null, { status: 302, headers: { location: CANARY } }) },
  {
    title: 'a redirect with a body',
    script: () => json(good, { status: 307, headers: { location: CANARY } }),
  },
  { title: 'no JSON', script: () => new Response('<html>welcome to our Wi-Fi</html>') },
  { title: 'an empty body', script: () => new Response('') },
  { title: 'cut JSON', script: () => new Response(JSON.stringify(good).slice(0, -2)) },
  { title: 'null', script: () => json(null) },
  { title: 'a list', script: () => json([good]) },
  { title: 'no status', script: () => json({ Answer: good.Answer }) },
  { title: 'a status that is a text', script: () => json({ ...good, Status: '0' }) },
  { title: 'an answer that is no list', script: () => json({ Status: 0, Answer: GOOD_A }) },
  { title: 'a record without data', script: () => json({ Status: 0, Answer: [{ name: 'a', type: 1 }] }) },
  {
    title: 'a type that is a text',
    script: () => json({ Status: 0, Answer: [{ type: 'A', data: GOOD_A }] }),
  },
  { title: 'an answer that was cut short', script: () => json({ ...good, TC: true }) },
  {
    title: 'a body that is too large',
    script: () => json({ ...good, Comment: 'x'.repeat(70_000) }),
  },
  { title: 'a lost connection', script: () => Promise.reject(new TypeError('Network connection lost.')) },
  {
    title: 'a body that breaks off',
    script: () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"Status":0'));
            controller.error(new Error('gone'));
          },
        }),
      ),
  },
];
