/**
 * That no delivery reaches what it must not, in the runtime that it is deployed to. The canary is the network itself: of
 * all that leaves through the global `fetch`, only the resolver and the receivers that a test has named are answered.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/worker/webhooks/attempt.ts';
import { deliver } from '../../src/worker/webhooks/deliver.ts';
import { checkNames } from '../../src/worker/webhooks/dns.ts';
import { newWebhookSecret } from '../../src/worker/webhooks/sign.ts';
import { DOH_URL } from '../support/dns.ts';
import {
  GOOD_WEBHOOKS,
  INTERNAL,
  LOOPBACK,
  MALFORMED,
  OURS,
  OWN,
  PRIVATE,
  USER_INFO,
  WEBHOOK_ONLY,
} from '../support/hostile-addresses.ts';
import {
  BROKEN_RESOLVERS,
  CANARY,
  GOOD_A,
  GOOD_AAAA,
  NAMES_OF_PRIVATE,
  NO_ADDRESSES,
} from '../support/hostile-names.ts';
import { type InstalledUpstream, installUpstream } from '../support/install-upstream.ts';
import { SOAK } from '../support/soak.ts';

const secrets = [newWebhookSecret()];
const NAME = 'hooks.example.com';
const HOOK = `https://${NAME}/hook`;

let network: InstalledUpstream;
beforeEach(() => {
  network = installUpstream();
  network.dns.setDefault({ a: [GOOD_A], aaaa: [GOOD_AAAA] });
});

function send(url: string, local = false): Promise<Attempt> {
  return deliver({ url, id: 'evt_1', secrets, body: '{}', local, ownHosts: [OWN], resolver: DOH_URL });
}

/** What became of each delivery that did not end as `error` says; everything that left the guard fails the test too. */
async function otherwise(error: string, urls: readonly string[], local = false): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const url of urls) {
    const attempt = await send(url, local);
    if (attempt.error !== error || attempt.ok || attempt.statusCode !== null) wrong.push([url, attempt]);
  }
  expect(network.unhandled).toEqual([]);
  return wrong;
}

