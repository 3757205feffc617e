import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { type Delivery, deliver, MAX_RESPONSE_BYTES } from '../../src/worker/webhooks/deliver.ts';
import { newWebhookSecret } from '../../src/worker/webhooks/sign.ts';
import { newSigningKeyPair } from '../../src/worker/webhooks/sign-v1a.ts';
import { type DnsScript, DOH_URL, ScriptedDns } from '../support/dns.ts';

/** One request as the receiver saw it. */
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A real HTTP receiver on a port of its own that answers by `answer`. */
async function receiver(answer: Answer) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

function answering(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(status, headers).end(body);
}

const secret = newWebhookSecret();
const BODY = '{"type":"job.completed","data":{"text":"Füchse 🦊"}}';

function delivery(url: string, more: Partial<Delivery> = {}): Delivery {
  return { url, id: 'evt_1', secrets: [secret], body: BODY, local: true, resolver: DOH_URL, ...more };
}

/** What no test of its own sets of an attempt that came to nothing. */
const NO_WISHES = { gone: false, abort: false, disable: false };

describe('what is sent', () => {
  it('is a signed JSON POST whose bytes verify', async () => {
    const { seen, url } = await receiver(answering(200, 'thanks'));
    const attempt = await deliver(delivery(`${url}?tenant=7`));
    expect(attempt).toMatchObject({
      ok: true,
      statusCode: 200,
      error: null,
      response: 'thanks',
      gone: false,
    });
    expect(attempt).not.toHaveProperty('retryAfterMs');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/hook?tenant=7',
      body: BODY,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Firstframe-Webhooks/1.0',
        'webhook-id': 'evt_1',
      },
    });
    const headers = seen[0]?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(seen[0]?.body ?? '', headers)).toEqual(JSON.parse(BODY));
  });

  it('is signed anew on each try, under the same id', async () => {
    const { seen, url } = await receiver(answering(500));
    let clock = Date.UTC(2026, 9, 1);
    for (let attempt = 0; attempt < 3; attempt++) {
      await deliver(delivery(url, { now: () => clock }));
      clock += 300_000;
    }
    const of = (name: string) => seen.map(({ headers }) => headers[name]);
    expect(new Set(of('webhook-id'))).toEqual(new Set(['evt_1']));
    expect(of('webhook-timestamp')).toEqual(['1790812800', '1790813100', '1790813400']);
    expect(new Set(of('webhook-signature')).size).toBe(3);
  });
});

describe("the endpoint's own headers", () => {
  it('are sent, and ours win in whatever case they are', async () => {
    const { seen, url } = await receiver(answering(200));
    const headers = {
      Authorization: 'Bearer theirs',
      'X-Tenant': '7',
      'Webhook-Id': 'forged',
      'WEBHOOK-SIGNATURE': 'v1,forged',
      'Content-Type': 'text/plain',
      'User-Agent': 'theirs',
    };
    expect(await deliver(delivery(url, { headers }))).toMatchObject({ ok: true });
    expect(seen[0]?.headers).toMatchObject({
      authorization: 'Bearer theirs',
      'x-tenant': '7',
      'webhook-id': 'evt_1',
      'content-type': 'application/json',
      'user-agent': 'Firstframe-Webhooks/1.0',
    });
    const received = seen[0]?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(seen[0]?.body ?? '', received)).toEqual(JSON.parse(BODY));
  });
});

it('both schemes stand in one header', async () => {
  const { seen, url } = await receiver(answering(200));
  const { secret: key } = await newSigningKeyPair();
  await deliver(delivery(url, { secrets: [key, secret] }));
  expect(seen[0]?.headers['webhook-signature']).toMatch(/^v1,\S{44} v1a,\S{88}$/);
});

