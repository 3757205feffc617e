import { describe, expect, it } from 'vitest';
import { type AddressPurpose, checkUrl } from '../../src/worker/webhooks/address.ts';
import {
  GOOD_IMAGES,
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

function check(text: string, purpose: AddressPurpose = 'webhook', local = false) {
  return checkUrl(text, { local, purpose, ownHosts: [OWN] });
}

describe('refused as a webhook and as an image', () => {
  it.each([...LOOPBACK, ...PRIVATE, ...INTERNAL, ...MALFORMED, ...USER_INFO])('%j', (text) => {
    for (const purpose of ['webhook', 'image'] as const) {
      const result = check(text, purpose);
      expect(result.ok, purpose).toBe(false);
      if (!result.ok) expect(result.reason).toMatch(/^(must|may) /);
    }
  });

  it.each([...LOOPBACK, ...PRIVATE])('over http too: %j', (text) => {
    expect(check(text.replace('https:', 'http:'), 'image').ok).toBe(false);
  });

  it.each(OURS)('our own host: %j', (text) => {
    expect(check(text)).toEqual({ ok: false, reason: 'must not point to this service' });
  });
});

describe('refused as a webhook alone', () => {
  it.each(WEBHOOK_ONLY)('%j', (text) => {
    expect(check(text).ok).toBe(false);
  });
});

describe('taken', () => {
  it.each(GOOD_WEBHOOKS)('as a webhook and as an image: %j', (text) => {
    for (const purpose of ['webhook', 'image'] as const) {
      expect(check(text, purpose)).toMatchObject({ ok: true, url: expect.any(URL) });
    }
  });

  it.each(GOOD_IMAGES)('as an image: %j', (text) => {
    expect(check(text, 'image').ok).toBe(true);
  });

  it('gives the canonical URL, which no parser reads in another way', () => {
    const result = check(' HTTPS://EXAMPLE.com:443/a b ');
    expect(result.ok && result.url.href).toBe('https://example.com/a%20b');
  });

  // The text is kept with a job, and parsed again when its events are planned: that must not fail then.
  it.each(['\n https://example.com/x \t', 'https://example.com/x\u3000', 'https://example.com/\u00a0'])(
    'is what every later look at the text finds: %j',
    (text) => {
      const result = check(text);
      expect(result.ok && result.url.href).toBe(new URL(text).href);
    },
  );
});

describe('local mode', () => {
  it.each(LOOPBACK)('lets a webhook go to this machine, on any port and over http: %j', (text) => {
    const open = text.replace('https:', 'http:').replace(/(:8443)?\/$/, ':5123/');
    expect(check(text, 'webhook', true).ok).toBe(true);
    expect(check(open, 'webhook', true).ok).toBe(true);
    expect(check(open, 'image', true).ok).toBe(true);
  });

  it.each([...PRIVATE, ...INTERNAL, ...MALFORMED, ...USER_INFO])('lets nothing else through: %j', (text) => {
    expect(check(text, 'webhook', true).ok).toBe(false);
    expect(check(text, 'image', true).ok).toBe(false);
  });

  it.each(WEBHOOK_ONLY)('keeps the rules of webhooks for public hosts: %j', (text) => {
    expect(check(text, 'webhook', true).ok).toBe(false);
  });

  it('keeps the names that are reserved for tests to tests', () => {
    expect(check('https://receiver.test/hook').ok).toBe(false);
    expect(check('https://receiver.test/hook', 'webhook', true).ok).toBe(true);
    expect(check('http://receiver.test/hook', 'webhook', true).ok).toBe(false);
  });

  it('refuses the service itself under any name of this machine, and takes the ports beside it', () => {
    const rules = { local: true, purpose: 'webhook', ownHosts: ['127.0.0.1:8787'] } as const;
    expect(checkUrl('http://127.0.0.1:8787/hook', rules).ok).toBe(false);
    expect(checkUrl('http://localhost:8787/hook', rules).ok).toBe(false);
    expect(checkUrl('http://[::1]:8787/hook', rules).ok).toBe(false);
    expect(checkUrl('http://127.0.0.1:8788/hook', rules).ok).toBe(true);
  });

  it('compares default ports as numbers', () => {
    const rules = { local: true, purpose: 'webhook', ownHosts: ['localhost'] } as const;
    expect(checkUrl('http://127.0.0.1:80/', rules).ok).toBe(false);
    expect(checkUrl('https://127.0.0.1/', rules).ok).toBe(false);
    expect(checkUrl('http://127.0.0.1:8080/', rules).ok).toBe(true);
  });
});

it('has a table of at least 300 hostile and 100 good addresses', () => {
  const hostile = [
    ...LOOPBACK,
    ...PRIVATE,
    ...INTERNAL,
    ...MALFORMED,
    ...USER_INFO,
    ...WEBHOOK_ONLY,
    ...OURS,
  ];
  expect(new Set(hostile).size).toBeGreaterThanOrEqual(300);
  expect(new Set([...GOOD_WEBHOOKS, ...GOOD_IMAGES]).size).toBeGreaterThanOrEqual(100);
});
