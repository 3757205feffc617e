import { describe, expect, it } from 'vitest';
import { isIpAddress, isLoopbackIp, isPublicIp } from '../../src/worker/webhooks/ip.ts';
import { NOT_PUBLIC, PUBLIC } from '../support/hostile-addresses.ts';

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