describe('what counts as delivered', () => {
  it.each([200, 201, 202, 204, 299])('%i does', async (status) => {
    const { url } = await receiver(answering(status));
    expect(await deliver(delivery(url))).toMatchObject({ ok: true, statusCode: status, error: null });
  });

  it.each([400, 401, 404, 409, 429, 500, 502, 503, 599])('%i does not', async (status) => {
    const { url } = await receiver(answering(status, 'no'));
    expect(await deliver(delivery(url))).toMatchObject({
      ok: false,
      statusCode: status,
      error: null,
      response: 'no',
      ...NO_WISHES,
    });
  });

  it('410 says that nothing more is wanted', async () => {
    const { url } = await receiver(answering(410));
    expect(await deliver(delivery(url))).toMatchObject({ ok: false, statusCode: 410, gone: true });
  });

  it.each([300, 301, 302, 303, 304, 307, 308])(
    '%i is a failure, and its target is not visited',
    async (status) => {
      const target = await receiver(answering(200));
      const { seen, url } = await receiver(answering(status, '', { location: target.url }));
      expect(await deliver(delivery(url))).toMatchObject({
        ok: false,
        statusCode: status,
        error: 'redirect',
      });
      expect(seen).toHaveLength(1);
      expect(target.seen).toHaveLength(0);
    },
  );

  it.each([
    [521, 'refused'],
    [522, 'timeout'],
    [525, 'tls'],
    [530, 'dns'],
  ])('%i, which Cloudflare answers for a receiver out of reach, is told as %s', async (status, error) => {
    const { url } = await receiver(answering(status));
    expect(await deliver(delivery(url))).toMatchObject({ ok: false, statusCode: status, error });
  });
});

describe('Retry-After', () => {
  it.each([429, 503, 302])('of a %i is told', async (status) => {
    const { url } = await receiver(answering(status, '', { 'retry-after': '17' }));
    expect(await deliver(delivery(url))).toMatchObject({ retryAfterMs: 17_000 });
  });

  it.each([
    [200, '17'],
    [500, 'whenever'],
  ])('of a %i that says %j is nothing', async (status, header) => {
    const { url } = await receiver(answering(status, '', { 'retry-after': header }));
    expect(await deliver(delivery(url))).not.toHaveProperty('retryAfterMs');
  });
});

describe('webhook-delivery', () => {
  it.each([
    ['disable', 200, { ok: true, disable: true, abort: false }],
    ['disable', 500, { ok: false, disable: true, abort: false }],
    ['disable', 302, { ok: false, disable: true, abort: false }],
    [' DISABLE\t', 400, { ok: false, disable: true, abort: false }],
    ['abort-message', 400, { ok: false, disable: false, abort: true }],
    ['Abort-Message', 503, { ok: false, disable: false, abort: true }],
    ['abort-message', 204, { ok: true, disable: false, abort: false }],
    ['abort-message, disable', 500, { ok: false, disable: true, abort: true }],
    ['abort', 500, { ok: false, disable: false, abort: false }],
    ['disabled', 500, { ok: false, disable: false, abort: false }],
    ['', 500, { ok: false, disable: false, abort: false }],
  ])('%j of a %i', async (header, status, expected) => {
    const { url } = await receiver(answering(status, '', { 'Webhook-Delivery': header }));
    expect(await deliver(delivery(url))).toMatchObject(expected);
  });
});

describe('a receiver that is to be sent less', () => {
  it.each([429, 502, 504, 522, 524])('says %i', async (status) => {
    const { url } = await receiver(answering(status));
    expect(await deliver(delivery(url))).toMatchObject({ ok: false, throttled: true });
  });

  it('does not answer in time', async () => {
    const { url } = await receiver(() => undefined);
    expect(await deliver(delivery(url, { timeoutMs: 50 }))).toMatchObject({ throttled: true });
  });

  it.each([200, 302, 400, 410, 500, 503, 521, 530])('does not say %i', async (status) => {
    const { url } = await receiver(answering(status));
    expect(await deliver(delivery(url))).toMatchObject({ throttled: false });
  });
});

describe("the answer's body", () => {
  it('is kept up to the limit to the byte, and the rest is canceled', async () => {
    let closed = () => {};
    const canceled = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { url } = await receiver((response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write('x'.repeat(1_000)));
      };
      response.on('drain', more).on('close', () => closed());
      more();
    });
    const attempt = await deliver(delivery(url));
    expect(attempt).toMatchObject({ ok: true, statusCode: 200 });
    expect(attempt.response).toBe('x'.repeat(MAX_RESPONSE_BYTES));
    await canceled;
  });

  it('does not end in half a character', async () => {
    const { url } = await receiver(answering(200, `x${'é'.repeat(MAX_RESPONSE_BYTES)}`));
    const { response } = await deliver(delivery(url));
    expect(response).toBe(`x${'é'.repeat(MAX_RESPONSE_BYTES / 2 - 1)}`);
  });

  it('is readable whatever its bytes are', async () => {
    const { url } = await receiver((response) => {
      response.writeHead(500);
      response.end(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0xc3]));
    });
    expect((await deliver(delivery(url))).response).toBe('a\ufffd\ufffdb\ufffd');
  });

  it('that breaks off keeps what came, and the status decides', async () => {
    const { url } = await receiver((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    expect(await deliver(delivery(url))).toMatchObject({ ok: true, statusCode: 200, response: 'half' });
  });

  it('that stalls is given up at the time-out, and the status decides', async () => {
    const { url } = await receiver((response) => {
      response.writeHead(200);
      response.write('slow');
    });
    const attempt = await deliver(delivery(url, { timeoutMs: 2_000 }));
    expect(attempt).toMatchObject({ ok: true, statusCode: 200, response: 'slow' });
  });

  it.each([200, 500])('that stalls behind %d does not use up the time of the whole try', async (status) => {
    const timeoutMs = 120_000;
    const { url } = await receiver((response) => {
      response.writeHead(status);
      response.write('slow');
    });
    const attempt = await deliver(delivery(url, { timeoutMs, bodyTimeoutMs: 1_500 }));
    expect(attempt).toMatchObject({ statusCode: status, error: null, throttled: false, response: 'slow' });
    expect(attempt.durationMs).toBeLessThan(timeoutMs);
  });
});

