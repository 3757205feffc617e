import { exports } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SCRIPT } from '../../src/studio/upload/script.ts';
import { Customer, PUBLIC_URL } from '../support/customer.ts';
import { installHops } from '../support/hops.ts';
import { FORM_TYPE, formOf, read, TestLink } from './links-bytes-fixtures.ts';
import { jobOf } from './links-object-fixtures.ts';
import { fixtures } from './media-fixtures.ts';

/** As Chromium asks for a page. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8';
const DAY_MS = 86_400_000;

const open = (link: TestLink, accept = BROWSER, method = 'GET') =>
  link.send({ method, headers: { Accept: accept } });

const fetchPath = async (path: string, init: RequestInit = {}) =>
  read(await exports.default.fetch(new Request(PUBLIC_URL + path, init)));

/** A link with a job, and its picture. */
async function uploaded(credits: number): Promise<TestLink> {
  // What comes of the job is not looked at.
  installHops().fate = ({ to }) => (to === 'outside' ? 'lost' : 'pass');
  const customer = await Customer.create({ credits });
  const link = await TestLink.create({ job: jobOf(`page ${crypto.randomUUID()}`) }, customer);
  expect((await link.put(fixtures.png(), { 'Content-Type': 'image/png' })).status).toBe(201);
  return link;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a link that is opened in a browser', () => {
  it('is a page that runs and loads nothing but its own, and that nobody keeps', async () => {
    const { status, headers, text } = await open(await TestLink.create());
    expect(status).toBe(200);
    expect(headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(headers.get('Content-Security-Policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'sha256-[\w+/]{43}='; img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
    );
    expect(headers.get('Referrer-Policy')).toBe('no-referrer');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('X-Robots-Tag')).toBe('noindex');
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(headers.get('Vary')).toContain('Accept');
    expect(headers.get('Set-Cookie')).toBeNull();
    expect(text).not.toMatch(/\son\w+=|\sstyle=|javascript:/);
  });

  it('has a form that says what the link takes', async () => {
    const link = await TestLink.create({ types: ['image/jpeg', 'image/heif'], maxBytes: 2_500_000 });
    const { text } = await open(link);
    expect(text).toContain('<form id="form" method="post" enctype="multipart/form-data"');
    expect(text).toContain('accept="image/jpeg,image/heif,image/heic,.heic,.heif"');
    expect(text).toContain('JPEG or HEIC, up to 2.5 MB.');
  });

  it('lets the form lead on to where the link leads, and to no other origin', async () => {
    const { headers, text } = await open(
      await TestLink.create({ redirectUrl: 'https://shop.example.org/thanks?a=1&b="2"' }),
    );
    expect(headers.get('Content-Security-Policy')).toContain(
      "; form-action 'self' https://shop.example.org; ",
    );
    expect(text).toContain('data-redirect="https://shop.example.org/thanks?a=1&amp;b=&quot;2&quot;"');
  });

  it('tells that the picture has come, and asks for nothing more', async () => {
    const link = await TestLink.create();
    await link.put(fixtures.png(), { 'Content-Type': 'image/png' });
    const { status, text } = await open(link);
    expect(status).toBe(200);
    expect(text).toContain('Your picture has arrived');
    expect(text).not.toContain('<form');
    expect(text).not.toContain('http-equiv="refresh"');
  });

  it('looks again by itself while a job is under way, also without script', async () => {
    const { text } = await open(await uploaded(1_000));
    expect(text).toContain('data-moving');
    expect(text).toContain('<noscript><meta http-equiv="refresh" content="5"></noscript>');
    expect(text).toMatch(/aria-current="step"|Your picture has arrived/);
  });

  it('speaks of no credits to whoever has none to give', async () => {
    const { status, text } = await open(await uploaded(0));
    expect(status).toBe(200);
    expect(text).toContain('Your picture is safe');
    expect(text).not.toMatch(/credit/i);
  });
});

