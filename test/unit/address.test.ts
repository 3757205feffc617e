import { describe, expect, it } from 'vitest';
import { type AddressPurpose, checkUrl, MAX_ADDRESS_LENGTH } from '../../src/worker/webhooks/address.ts';

const OWN = 'video.example.com';

function check(text: string, purpose: AddressPurpose = 'webhook', local = false) {
  return checkUrl(text, { local, purpose, ownHosts: [OWN] });
}

/** Loopback in every spelling that the URL standard knows. */
const LOOPBACK = [
  'https://localhost/',
  'https://LOCALHOST/',
  'https://localhost./',
  'https://localhost%2e/',
  'https://localhost。/',
  'https://ⓛocalhost/',
  'https://app.localhost/',
  'https://app.localhost./',
  'https://127.0.0.1/',
  'https://127.0.0.1:8443/',
  'https://127.0.0.1./',
  'https://127.1/',
  'https://127.0.1/',
  'https://127.255.255.254/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.1/',
  'https://0X7F.0.0.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://0177.0x0.0.1/',
  'https://１２７.0.0.1/',
  'https://127。0。0。1/',
  'https://127.0.0.1%2e/',
  'https://%31%32%37.0.0.1/',
  'https://①②⑦.0.0.1/',
  'https://[::1]/',
  'https://[0:0:0:0:0:0:0:1]/',
  'https://[0000::0001]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::FFFF:7F00:0001]/',
];

/** Addresses that are neither public nor loopback: refused in local mode too. */
const PRIVATE = [
  'https://0/',
  'https://0.0.0.0/',
  'https://00000000/',
  'https://0x0/',
  'https://10.0.0.1/',
  'https://10.1/',
  'https://167772161/',
  'https://0x0a000001/',
  'https://012.0.0.1/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.1.1/',
  'https://192.168.257/',
  'https://0xc0a80101/',
  'https://0300.0250.1.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/latest/meta-data/',
  'https://0xa9fea9fe/',
  'https://169.254.43518/',
  'https://169.254.169.254./',
  'https://100.64.0.1/',
  'https://100.100.100.200/',
  'https://168.63.129.16/metadata',
  'https://192.0.0.192/',
  'https://192.0.2.1/',
  'https://192.88.99.1/',
  'https://198.18.0.1/',
  'https://198.51.100.1/',
  'https://203.0.113.1/',
  'https://224.0.0.1/',
  'https://240.0.0.1/',
  'https://255.255.255.255/',
  'https://4294967295/',
  'https://[::]/',
  'https://[::127.0.0.1]/',
  'https://[::8.8.8.8]/',
  'https://[::ffff:0.0.0.0]/',
  'https://[::ffff:0.0.0.1]/',
  'https://[::ffff:10.0.0.1]/',
  'https://[::ffff:192.168.0.1]/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[::ffff:0:127.0.0.1]/',
  'https://[64:ff9b::127.0.0.1]/',
  'https://[64:ff9b::8.8.8.8]/',
  'https://[64:ff9b:1::1]/',
  'https://[100::1]/',
  'https://[2001::1]/',
  'https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
  'https://[2001:db8::1]/',
  'https://[2002:7f00:1::]/',
  'https://[2002:808:808::]/',
  'https://[2002:a9fe:a9fe::1]/',
  'https://[3fff::1]/',
  'https://[5f00::1]/',
  'https://[fc00::1]/',
  'https://[fd00:ec2::254]/',
  'https://[fd7a:115c:a1e0::1]/',
  'https://[fe80::1]/',
  'https://[febf::1]/',
  'https://[fec0::1]/',
  'https://[ff02::1]/',
];

/** Names that the public DNS does not have. */
const INTERNAL = [
  'https://intranet/',
  'https://router/',
  'https://metadata/',
  'https://instance-data/',
  'https://kubernetes/',
  'https://com/',
  'https://com./',
  'https://metadata.google.internal/',
  'https://metadata.google.internal./computeMetadata/v1/',
  'https://METADATA.GOOGLE.INTERNAL/',
  'https://metadata.google.interna%6c/',
  'https://host.docker.internal/',
  'https://printer.local/',
  'https://printer.local./',
  'https://printer.ｌｏｃａｌ/',
  'https://kubernetes.default.svc.cluster.local/',
  'https://box.lan/',
  'https://nas.home/',
  'https://nas.home.arpa/',
  'https://1.0.0.127.in-addr.arpa/',
  'https://exchange.corp/',
  'https://db.intranet/',
  'https://db.private/',
  'https://host.localdomain/',
  'https://expyuzz4wqqyqhjn.onion/',
  'https://something.alt/',
  'https://nothing.invalid/',
  'https://nothing.example/',
];

/** Texts that are no URL of ours to use, or that parsers read in different ways. */
const MALFORMED = [
  'https://example.com;sandbox;x.com/',
  'https://a,b.example.com/',
  "https://a'b.example.com/",
  '',
  ' ',
  'example.com',
  '//example.com/',
  '/hook',
  'https:',
  'https:/',
  'https://',
  'https:///example.com/',
  'https:example.com',
  'https:/example.com',
  'https:\\\\example.com\\',
  'https://example.com\\@127.0.0.1/',
  'https://example.com\\.127.0.0.1/',
  'https://exa\nmple.com/',
  'https://example.com/\r\nx-injected: 1',
  'ht\ttps://example.com/',
  'https://exam\u0000ple.com/',
  'https://exa%00mple.com/',
  'https://exa mple.com/',
  'https://example.com:99999/',
  'https://example.com:port/',
  'https://256.256.256.256/',
  'https://1.2.3.4.5/',
  'https://example.0x7f/',
  'https://[::1/',
  'https://[fe80::1%25eth0]/',
  'https://[::ffff:127.0.0.1.]/',
  'https://[v1.fe80]/',
  'https://foo..example.com/',
  'https://.example.com/',
  'https://example.com../',
  'https://127.0.0.1../',
  `https://${'a'.repeat(64)}.com/`,
  `https://${'abcdefg.'.repeat(32)}com/`,
  `https://example.com/${'a'.repeat(MAX_ADDRESS_LENGTH)}`,
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'ws://example.com/',
  'wss://example.com/',
  'javascript:alert(1)',
  'data:text/plain,x',
  'blob:https://example.com/0',
  'about:blank',
  'mailto:a@example.com',
];