describe('no answer', () => {
  it('in time', async () => {
    const { url } = await receiver(() => undefined);
    const attempt = await deliver(delivery(url, { timeoutMs: 50 }));
    expect(attempt).toMatchObject({ ok: false, statusCode: null, error: 'timeout', response: null });
  });

  it('before the caller cut the try off', async () => {
    const controller = new AbortController();
    const { url } = await receiver(() => controller.abort());
    const attempt = await deliver(delivery(url, { signal: controller.signal }));
    expect(attempt).toMatchObject({ ok: false, error: 'timeout' });
  });

  it('because the caller had cut the try off already', async () => {
    const { seen, url } = await receiver(answering(200));
    const attempt = await deliver(delivery(url, { signal: AbortSignal.abort() }));
    expect(attempt).toMatchObject({ ok: false, error: 'timeout' });
    expect(seen).toHaveLength(0);
  });

  it('from a fetch that heeds no signal', async () => {
    const fetcher = () => new Promise<Response>(() => undefined);
    const attempt = await deliver(delivery('http://127.0.0.1/', { timeoutMs: 50, fetcher }));
    expect(attempt).toMatchObject({ ok: false, error: 'timeout' });
  });

  it('because nothing listens', async () => {
    const { url } = await receiver(answering(200));
    for (const close of closers.splice(0)) await close();
    expect(await deliver(delivery(url))).toMatchObject({ ok: false, statusCode: null, error: 'refused' });
  });

  it('because the connection was cut', async () => {
    const { url } = await receiver((response) => response.destroy());
    expect(await deliver(delivery(url))).toMatchObject({ ok: false, statusCode: null, error: 'network' });
  });

  it('because the other side speaks no TLS', async () => {
    const { url } = await receiver(answering(200));
    const attempt = await deliver(delivery(url.replace('http:', 'https:')));
    expect(attempt).toMatchObject({ ok: false, statusCode: null, error: 'tls' });
  });

  it.each([
    ['DNS lookup failed.', 'dns'],
    ['getaddrinfo ENOTFOUND example.com', 'dns'],
    ["TLS peer's certificate is not trusted; reason = self signed certificate", 'tls'],
    ['connect ETIMEDOUT 192.0.2.1:443', 'timeout'],
    ['Network connection lost.', 'network'],
    ['internal error; reference = abc', 'network'],
  ])('when the runtime says %j: %s', async (message, error) => {
    const fetcher = new ScriptedDns().before(() => Promise.reject(new Error(message)));
    expect(await deliver(delivery('https://example.com/', { fetcher }))).toMatchObject({ ok: false, error });
  });

  it('when what is thrown is no error at all, or one whose causes go round', async () => {
    const round = new Error('a');
    round.cause = round;
    for (const thrown of [undefined, null, 'text', round]) {
      const fetcher = new ScriptedDns().before(() => Promise.reject(thrown));
      const attempt = await deliver(delivery('https://example.com/', { fetcher }));
      expect(attempt).toMatchObject({ ok: false, error: 'network' });
    }
  });

  it('when fetch throws before it starts', async () => {
    const fetcher = new ScriptedDns().before(() => {
      throw new TypeError('Fetch API cannot load');
    });
    const attempt = await deliver(delivery('https://example.com/', { fetcher }));
    expect(attempt).toMatchObject({ ok: false, error: 'network' });
  });
});

