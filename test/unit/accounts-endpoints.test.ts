import { describe, expect, it } from 'vitest';
import { changed, concernsShards } from '../../src/worker/accounts/endpoints/change.ts';
import type { StoredEndpoint } from '../../src/worker/accounts/endpoints/endpoint-rows.ts';
import { decideLow, mayBeLow } from '../../src/worker/accounts/endpoints/low.ts';
import { mintEndpointId, mintSecretId } from '../../src/worker/accounts/endpoints/mint.ts';
import { ringsOf } from '../../src/worker/accounts/endpoints/view.ts';

const before: StoredEndpoint = {
  id: 'ep_1',
  url: 'https://hooks.example.com/',
  description: 'orders',
  events: ['job.completed'],
  headerNames: ['X-A'],
  headers: 'k1.AAAA',
  rateLimit: 5,
  epoch: 4,
  disabled: null,
  createdAt: 1,
  updatedAt: 1,
};
const disabled: StoredEndpoint = { ...before, disabled: { at: 2, reason: 'gone' } };

describe('a change of an endpoint', () => {
  it('that changes nothing is the same endpoint', () => {
    const { url, description, events, rateLimit } = before;
    expect(changed(before, {}, 9)).toBe(before);
    expect(changed(before, { url, description, events, rateLimit, enabled: true }, 9)).toBe(before);
    expect(changed(disabled, { enabled: false }, 9)).toBe(disabled);
  });

  it('of the description alone does not concern the shards', () => {
    const after = changed(before, { description: 'all orders' }, 9);
    expect(after).toEqual({ ...before, description: 'all orders', updatedAt: 9 });
    expect(concernsShards(before, after)).toBe(false);
  });

  it.each([
    [{ url: 'https://other.example.com/' }, { url: 'https://other.example.com/', epoch: 5 }],
    [{ events: null }, { events: null }],
    [{ rateLimit: null }, { rateLimit: null }],
    [{ headers: { names: [], sealed: null } }, { headerNames: [], headers: null }],
    [{ enabled: false }, { disabled: { at: 9, reason: 'manual' } }],
  ] as const)('to %j concerns them', (change, expected) => {
    const after = changed(before, change, 9);
    expect(after).toEqual({ ...before, ...expected, updatedAt: 9 });
    expect(concernsShards(before, after)).toBe(true);
  });

  it('enables with a new epoch, and with another address at the same time with one', () => {
    expect(changed(disabled, { enabled: true }, 9)).toEqual({ ...before, epoch: 5, updatedAt: 9 });
    const moved = changed(disabled, { enabled: true, url: 'https://other.example.com/' }, 9);
    expect(moved.epoch).toBe(5);
  });

  it('of a disabled endpoint’s address leaves it disabled', () => {
    const after = changed(disabled, { url: 'https://other.example.com/' }, 9);
    expect(after).toMatchObject({ disabled: { at: 2, reason: 'gone' }, epoch: 5 });
  });
});

describe('credits.low', () => {
  const armed = { threshold: 10, armed: true, checkAt: null };
  const quiet = { ...armed, armed: false };
  const none = { ...armed, threshold: null };

  it('asks for the balance only when it could send something', () => {
    const never = () => {
      throw new Error('asked for nothing');
    };
    expect(mayBeLow(armed, () => 10)).toBe(true);
    expect(mayBeLow(armed, () => 11)).toBe(false);
    expect(mayBeLow(quiet, never)).toBe(false);
    expect(mayBeLow(none, never)).toBe(false);
  });

  it('is sent at the threshold when armed, and armed above it', () => {
    const decisions = [armed, quiet, none].map((state) => [10, 11].map((n) => decideLow(state, n)));
    expect(decisions).toEqual([
      ['notify', 'leave'],
      ['leave', 'arm'],
      ['leave', 'leave'],
    ]);
  });
});

it('ids have their prefix and twelve characters, each time others', () => {
  const ids = Array.from({ length: 50 }, () => [mintEndpointId(), mintSecretId()]).flat();
  expect(new Set(ids).size).toBe(100);
  expect(ids.filter((id) => !/^(ep|sec)_[0-9a-hjkmnp-tv-z]{12}$/.test(id))).toEqual([]);
});

it('a replica needs each secret of the ring that one of its ciphertexts was made with', () => {
  const secret = (sealed: string) => ({ id: sealed, scheme: 'v1' as const, sealed, expiresAt: null });
  const endpoint = {
    id: 'ep_1',
    url: 'https://hooks.example.com/',
    events: null,
    headers: 'k3.CC',
    rateLimit: null,
    enabled: true,
    epoch: 1,
    secrets: [secret('k2.BB'), secret('k1.DD')],
  };
  expect(ringsOf({ secrets: [secret('k1.AA')], endpoints: [endpoint] })).toBe('k1,k2,k3');
  expect(ringsOf({ secrets: [secret('k1.AA')], endpoints: [] })).toBe('k1');
});
