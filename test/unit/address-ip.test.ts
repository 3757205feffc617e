import { describe, expect, it } from 'vitest';
import { isIpAddress, isLoopbackIp, isPublicIp } from '../../src/worker/webhooks/ip.ts';

/** Each special range by its first, a middle and its last address. */
const NOT_PUBLIC = [
  // IPv4
  '0.0.0.0',
  '0.0.0.1',
  '0.255.255.255',
  '10.0.0.0',
  '10.1.2.3',
  '10.255.255.255',
  '100.64.0.0',
  '100.100.100.200',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '168.63.129.16',
  '169.254.0.0',
  '169.254.169.254',
  '169.254.255.255',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.0',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.255',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.0',
  '254.255.255.255',
  '255.255.255.255',
  // IPv6, and IPv4 inside it
  '::',
  '::1',
  '::2',
  '::7f00:1',
  '::808:808',
  '::ffff:7f00:1',
  '::ffff:0:1',
  '::ffff:a01:203',
  '::ffff:a9fe:a9fe',
  '::ffff:0:7f00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::1',
  '64:ff9b:1:ffff::1',
  '100::1',
  '100:0:0:1::1',
  '200::1',
  '400::1',
  '1fff:ffff::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2001:1ff:ffff::1',
  '2001:db8::1',
  '2001:db8:ffff::1',
  '2002:7f00:1::',
  '2002:808:808::1',
  '3fff::1',
  '3fff:fff:ffff::1',
  '4000::1',
  '5f00::1',
  '8000::1',
  'fc00::1',
  'fd00:ec2::254',
  'fd7a:115c:a1e0::53',
  'fdff::1',
  'fe80::1',
  'febf:ffff::1',
  'fec0::1',
  'ff02::1',
  'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
];

/** Public ones, many of them a step outside a special range. */
const PUBLIC = [
  '1.0.0.0',
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.88.98.255',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '203.0.112.255',
  '203.0.114.0',
  '223.255.255.255',
  '2000::1',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2003::1',
  '2606:4700:4700::1111',
  '2a00:1450:4001:81b::200e',
  '3ffe::1',
  '::ffff:808:808',
  '::ffff:8.8.8.8',
];

const NO_ADDRESS = ['', 'localhost', '1.1.1', '127.1', '0x7f000001', '2130706433', '1.1.1.1.', '256.1.1.1'];

describe('public addresses', () => {
  it.each(NOT_PUBLIC)('refuses %s', (text) => {
    expect(isIpAddress(text)).toBe(true);
    expect(isPublicIp(text)).toBe(false);
  });

  it.each(PUBLIC)('takes %s', (text) => {
    expect(isPublicIp(text)).toBe(true);
    expect(isLoopbackIp(text)).toBe(false);
  });

  it.each(NO_ADDRESS)('does not take %j for an address', (text) => {
    expect(isIpAddress(text)).toBe(false);
    expect(isPublicIp(text)).toBe(false);
    expect(isLoopbackIp(text)).toBe(false);
  });

  it.each(['127.0.0.1', '127.1.2.3', '127.255.255.255', '::1', '::ffff:7f00:1'])(
    'knows %s as loopback',
    (text) => {
      expect(isLoopbackIp(text)).toBe(true);
    },
  );

  it.each(['0.0.0.0', '::', '10.0.0.1', '169.254.169.254', 'fe80::1', '::7f00:1', '2002:7f00:1::'])(
    'does not know %s as loopback',
    (text) => {
      expect(isLoopbackIp(text)).toBe(false);
    },
  );

  it('refuses every address of the private ranges and takes the ones beside them, by a walk through all /16', () => {
    for (let high = 0; high < 256; high++) {
      for (let low = 0; low < 256; low++) {
        const special =
          [0, 10, 127].includes(high) ||
          high >= 224 ||
          (high === 100 && low >= 64 && low < 128) ||
          (high === 169 && low === 254) ||
          (high === 172 && low >= 16 && low < 32) ||
          (high === 192 && low === 168) ||
          (high === 198 && (low === 18 || low === 19));
        // .77.77 lies in none of the smaller special ranges.
        expect(isPublicIp(`${high}.${low}.77.77`), `${high}.${low}`).toBe(!special);
      }
    }
  });
});
