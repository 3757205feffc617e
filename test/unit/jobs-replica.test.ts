import { describe, expect, it } from 'vitest';
import type { Replica } from '../../src/worker/accounts/contract.ts';
import { readReplica } from '../../src/worker/jobs/replica-record.ts';

const keys = [{ id: 'key_1', hash: 'ab', revoked: false }];
const secret = { id: 'sec_1', scheme: 'v1', sealed: 'k1.AAAA', expiresAt: null } as const;

const present: Replica = {
  version: 3,
  keys,
  secrets: [secret, { ...secret, id: 'sec_2', scheme: 'v1a', expiresAt: 5 }],
  endpoints: [
    {
      id: 'ep_1',
      url: 'https://hooks.example.com/',
      events: ['job.completed'],
      headers: 'k1.BBBB',
      rateLimit: 5,
      enabled: true,
      epoch: 2,
      secrets: [secret],
    },
  ],
  notices: [{ id: 'evt_1', type: 'credits.low', at: 1, data: { available: 3, threshold: 5 } }],
};

describe('a stored replica', () => {
  it('is read as it was written', () => {
    expect(readReplica(JSON.parse(JSON.stringify(present)))).toEqual(present);
  });

  it('of a release with one secret is one with that secret and no endpoints', () => {
    expect(readReplica({ version: 2, keys, webhookSecret: 'k1.AAAA' })).toEqual({
      version: 2,
      keys,
      secrets: [{ id: 'account', scheme: 'v1', sealed: 'k1.AAAA', expiresAt: null }],
      endpoints: [],
      notices: [],
    });
  });

  it('may name events that a later release knows', () => {
    const [endpoint] = present.endpoints;
    const later = { ...present, endpoints: [{ ...endpoint, events: ['job.dreamt'] }] };
    expect(readReplica(later).endpoints[0]?.events).toEqual(['job.dreamt']);
  });

  it.each([
    undefined,
    {},
    { ...present, secrets: 'none' },
    { ...present, endpoints: [{}] },
    { version: 1, keys },
  ])('that is none is refused: %j', (value) => {
    expect(() => readReplica(value)).toThrow();
  });
});
