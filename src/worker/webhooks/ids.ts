/**
 * Names of events and of their deliveries. Both are made of the id of what the event is about, which names the shard,
 * is ordered by time and carries a MAC: so no index is needed to find the deliveries of a job, a list is ordered by
 * age, and a guessed id touches no object. Pure.
 *
 *   event     evt_<body of the subject's id><moment>              constant over receivers and tries: `webhook-id`
 *   delivery  dlv_<body of the subject's id><moment><receiver>    one receiver of it
 */

import { base32OfNumber } from '../bytes.ts';
import { type ShardRef, shardOfId } from '../ids.ts';
import { regionLetter } from '../region.ts';
import type { Ring } from '../secrets.ts';

/**
 * What happened to the subject, in letters that sort in the order of a job's life: `c`reated, `s`tarted, and its end
 * `z`; `u` an upload came; `n` a notice of the account, or a test.
 */
export type Moment = 'c' | 's' | 'z' | 'u' | 'n';

/** The `webhook_url` of the subject itself, beside the endpoints of the account. */
export const OWN_RECEIVER = 'w';
/** `w`, or the id of an endpoint without `ep_`. */
export type Receiver = string;

const SUBJECT = /^(?:job|up|evt)_([0-9a-z]{31})$/;
const DELIVERY = /^dlv_([0-9a-z]{31})([cszun])(w|[0-9a-z]{12})$/;
const ENDPOINT = /^ep_([0-9a-z]{12})$/;

/** Prefix of the subject's id, by moment. */
const KIND = { c: 'job', s: 'job', z: 'job', u: 'up', n: 'evt' } as const satisfies Record<Moment, string>;

/** Parts of a delivery's id. */
export interface DeliveryName {
  /** The job, the upload link, or the notice that the event is about. */
  readonly aboutId: string;
  readonly moment: Moment;
  /** The `webhook-id`. */
  readonly eventId: string;
  readonly receiver: Receiver;
  /** The endpoint's id; null for the subject's own `webhook_url`. */
  readonly endpointId: string | null;
}

function bodyOf(aboutId: string): string {
  const body = SUBJECT.exec(aboutId)?.[1];
  if (body === undefined) throw new TypeError('not an id that events are about');
  return body;
}

/** The `webhook-id` of an event. @throws {TypeError} when `aboutId` is no minted id. */
export function eventIdOf(aboutId: string, moment: Moment): string {
  return `evt_${bodyOf(aboutId)}${moment}`;
}

/** The id of the delivery of an event to a receiver. @throws {TypeError} when `aboutId` is no minted id. */
export function deliveryIdOf(aboutId: string, moment: Moment, receiver: Receiver): string {
  return `dlv_${bodyOf(aboutId)}${moment}${receiver}`;
}

/** What all ids of deliveries about one thing begin with. @throws {TypeError} when `aboutId` is no minted id. */
export function deliveryPrefix(aboutId: string): string {
  return `dlv_${bodyOf(aboutId)}`;
}

/** The receiver that an endpoint is. @throws {TypeError} for a text that is no endpoint id. */
export function receiverOf(endpointId: string): Receiver {
  const receiver = ENDPOINT.exec(endpointId)?.[1];
  if (receiver === undefined) throw new TypeError('not an endpoint id');
  return receiver;
}

/** The parts of a delivery's id; null for any other text. */
export function readDeliveryId(id: string): DeliveryName | null {
  const match = DELIVERY.exec(id);
  if (!match) return null;
  const [, body, moment, receiver] = match as unknown as [string, string, Moment, string];
  return {
    aboutId: `${KIND[moment]}_${body}`,
    moment,
    eventId: `evt_${body}${moment}`,
    receiver,
    endpointId: receiver === OWN_RECEIVER ? null : `ep_${receiver}`,
  };
}

/** Length of `dlv_`, of what names the shard, and of the time behind it: see ids.ts of the Worker. */
const [HEAD_LENGTH, SHARD_LENGTH, TIME_LENGTH] = [4, 3, 9];

/** Where a delivery stands in the lists of its account. */
export interface DeliveryPlace {
  /** Which shard it is of, as its id says it. */
  readonly shard: string;
  /** When its subject was minted, as text that sorts by time. */
  readonly time: string;
}

/** Where a delivery stands. The id must have the shape of one. */
export function placeOf(id: string): DeliveryPlace {
  const timeAt = HEAD_LENGTH + SHARD_LENGTH;
  return { shard: id.slice(HEAD_LENGTH, timeAt), time: id.slice(timeAt, timeAt + TIME_LENGTH) };
}

/** What all ids of the deliveries of a shard begin with. */
export function shardPrefix({ region, n }: Pick<ShardRef, 'region' | 'n'>): string {
  return `dlv_${regionLetter(region)}${base32OfNumber(n, 2)}`;
}

/** The shard that has a delivery of `account`; null for a text that is no delivery's id of this account. */
export function shardOfDelivery(ring: Ring, account: string, id: string): ShardRef | null {
  const name = readDeliveryId(id);
  return name && shardOfId(ring, KIND[name.moment], account, name.aboutId);
}