describe('a link that has nothing to show', () => {
  it.each([
    ['text/html', 'text/html; charset=utf-8'],
    ['*/*', 'application/problem+json'],
  ])('is a 404 where there is none, for %s', async (accept, type) => {
    const { status, headers, text } = await fetchPath('/u/nosuchtoken', { headers: { Accept: accept } });
    expect([status, headers.get('Content-Type')]).toEqual([404, type]);
    expect(text).toMatch(accept === '*/*' ? /"code":"not_found"/ : /There is no such link/);
  });

  it('is a 410 with the reason, for people and for programs', async () => {
    const revoked = await TestLink.create();
    await revoked.revoke();
    const expired = await TestLink.create();
    vi.spyOn(Date, 'now').mockReturnValue(expired.claims.expiresAt);
    for (const [link, title, code] of [
      [revoked, 'This link was withdrawn', 'link_revoked'],
      [expired, 'This link has expired', 'link_expired'],
    ] as const) {
      const page = await open(link);
      expect(page.status).toBe(410);
      expect(page.text).toContain(title);
      expect(page.text).not.toContain('<script');
      const { status, body } = await open(link, 'application/json');
      expect({ status, code: body.code }).toEqual({ status: 410, code });
    }
  });

  it('shows what became of a picture for a day', async () => {
    const link = await TestLink.create({ expiresAt: Math.floor(Date.now() / 1_000) * 1_000 + 60_000 });
    await link.put(fixtures.png(), { 'Content-Type': 'image/png' });
    const { uploadedAt = 0 } = await link.view();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(uploadedAt + DAY_MS - 1);
    expect((await open(link)).status).toBe(200);
    clock.mockReturnValue(uploadedAt + DAY_MS);
    const { status, body } = await open(link, '*/*');
    expect({ status, code: body.code }).toEqual({ status: 410, code: 'link_used' });
  });
});

describe('a link that a program asks for', () => {
  it.each(['application/json', '*/*', 'image/*', 'application/json, text/html'])(
    'is JSON for %s',
    async (accept) => {
      const link = await TestLink.create({ redirectUrl: 'https://shop.example.org/', metadata: { a: 'b' } });
      const { status, headers, body } = await open(link, accept);
      expect(status).toBe(200);
      expect(headers.get('Cache-Control')).toBe('no-store');
      expect(headers.get('Retry-After')).toBeNull();
      expect(headers.get('Vary')).toContain('Accept');
      expect(Object.keys(body).sort()).toEqual(['expires_at', 'max_bytes', 'status', 'types']);
      expect(body.status).toBe('pending');
    },
  );

  it('says when to ask again while something is under way', async () => {
    const { headers, body } = await open(await uploaded(1_000), 'application/json');
    expect(headers.get('Retry-After')).toBe('5');
    expect(['starting', 'in_progress']).toContain(body.job.status);
    const held = await open(await uploaded(0), 'application/json');
    expect(held.headers.get('Retry-After')).toBe('30');
    expect(held.body.job).toEqual({ status: 'on_hold' });
  });

  it.each([BROWSER, '*/*'])('has the same head for HEAD (%s)', async (accept) => {
    const link = await TestLink.create();
    const head = await open(link, accept, 'HEAD');
    const { headers } = await open(link, accept);
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['Content-Type', 'Cache-Control', 'Vary']) {
      expect(head.headers.get(name), name).toBe(headers.get(name));
    }
  });
});

describe('a form whose picture was refused', () => {
  it('is a page with the reason and the way back, and the status of the API', async () => {
    const link = await TestLink.create();
    const body = formOf([{ name: 'file', value: 'no picture', filename: 'a.png', type: 'image/png' }]);
    const { status, headers, text } = await link.post(body, { 'Content-Type': FORM_TYPE, Accept: BROWSER });
    expect(status).toBe(415);
    expect(headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    expect(text).toContain('This kind of file does not work');
    expect(text).toContain(`<a class="button" href="${link.path}">Choose a picture again</a>`);
  });
});

describe('the script', () => {
  it('is served as it was built, under the version that pages name', async () => {
    const { text: page } = await open(await TestLink.create());
    const path = /<script src="([^"]+)">/.exec(page)?.[1] ?? '';
    expect(path).toMatch(/^\/upload-page\.js\?v=[0-9a-f]{16}$/);
    const { status, headers, text } = await fetchPath(path);
    expect(status).toBe(200);
    expect(headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('Cache-Control')).toBe('public, max-age=300');
    expect(text).toBe(SCRIPT);
    const again = await fetchPath(path, { headers: { 'If-None-Match': headers.get('ETag') ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
  });
});
