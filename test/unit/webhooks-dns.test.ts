import { describe, expect, it } from 'vitest';
import { checkNames, type Fetcher, type NameRules, type NamesCheck } from '../../src/worker/webhooks/dns.ts';
import { type DnsScript, DOH_URL, ScriptedDns } from '../support/dns.ts';
import {
  BROKEN_RESOLVERS,
  CANARY,
  GOOD_A,
  GOOD_AAAA,
  NAMES_OF_PRIVATE,
  NO_ADDRESSES,
} from '../support/hostile-names.ts';

const URL_OF_NAME = new URL('https://hooks.example.com/');

function asking(dns: ScriptedDns, more: Partial<NameRules> = {}): NameRules {
  const fetcher: Fetcher = dns.before((url) => {
    throw new Error(`asked ${url}`);
  });
  return { resolver: DOH_URL, local: false, fetcher, ...more };
}

/** What comes of a name of these records. */
function checked(script: DnsScript, more: Partial<NameRules> = {}): Promise<NamesCheck> {
  const dns = new ScriptedDns();
  dns.setDefault(script);
  return checkNames(URL_OF_NAME, asking(dns, more));
}

const address = { kind: 'refused', error: 'address', reason: expect.stringMatching(/^must not point to/) };
const dnsError = { kind: 'refused', error: 'dns', reason: expect.stringMatching(/^must have a host name/) };

describe('a name is taken', () => {
  it.each([
    ['of A alone', { a: [GOOD_A] }],
    ['of AAAA alone', { aaaa: [GOOD_AAAA] }],
    ['of both', { a: [GOOD_A, '8.8.8.8'], aaaa: [GOOD_AAAA] }],
    ['behind aliases', { a: [GOOD_A], via: ['b.example.com', 'c.example.net'] }],
  ] as const)('%s', async (_title, records) => {
    expect(await checked(records)).toEqual({ kind: 'ok' });
  });

  it('when records of other types stand beside its addresses', async () => {
    const Answer = [
      { name: 'hooks.example.com', type: 46, TTL: 60, data: 'a 8 2 3600 127.0.0.1' },
      { name: 'hooks.example.com', type: 1, TTL: 60, data: GOOD_A },
    ];
    expect(await checked(() => Response.json({ Status: 0, Answer }))).toEqual({ kind: 'ok' });
  });
});

describe('a name is asked for', () => {
  it.each([
    ['https://hooks.example.com./', 'hooks.example.com'],
    ['https://HOOKS.Example.com:8443/x', 'hooks.example.com'],
    ['https://münchen.de/', 'xn--mnchen-3ya.de'],
    ['https://_a.b_c.example.com/', '_a.b_c.example.com'],
  ])('%s by its name alone, once by each type', async (text, name) => {
    const dns = new ScriptedDns();
    expect(await checkNames(new URL(text), asking(dns))).toEqual({ kind: 'ok' });
    expect(dns.questions.toSorted()).toEqual([`${name} A`, `${name} AAAA`]);
  });

  it('at once by both types', async () => {
    const open: (() => void)[] = [];
    const script = () =>
      new Promise<Response>((resolve) => {
        open.push(() => resolve(Response.json({ Status: 0, Answer: [{ type: 1, data: GOOD_A }] })));
        if (open.length === 2) for (const answer of open) answer();
      });
    expect(await checked(script)).toEqual({ kind: 'ok' });
  });

  it('at whatever resolver is set, also one with a query of its own', async () => {
    const asked: string[] = [];
    const fetcher: Fetcher = async (url) => {
      asked.push(url);
      return Response.json({ Status: 0, Answer: [{ type: 1, data: GOOD_A }] });
    };
    await checkNames(URL_OF_NAME, { resolver: 'http://127.0.0.1:53/q?ct=x', local: false, fetcher });
    expect(asked.toSorted()).toEqual([
      'http://127.0.0.1:53/q?ct=x&name=hooks.example.com&type=A',
      'http://127.0.0.1:53/q?ct=x&name=hooks.example.com&type=AAAA',
    ]);
  });
});

describe('a name is refused', () => {
  it.each(NAMES_OF_PRIVATE)('for $title', async ({ records }) => {
    expect(await checked(records)).toEqual(address);
  });

  it.each(NO_ADDRESSES)('for the address %j, which is none', async (data) => {
    expect(await checked({ a: [data] })).toEqual(address);
    expect(await checked({ a: [GOOD_A], aaaa: [data] })).toEqual(address);
  });

  it('for an address of the other type in an answer', async () => {
    const script = () => Response.json({ Status: 0, Answer: [{ type: 28, data: '::1' }] });
    expect(await checked(script)).toEqual(address);
  });

  it.each([
    ['that has no address', {}],
    ['that has aliases to nothing', { via: ['b.example.com'] }],
    ['that does not exist', { status: 3 }],
    ['whose servers fail', { status: 2 }],
    ['whose servers refuse', { status: 5 }],
    ['of a code that nobody knows', { status: 23 }],
    ['that does not exist and yet has an address', { status: 3, a: [GOOD_A] }],
    ['whose servers fail after an address', { status: 2, a: [GOOD_A] }],
  ] as const)('%s', async (_title, records) => {
    const dns = new ScriptedDns();
    dns.set('hooks.example.com', records);
    expect(await checkNames(URL_OF_NAME, asking(dns))).toEqual(dnsError);
  });

  it('when the servers fail for one type', async () => {
    const script = answering({ A: { Status: 0, Answer: [{ type: 1, data: GOOD_A }] }, AAAA: { Status: 2 } });
    expect(await checkNames(URL_OF_NAME, script)).toEqual(dnsError);
  });

  it('for a private address whatever else is unknown', async () => {
    for (const AAAA of [{ Status: 2 }, { Status: 3 }, 'garbage', null]) {
      const script = answering({ A: { Status: 0, Answer: [{ type: 1, data: '10.0.0.1' }] }, AAAA });
      expect(await checkNames(URL_OF_NAME, script)).toEqual(address);
    }
  });
});

