import { describe, expect, it } from 'vitest';
import { mintId, type ShardRef } from '../../src/worker/ids.ts';
import { parseRing } from '../../src/worker/secrets.ts';
import {
  deliveryIdOf,
  deliveryPrefix,
  eventIdOf,
  type Moment,
  OWN_RECEIVER,
  readDeliveryId,
  receiverOf,
  shardOfDelivery,
} from '../../src/worker/webhooks/ids.ts';

const RING = parseRing(`test:${'0123456789abcdef'.repeat(2)}`);
const SHARD: ShardRef = { account: 'acct_u0123456789abc', region: 'weur', n: 0 };
const ENDPOINT = 'ep_7k2m9x4q1t8v';
const KINDS = { c: 'job', s: 'job', z: 'job', u: 'up', n: 'evt' } as const;

describe.each(Object.entries(KINDS) as [Moment, 'job' | 'up' | 'evt'][])(
  'at the moment %s',
  (moment, kind) => {
    it.each([
      [OWN_RECEIVER, null],
      [receiverOf(ENDPOINT), ENDPOINT],
    ])('a delivery to %s is named, found and told apart', (receiver, endpointId) => {
      const aboutId = mintId(RING, kind, SHARD, 1_800_000_000_000);
      const id = deliveryIdOf(aboutId, moment, receiver);
      const eventId = eventIdOf(aboutId, moment);
      expect(readDeliveryId(id)).toEqual({ aboutId, moment, eventId, receiver, endpointId });
      expect(id.startsWith(deliveryPrefix(aboutId))).toBe(true);
      expect(shardOfDelivery(RING, SHARD.account, id)).toEqual(SHARD);
      expect(shardOfDelivery(RING, 'acct_u0123456789abd', id)).toBeNull();
      // A guessed one, whose MAC is not ours.
      expect(shardOfDelivery(RING, SHARD.account, id.replace(/.{10}(?=[cszun])/, '0000000000'))).toBeNull();
      // What a receiver may sign and we may sign: Standard Webhooks forbids a full stop.
      expect(eventId).toMatch(/^evt_[0-9a-z]{31}[cszun]$/);
    });
  },
);

it('the ids of a job’s events sort in the order of its life', () => {
  const jobId = mintId(RING, 'job', SHARD, 1_800_000_000_000);
  const ids = (['c', 's', 'z'] as const).map((moment) => deliveryIdOf(jobId, moment, OWN_RECEIVER));
  expect(ids.toSorted()).toEqual(ids);
});

it.each([
  '',
  'dlv_',
  `dlv_${'1'.repeat(31)}zx`,
  `dlv_${'1'.repeat(31)}xw`,
  `dlv_${'1'.repeat(30)}zw`,
  `evt_${'1'.repeat(31)}z`,
  `dlv_${'1'.repeat(31)}z${'2'.repeat(13)}`,
])('%j is no delivery', (text) => {
  expect(readDeliveryId(text)).toBeNull();
  expect(shardOfDelivery(RING, SHARD.account, text)).toBeNull();
});

it('nothing is named after what is no id', () => {
  expect(() => eventIdOf('job_1', 'z')).toThrow(TypeError);
  expect(() => deliveryIdOf('', 'z', OWN_RECEIVER)).toThrow(TypeError);
  expect(() => deliveryPrefix('acct_u0123456789abc')).toThrow(TypeError);
  expect(() => receiverOf('ep_short')).toThrow(TypeError);
});