describe('the name', () => {
  /** What came of a delivery to `url`, and which requests to the receiver it made. */
  async function tried(url: string, script: DnsScript, more: Partial<Delivery> = {}) {
    const dns = new ScriptedDns();
    // A resolver that is broken is so for every name.
    if (typeof script === 'function') dns.setDefault(script);
    else dns.set(new URL(url).hostname, script);
    const sent: string[] = [];
    const fetcher = dns.before(async (to) => {
      sent.push(to);
      return new Response('thanks');
    });
    const attempt = await deliver(delivery(url, { local: false, fetcher, ...more }));
    return { attempt, sent, questions: dns.questions };
  }

  it('is resolved by both types before the request', async () => {
    const { attempt, sent, questions } = await tried('https://hooks.example.com/x', {
      a: ['93.184.215.14'],
      aaaa: ['2a00:1450:4001::1'],
    });
    expect(attempt).toMatchObject({ ok: true, statusCode: 200 });
    expect(questions.toSorted()).toEqual(['hooks.example.com A', 'hooks.example.com AAAA']);
    expect(sent).toEqual(['https://hooks.example.com/x']);
  });

  it('of an address is not resolved', async () => {
    const { attempt, questions } = await tried('https://93.184.215.14/', { a: ['10.0.0.1'] });
    expect(attempt).toMatchObject({ ok: true });
    expect(questions).toEqual([]);
  });

  it.each([
    ['a private address', { a: ['10.0.0.1'] }, 'address'],
    ['a private one among public ones', { a: ['93.184.215.14', '127.0.0.1'] }, 'address'],
    ['a private IPv6 beside a public IPv4', { a: ['93.184.215.14'], aaaa: ['fd00::1'] }, 'address'],
    ['no address', {}, 'dns'],
    ['no such name', { status: 3 }, 'dns'],
    ['servers that fail', { status: 2 }, 'dns'],
  ] as const)('with %s is not sent to', async (_title, script, error) => {
    const { attempt, sent } = await tried('https://hooks.example.com/', script);
    expect(attempt).toMatchObject({ ok: false, statusCode: null, error, throttled: false, ...NO_WISHES });
    expect(sent).toEqual([]);
  });

  it('is not sent to when the resolver is out of reach, which is no time-out', async () => {
    const broken = () => Promise.reject(new TypeError('Network connection lost.'));
    const { attempt, sent } = await tried('https://hooks.example.com/', broken);
    expect(attempt).toMatchObject({ ok: false, error: 'resolver', throttled: false });
    expect(sent).toEqual([]);
  });

  it('is asked for within the time of the try', async () => {
    const hangs = () => new Promise<Response>(() => undefined);
    const { attempt, sent } = await tried('https://hooks.example.com/', hangs, { timeoutMs: 20 });
    expect(attempt).toMatchObject({ ok: false, error: 'timeout' });
    expect(sent).toEqual([]);
  });

  it('of this machine needs no resolver in local mode', async () => {
    for (const url of ['http://localhost:1234/', 'http://hooks.localhost/', 'http://[::1]:80/']) {
      const { attempt, questions } = await tried(url, { status: 2 }, { local: true });
      expect(attempt).toMatchObject({ ok: true });
      expect(questions).toEqual([]);
    }
  });
});

describe('what never leaves', () => {
  const fetcher = () => {
    throw new Error('must not be called');
  };

  it.each([
    'https://10.0.0.1/',
    'https://169.254.169.254/',
    'http://example.com/',
    'https://user@example.com/',
    'not a url',
  ])('a delivery to %j', async (url) => {
    for (const local of [true, false]) {
      const attempt = await deliver(delivery(url, { local, fetcher }));
      expect(attempt).toMatchObject({ ok: false, statusCode: null, error: 'address', response: null });
    }
  });

  it('a delivery to this machine outside local mode, or to the service itself', async () => {
    const { seen, url } = await receiver(answering(200));
    expect(await deliver(delivery(url, { local: false }))).toMatchObject({ error: 'address' });
    const ownHosts = [new URL(url).host];
    expect(await deliver(delivery(url, { ownHosts }))).toMatchObject({ error: 'address' });
    expect(seen).toHaveLength(0);
  });

  it.each([
    ['no secret', { secrets: [] }],
    ['a secret that is none', { secrets: [secret, 'whsec_%'] }],
    ['an id that cannot be signed', { id: 'evt.1' }],
  ])('a delivery with %s', async (_title, wrong) => {
    const attempt = await deliver(delivery('https://example.com/', { fetcher, ...wrong }));
    expect(attempt).toMatchObject({ ok: false, error: 'signature' });
  });
});