describe('the silence is about the name, when the resolver tells of others', () => {
  it.each(BROKEN_RESOLVERS)('and answers for it alone with $title', async ({ script }) => {
    const dns = new ScriptedDns();
    dns.set('hooks.example.com', script);
    expect(await checkNames(URL_OF_NAME, asking(dns))).toEqual(dnsError);
  });

  it('because its servers hang', async () => {
    const dns = new ScriptedDns();
    dns.set('hooks.example.com', () => new Promise<Response>(() => undefined));
    expect(await checkNames(URL_OF_NAME, asking(dns, { timeoutMs: 200 }))).toEqual(dnsError);
    expect(dns.questions.at(-1)).toBe('example.com A');
  });

  it('by one type alone', async () => {
    const A = { Status: 0, Answer: [{ type: 1, data: GOOD_A }] };
    expect(await checkNames(URL_OF_NAME, answering({ A, AAAA: null }))).toEqual(dnsError);
  });

  it('which is not asked for when there is no time left', async () => {
    const dns = new ScriptedDns();
    const signal = AbortSignal.abort();
    expect(await checkNames(URL_OF_NAME, asking(dns, { signal }))).toEqual({ kind: 'unreachable' });
    expect(dns.questions).not.toContain('example.com A');
  });
});

/** A resolver with one answer for each type. */
function answering(answers: Readonly<Record<string, unknown>>): NameRules {
  const fetcher: Fetcher = async (url) => {
    const type = new URL(url).searchParams.get('type') ?? '';
    return Response.json(answers[type]);
  };
  return { resolver: DOH_URL, local: false, fetcher };
}

describe('nothing is known of a name', () => {
  it.each(BROKEN_RESOLVERS)('when the resolver answers with $title', async ({ script }) => {
    expect(await checked(script)).toEqual({ kind: 'unreachable' });
  });

  // Its own way out is lost, or it serves others than us: the names are not to blame, nor the endpoints there.
  it.each([
    ['fails', { status: 2 }],
    ['refuses', { status: 5 }],
    ['denies', { status: 3 }],
    ['has nothing', {}],
    ['lies', { a: ['127.0.0.1'] }],
  ] as const)('when the resolver %s for whatever it is asked', async (_title, control) => {
    const dns = new ScriptedDns();
    dns.setDefault(control);
    dns.set('hooks.example.com', { status: 2 });
    expect(await checkNames(URL_OF_NAME, asking(dns))).toEqual({ kind: 'unreachable' });
  });

  it('when the resolver does not answer in time, though it heeds no signal', async () => {
    const hangs = () => new Promise<Response>(() => undefined);
    expect(await checked(hangs, { timeoutMs: 20 })).toEqual({ kind: 'unreachable' });
  });

  it('when the body of its answer stalls', async () => {
    const stalls = () => new Response(new ReadableStream({ start: () => undefined }));
    expect(await checked(stalls, { timeoutMs: 20 })).toEqual({ kind: 'unreachable' });
  });

  it('when the asking was cut off', async () => {
    expect(await checked({ a: [GOOD_A] }, { signal: AbortSignal.abort() })).toEqual({ kind: 'unreachable' });
  });

  it('when a redirect would have to be followed: it is asked for by hand and goes nowhere', async () => {
    const asked: [string, RequestInit][] = [];
    const fetcher: Fetcher = async (url, init) => {
      asked.push([url, init]);
      return new Response(null, { status: 302, headers: { location: CANARY } });
    };
    const rules = { resolver: DOH_URL, local: false, fetcher };
    expect(await checkNames(URL_OF_NAME, rules)).toEqual({ kind: 'unreachable' });
    // About the name, and about one that always exists.
    expect(asked).toHaveLength(3);
    for (const [url, init] of asked) {
      expect(url.startsWith(`${DOH_URL}?`)).toBe(true);
      expect(init.redirect).toBe('manual');
    }
  });
});

describe('nobody is asked', () => {
  const dns = new ScriptedDns();
  const local = asking(dns, { local: true });

  it.each(['http://localhost/', 'http://app.localhost:81/', 'http://127.0.0.1/', 'http://[::1]/'])(
    'about %s, which is this machine, in local mode',
    async (text) => {
      expect(await checkNames(new URL(text), local)).toEqual({ kind: 'ok' });
      expect(dns.questions).toEqual([]);
    },
  );

  it.each(['https://127.0.0.1/', 'https://[::1]/', 'https://10.0.0.1/', 'https://[fd00::1]/'])(
    'about %s, which is refused',
    async (text) => {
      expect(await checkNames(new URL(text), asking(dns))).toEqual(address);
      expect(dns.questions).toEqual([]);
    },
  );

  it.each(['https://8.8.8.8/', 'https://[2606:4700:4700::1111]/'])(
    'about %s, which is public',
    async (text) => {
      expect(await checkNames(new URL(text), asking(dns))).toEqual({ kind: 'ok' });
      expect(dns.questions).toEqual([]);
    },
  );
});
