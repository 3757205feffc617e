import { describe, expect, it } from 'vitest';
import { advanced } from '../../src/worker/links/shard/resumable.ts';
import { closedReason, FINISH_GRACE_MS, statusOf, takesFinish } from '../../src/worker/links/state.ts';

const EXPIRY = 1_000_000;

describe('the state of a link', () => {
  it.each([
    ['open', null, null, EXPIRY - 1, 'pending', null],
    ['at its expiry', null, null, EXPIRY, 'expired', 'expired'],
    ['with its picture', EXPIRY - 5, null, EXPIRY - 1, 'uploaded', 'used'],
    ['with its picture, after its expiry', EXPIRY - 5, null, EXPIRY + 1, 'uploaded', 'used'],
    ['revoked', null, 5, EXPIRY - 1, 'revoked', 'revoked'],
    ['revoked, after its expiry', null, 5, EXPIRY + 1, 'revoked', 'revoked'],
    ['withdrawn before its job began', 5, 6, EXPIRY - 1, 'revoked', 'revoked'],
  ] as const)('%s', (_, uploadedAt, revokedAt, now, status, reason) => {
    expect(statusOf({ expiresAt: EXPIRY, uploadedAt, revokedAt }, now)).toBe(status);
    expect(closedReason(status)).toBe(reason);
  });

  it.each([
    ['open', null, null, EXPIRY - 1, true],
    ['expired, within the grace', null, null, EXPIRY + FINISH_GRACE_MS - 1, true],
    ['at the end of the grace', null, null, EXPIRY + FINISH_GRACE_MS, false],
    ['revoked', null, 5, EXPIRY - 1, false],
    ['with its picture', 5, null, EXPIRY - 1, false],
  ] as const)('lets an upload finish: %s', (_, uploadedAt, revokedAt, now, takes) => {
    expect(takesFinish({ expiresAt: EXPIRY, uploadedAt, revokedAt }, now)).toBe(takes);
  });
});

describe('a resumable upload', () => {
  const part = (key: string, bytes: number) => ({ key, bytes });
  const tus = {
    attempt: 'a',
    length: 10,
    offset: 6,
    parts: [part('p', 4), part('q', 2)],
    done: false,
  };

  it('takes what follows', () => {
    expect(advanced(tus, { from: 6, parts: [part('r', 4)] })).toEqual({
      ...tus,
      offset: 10,
      parts: [part('p', 4), part('q', 2), part('r', 4)],
    });
  });

  it('is the same when told again, also with others behind it', () => {
    expect(advanced(tus, { from: 4, parts: [part('q', 2)] })).toBe(tus);
    expect(advanced(tus, { from: 0, parts: [part('p', 4)] })).toBe(tus);
  });

  it('lets one part stand in for the last ones', () => {
    const next = advanced(tus, { from: 6, parts: [part('r', 5)], replaces: 1 });
    expect(next).toEqual({ ...tus, offset: 9, parts: [part('p', 4), part('r', 5)] });
    expect(next && advanced(next, { from: 6, parts: [part('r', 5)], replaces: 1 })).toBe(next);
  });

  it('is where it was when nothing came', () => {
    expect(advanced(tus, { from: 6, parts: [] })).toBe(tus);
  });

  it.each([
    ['behind where it is', { from: 4, parts: [part('r', 2)] }],
    ['ahead of where it is', { from: 7, parts: [part('r', 2)] }],
    ['beyond its length', { from: 6, parts: [part('r', 5)] }],
    ['that is less than it replaces', { from: 6, parts: [part('r', 1)], replaces: 1 }],
    ['that replaces more than there is', { from: 6, parts: [part('r', 8)], replaces: 3 }],
    ['with nothing in place of what it replaces', { from: 6, parts: [], replaces: 1 }],
  ])('does not take a part %s', (_, command) => {
    expect(advanced(tus, command)).toBeNull();
  });

  it('takes nothing once it is done', () => {
    expect(advanced({ ...tus, done: true }, { from: 6, parts: [part('r', 1)] })).toBeNull();
  });
});