const USER_INFO = [
  'https://user@example.com/',
  'https://user:secret@example.com/',
  'https://:secret@example.com/',
  'https://@example.com/',
  'https://:@example.com/',
  'https://example.com@127.0.0.1/',
  'https://example.com:443@169.254.169.254/',
  'https://example.com%20@10.0.0.1/',
  'https://a@b@example.com/',
];

/** Refused as webhooks only. */
const WEBHOOK_ONLY = [
  'http://example.com/hook',
  'HTTP://example.com/hook',
  'http://example.com:443/',
  'http://8.8.8.8/',
  'https://example.com:80/',
  'https://example.com:22/',
  'https://example.com:25/',
  'https://example.com:444/',
  'https://example.com:6379/',
  'https://example.com:8080/',
  'https://example.com:8444/',
  'https://8.8.8.8:53/',
  'https://[2606:4700:4700::1111]:853/',
  'https://example.com:0/',
];

const OURS = [
  `https://${OWN}/api`,
  `https://${OWN}:443/`,
  `https://${OWN}:8443/`,
  `https://${OWN}./`,
  `https://${OWN.toUpperCase()}/`,
  'https://video.ｅxample.com/',
  'https://video%2eexample.com/',
];

const GOOD_WEBHOOKS = [
  'https://example.com',
  'https://example.com/',
  'https://EXAMPLE.com/',
  'HTTPS://example.com/',
  'https://example.com./',
  '  https://example.com/hook\n',
  'https://example.com:443/hook',
  'https://example.com:8443/hook',
  'https://www.example.com/hook',
  'https://a.b.c.d.e.example.co.uk/hook',
  'https://hooks.example.org/path/to/hook?token=abc&x=1#part',
  'https://example.com/a%20b',
  'https://example.com/with space',
  'https://example.com/@user',
  'https://example.com/?email=a@example.com',
  'https://example.com/#@x',
  'https://example.com/http://127.0.0.1/',
  'https://example.com/?next=https://localhost/',
  'https://example.com//double',
  'https://example.com/../up',
  'https://münchen.de/',
  'https://xn--mnchen-3ya.de/',
  'https://例え.jp/',
  'https://_hooks.example.com/',
  'https://my_app.example.com/',
  'https://a-b.example.com/',
  'https://1.example.com/',
  'https://123.com/',
  'https://127.0.0.1.example.com/',
  'https://localhost.example.com/',
  'https://local.example.com/',
  'https://internal.example.com/',
  'https://lan.com/',
  'https://home.com/',
  'https://mylocal.io/',
  'https://notlocalhost.dev/',
  'https://example.localhost.com/',
  'https://test.com/',
  'https://example.net/',
  'https://corp.com/x',
  'https://abc.workers.dev/',
  'https://abc.ngrok-free.app/hook',
  'https://hooks.slack.com/services/T000/B000/XXXX',
  'https://webhook.site/3f2504e0-4f89-11d3-9a0c-0305e82c3301',
  'https://discord.com/api/webhooks/1/abc',
  'https://abcdef.lambda-url.eu-west-1.on.aws/',
  'https://example.museum/',
  'https://1.1.1.1/',
  'https://8.8.8.8:8443/',
  'https://134744072/',
  'https://0x08080808/',
  'https://100.63.255.255/',
  'https://172.32.0.1/',
  'https://192.169.0.1/',
  'https://198.20.0.1/',
  'https://[2606:4700:4700::1111]/',
  'https://[2001:4860:4860::8888]:8443/hook',
  'https://[2a00:1450:4001:81b::200e]/',
  'https://[::ffff:8.8.8.8]/',
  `https://${'a'.repeat(63)}.com/`,
  `https://${'abcdefg.'.repeat(31)}com/`,
  'https://not-video.example.com/',
  'https://sub.video.example.com/',
];

const GOOD_IMAGES = [
  'http://example.com/cat.png',
  'http://example.com:8080/cat.png',
  'https://example.com:444/cat.png',
  'http://8.8.8.8:9000/bucket/cat.png',
  'https://bucket.s3.amazonaws.com/cat.png?X-Amz-Signature=abc%2Fdef',
  'https://upload.wikimedia.org/wikipedia/commons/a/a9/Example.jpg',
  'https://images.example.com/größe.webp',
];

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

it('has a table of at least 120 hostile and 60 good addresses', () => {
  const hostile = [
    ...LOOPBACK,
    ...PRIVATE,
    ...INTERNAL,
    ...MALFORMED,
    ...USER_INFO,
    ...WEBHOOK_ONLY,
    ...OURS,
  ];
  expect(new Set(hostile).size).toBeGreaterThanOrEqual(120);
  expect(new Set([...GOOD_WEBHOOKS, ...GOOD_IMAGES]).size).toBeGreaterThanOrEqual(60);
});