describe('addresses as they are written', () => {
  const hostile = [
    ...[...LOOPBACK, ...PRIVATE, ...INTERNAL, ...MALFORMED, ...USER_INFO, ...WEBHOOK_ONLY, ...OURS],
    // A receiver over http is nobody's to look into.
    ...[...LOOPBACK, ...PRIVATE].map((url) => url.replace('https:', 'http:')),
  ];

  it('are at least 300', () => expect(new Set(hostile).size).toBeGreaterThanOrEqual(300));

  it('are refused, and nobody is asked about their names', async () => {
    expect(await otherwise('address', hostile)).toEqual([]);
    expect(network.dns.questions).toEqual([]);
  });

  it('are refused in local mode but for this machine', async () => {
    const loopback = new Set(LOOPBACK.flatMap((url) => [url, url.replace('https:', 'http:')]));
    const others = hostile.filter((url) => !loopback.has(url));
    expect(await otherwise('address', others, true)).toEqual([]);
    expect(network.dns.questions).toEqual([]);
  });

  it('of IP addresses are refused by the second look alone', async () => {
    // Whatever the runtime does not take for a URL went no further than the first.
    const parsed = [...LOOPBACK, ...PRIVATE].map((text) => URL.parse(text)).filter((url) => url !== null);
    const literal = parsed.filter(({ hostname }) => /^(\[|\d)/.test(hostname));
    expect(literal.length).toBeGreaterThan(120);
    for (const url of literal) {
      const names = await checkNames(url, { resolver: DOH_URL, local: false });
      expect(names, url.href).toMatchObject({ kind: 'refused', error: 'address' });
    }
    expect(network.dns.questions).toEqual([]);
  });
});

describe('names', () => {
  it('that resolve to anything private, in whatever place, are refused', async () => {
    expect(NAMES_OF_PRIVATE.length).toBeGreaterThanOrEqual(300);
    for (const { title, records } of NAMES_OF_PRIVATE) {
      network.dns.set(NAME, records);
      expect(await send(HOOK), title).toMatchObject({ ok: false, statusCode: null, error: 'address' });
    }
    expect(network.unhandled).toEqual([]);
  });

  it('that resolve to no address in its one spelling are refused', async () => {
    for (const data of NO_ADDRESSES) {
      network.dns.set(NAME, { a: [GOOD_A, data] });
      expect(await send(HOOK), data).toMatchObject({ error: 'address' });
    }
  });

  it('that do not resolve are refused', async () => {
    for (const records of [{}, { via: ['b.example.com'] }, { status: 2 }, { status: 3 }, { status: 5 }]) {
      network.dns.set(NAME, records);
      expect(await send(HOOK)).toMatchObject({ ok: false, statusCode: null, error: 'dns' });
    }
  });

  it('are refused when the resolver is not to be believed, and it leads nowhere', async () => {
    for (const { title, script } of BROKEN_RESOLVERS) {
      network.dns.setDefault(script);
      expect(await send(HOOK), title).toMatchObject({ ok: false, statusCode: null, error: 'resolver' });
    }
    expect(network.unhandled).toEqual([]);
  });

  it('that changed after the check of the endpoint are refused at the try', async () => {
    const good = { a: [GOOD_A] };
    // All in a soak run, else a fifth, which has each kind: every address is tried alone above.
    for (const { title, records } of NAMES_OF_PRIVATE.filter((_, n) => SOAK || n % 5 === 0)) {
      network.dns.set(NAME, good, records);
      const names = await checkNames(new URL(HOOK), { resolver: DOH_URL, local: false });
      expect(names, title).toEqual({ kind: 'ok' });
      expect(await send(HOOK), title).toMatchObject({ ok: false, error: 'address' });
    }
    expect(network.unhandled).toEqual([]);
  });

  it('that change between tries are sent to only while they are public', async () => {
    let hits = 0;
    network.receive(`https://${NAME}`, () => {
      hits++;
      return new Response(null, { status: 500 });
    });
    const [good, bad] = [{ a: [GOOD_A] }, { a: ['127.0.0.1'] }];
    network.dns.set(NAME, good, bad, good, { a: [GOOD_A], aaaa: ['::1'] }, bad, good);
    const errors = [];
    for (let tries = 0; tries < 6; tries++) errors.push((await send(HOOK)).error);
    expect(errors).toEqual([null, 'address', null, 'address', 'address', null]);
    expect(hits).toBe(3);
  });
});

describe('redirects', () => {
  const targets = [
    ...[CANARY, 'http://127.0.0.1/', 'https://[::1]/', 'https://10.0.0.1/', 'file:///etc/passwd'],
    ...['//169.254.169.254/', 'https://localhost/', `https://${OWN}/admin`, '/again', ''],
  ];
  const statuses = [301, 302, 303, 307, 308];

  it('are failures, and where they lead nobody comes', async () => {
    const taken: string[] = [];
    let location = '';
    let status = 302;
    network.receive(`https://${NAME}`, (request) => {
      taken.push(request.redirect);
      return new Response(null, { status, headers: { location, refresh: `0;url=${location}` } });
    });
    for (location of targets) {
      for (status of statuses) {
        expect(await send(HOOK), `${status} ${location}`).toMatchObject({ ok: false, error: 'redirect' });
      }
    }
    expect(taken).toEqual(Array(targets.length * statuses.length).fill('manual'));
    expect(network.unhandled).toEqual([]);
  });

  it('in a chain end at the first link', async () => {
    const seen: string[] = [];
    for (let link = 0; link < 5; link++) {
      network.receive(`https://hop${link}.example.com`, (request) => {
        seen.push(request.url);
        const location = link === 4 ? CANARY : `https://hop${link + 1}.example.com/`;
        return new Response(null, { status: 307, headers: { location } });
      });
    }
    expect(await send('https://hop0.example.com/')).toMatchObject({ statusCode: 307, error: 'redirect' });
    expect(seen).toEqual(['https://hop0.example.com/']);
  });

  it('that a 2xx only hints at are not followed either', async () => {
    const headers = {
      location: CANARY,
      'content-location': CANARY,
      refresh: `0;url=${CANARY}`,
      link: `<${CANARY}>`,
    };
    network.receive(`https://${NAME}`, () => new Response('ok', { status: 201, headers }));
    expect(await send(HOOK)).toMatchObject({ ok: true, statusCode: 201 });
    expect(network.unhandled).toEqual([]);
  });
});

it('a hundred good addresses are sent to, once each', async () => {
  expect(new Set(GOOD_WEBHOOKS).size).toBeGreaterThanOrEqual(100);
  for (const url of GOOD_WEBHOOKS) {
    const hits: string[] = [];
    const { href, origin } = new URL(url);
    network.receive(origin, (request) => {
      hits.push(request.url);
      return new Response(null, { status: 204 });
    });
    expect(await send(url), url).toMatchObject({ ok: true, statusCode: 204 });
    // What stands behind a # is the client's own; some runtimes leave it out of a request's URL.
    expect(hits.map((hit) => hit.split('#')[0])).toEqual([href.split('#')[0]]);
  }
});
