import { exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { linkUrl } from '../../src/worker/links/token.ts';
import { call } from '../support/customer.ts';
import { untouchable } from './api-door.ts';
import { type Answered, FORM_TYPE, pngOf, read, TestLink } from './links-bytes-fixtures.ts';
import { Try, TUS } from './links-tus-fixtures.ts';
import { config, fixtures, source } from './media-fixtures.ts';

const codeOf = ({ status, body }: Answered) => `${status} ${body?.code ?? ''}`.trim();

describe('a link that takes nothing', () => {
  it('that was never made is like any address that is none of ours', async () => {
    const link = await TestLink.create();
    for (const path of [`${link.path.slice(0, -1)}x`, '/u/x', '/u/test.AAAA', `${link.path}A`]) {
      for (const method of ['PUT', 'POST']) {
        const answer = await read(await call(path, { method, body: fixtures.png() }));
        expect(codeOf(answer)).toBe('404 not_found');
        expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
      }
    }
  });

  it('is told why', async () => {
    const used = await TestLink.create();
    expect((await used.put(fixtures.png())).status).toBe(201);
    const revoked = await TestLink.create();
    await revoked.revoke();
    for (const [link, code] of [
      [used, 'link_used'],
      [revoked, 'link_revoked'],
    ] as const) {
      const unread = source(1_000, 200_000);
      const streamed = await link.straight({ method: 'PUT', body: unread.stream });
      expect(codeOf(streamed)).toBe(`410 ${code}`);
      expect(unread.given()).toBe(0);
      expect(codeOf(await link.post(fixtures.png()))).toBe(`410 ${code}`);
      expect(codeOf(await link.post('--x--', { 'Content-Type': FORM_TYPE }))).toBe(`410 ${code}`);
    }
    expect(await revoked.objects()).toEqual([]);
    expect(await used.objects()).toHaveLength(1);
  });

  it('is refused by its address and headers alone, in order, without a touch of anything', async () => {
    const { bindings, touched } = untouchable();
    const link = await TestLink.create({ maxBytes: 50_000, types: ['image/png'] });
    const put = (headers: Record<string, string>, of = link) =>
      of.straight({ method: 'PUT', body: source(1_000, 2_000).stream, headers }, bindings);
    expect(codeOf(await put({ 'Content-Type': 'image/jpeg', 'Content-Length': '50001' }))).toBe(
      '413 body_too_large',
    );
    expect(codeOf(await put({ 'Content-Type': 'image/jpeg' }))).toBe('415 unsupported_media_type');
    expect(codeOf(await put({ 'Content-Encoding': 'br' }))).toBe('415 unsupported_media_type');
    const form = { 'Content-Type': FORM_TYPE, 'Content-Length': String(50_000 + 65_537) };
    const posted = await link.straight(
      { method: 'POST', body: source(1, 2).stream, headers: form },
      bindings,
    );
    expect(codeOf(posted)).toBe('413 body_too_large');
    const past = { ...link.claims, expiresAt: Date.now() - 1_000 };
    const expired = new Request(await linkUrl(config, past), { method: 'PUT', body: 'x' });
    expect(codeOf(await read(await exports.default.fetch(expired)))).toBe('410 link_expired');
    expect(touched).toEqual([]);
  });
});

describe('pages of other origins', () => {
  it.each([
    ['PUT', 'content-type,content-digest'],
    ['POST', 'tus-resumable,upload-length,upload-metadata'],
    ['PATCH', 'tus-resumable,upload-offset,upload-checksum,content-type'],
    ['DELETE', 'tus-resumable'],
  ])('may send %s with %s', async (method, names) => {
    const link = await TestLink.create();
    for (const below of ['', '/0123456789abcdef']) {
      const answer = await link.send(
        {
          method: 'OPTIONS',
          headers: {
            Origin: 'https://shop.example',
            'Access-Control-Request-Method': method,
            'Access-Control-Request-Headers': names,
          },
        },
        below,
      );
      expect(answer.status).toBe(204);
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(answer.headers.get('Access-Control-Allow-Credentials')).toBeNull();
      expect(answer.headers.get('Access-Control-Allow-Methods')?.split(',')).toContain(method);
      const allowed = answer.headers.get('Access-Control-Allow-Headers')?.toLowerCase().split(',') ?? [];
      for (const name of names.split(',')) expect(allowed).toContain(name);
    }
  });

  it('may read what they are told, of success and of refusal', async () => {
    const link = await TestLink.create();
    for (const sent of [link.put('no picture'), link.put(fixtures.png()), link.put(fixtures.png())]) {
      const { headers } = await sent;
      expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
      const exposed = headers.get('Access-Control-Expose-Headers')?.split(',') ?? [];
      expect(exposed).toEqual(
        expect.arrayContaining(['Location', 'Upload-Offset', 'Retry-After', 'X-Request-Id']),
      );
    }
    const other = await link.send({ method: 'PROPFIND' });
    expect([other.status, other.headers.get('Access-Control-Allow-Origin')]).toEqual([405, '*']);
  });
});

/** A rate limiting binding that lets so many through for each key. */
function limiter(limit: number) {
  const counts = new Map<string, number>();
  return {
    counts,
    async limit({ key }: { key: string }) {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return { success: count <= limit };
    },
  };
}

describe('rates', () => {
  const DEPLOYED = { LOCAL_MODE: 'false' };

  it('of tries to one link', async () => {
    const [LINK_ATTEMPTS, LINK_REQUESTS] = [limiter(2), limiter(99)];
    const [link, another] = [await TestLink.create(), await TestLink.create()];
    const put = (of: TestLink) =>
      of.straight(
        { method: 'PUT', body: 'no picture', headers: { 'CF-Connecting-IP': '192.0.2.7' } },
        { ...DEPLOYED, LINK_ATTEMPTS, LINK_REQUESTS },
      );
    const answers = [await put(link), await put(link), await put(link), await put(another)];
    expect(answers.map(codeOf)).toEqual([
      '415 unsupported_media_type',
      '415 unsupported_media_type',
      '429 rate_limited',
      '415 unsupported_media_type',
    ]);
    expect(answers[2]?.headers.get('Retry-After')).toBe('60');
    expect([...LINK_ATTEMPTS.counts]).toEqual([
      [link.claims.uploadId, 3],
      [another.claims.uploadId, 1],
    ]);
    expect([...LINK_REQUESTS.counts]).toEqual([['192.0.2.7', 4]]);
  });

  it('of requests of one address, whatever it asks for', async () => {
    const LINK_REQUESTS = limiter(2);
    const link = await TestLink.create();
    const ask = (address: string, method: string) =>
      link.straight({ method, headers: { 'CF-Connecting-IP': address } }, { ...DEPLOYED, LINK_REQUESTS });
    expect((await ask('192.0.2.1', 'GET')).status).toBe(200);
    expect((await ask('192.0.2.1', 'PUT')).status).toBe(400);
    expect(codeOf(await ask('192.0.2.1', 'GET'))).toBe('429 rate_limited');
    expect((await ask('192.0.2.2', 'GET')).status).toBe(200);
  });

  it('of the requests of uploads that have begun, apart from all others', async () => {
    const [LINK_REQUESTS, LINK_PIECES] = [limiter(2), limiter(700)];
    const link = await TestLink.create();
    const tried = await Try.begin(link, 2_000);
    const rates = { ...DEPLOYED, LINK_REQUESTS, LINK_PIECES };
    const headers = { ...TUS, 'CF-Connecting-IP': '192.0.2.9' };
    const ask = (method: string, below: string) => link.straight({ method, headers }, rates, below);
    for (let n = 0; n < 10; n++) expect((await ask('HEAD', tried.below)).status).toBe(200);
    expect((await ask('GET', '')).status).toBe(200);
    // None that begins one, nor any that is no such upload's address.
    expect((await ask('GET', '/elsewhere')).status).toBe(404);
    expect(codeOf(await ask('POST', ''))).toBe('429 rate_limited');
    expect([...LINK_REQUESTS.counts, ...LINK_PIECES.counts]).toEqual([
      ['192.0.2.9', 3],
      ['192.0.2.9', 10],
    ]);
    const none = await link.straight(
      { method: 'HEAD', headers },
      { ...rates, LINK_PIECES: limiter(0) },
      tried.below,
    );
    expect(none.status).toBe(429);
  });

  it('of a whole IPv6 network', async () => {
    const LINK_REQUESTS = limiter(99);
    const link = await TestLink.create();
    for (const address of [
      '2001:db8:1:2::1',
      '2001:0DB8:1:2:ffff:ffff:ffff:ffff',
      '2001:db8:1:3::1',
      '::ffff:192.0.2.4',
      '192.0.2.4',
      'nowhere',
    ]) {
      await link.straight(
        { method: 'GET', headers: { 'CF-Connecting-IP': address } },
        { ...DEPLOYED, LINK_REQUESTS },
      );
    }
    expect([...LINK_REQUESTS.counts]).toEqual([
      ['2001:db8:1:2::/64', 2],
      ['2001:db8:1:3::/64', 1],
      ['192.0.2.4', 2],
      ['nowhere', 1],
    ]);
  });

  it('are off in local mode, and without bindings', async () => {
    const [LINK_ATTEMPTS, LINK_REQUESTS] = [limiter(0), limiter(0)];
    const link = await TestLink.create();
    const put = (overrides: Record<string, unknown>) =>
      link.straight({ method: 'PUT', body: 'x', headers: { 'CF-Connecting-IP': '192.0.2.3' } }, overrides);
    expect((await put({ LINK_ATTEMPTS, LINK_REQUESTS })).status).toBe(415);
    expect([...LINK_ATTEMPTS.counts, ...LINK_REQUESTS.counts]).toEqual([]);
    const none = { ...DEPLOYED, LINK_ATTEMPTS: undefined, LINK_REQUESTS: undefined };
    expect((await put(none)).status).toBe(415);
  });

  it('are those of wrangler.toml where nobody says otherwise', async () => {
    const link = await TestLink.create();
    let through = 0;
    // The window may end under way: a second one does not.
    while (
      through < 62 &&
      (await link.straight({ method: 'PUT', body: 'no picture' }, DEPLOYED)).status === 415
    ) {
      through++;
    }
    expect(through).toBeGreaterThanOrEqual(30);
    expect(through).toBeLessThan(62);
  });

  it('leave a picture in its turn', async () => {
    const link = await TestLink.create();
    expect((await link.straight({ method: 'PUT', body: pngOf(2_000) }, DEPLOYED)).status).toBe(201);
  });
});
