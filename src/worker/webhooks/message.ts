/** What a webhook's signature is made over, by whichever scheme. Pure. */

import { utf8 } from '../bytes.ts';

/** What is signed. The body is signed byte for byte as it is sent. */
export interface WebhookMessage {
  /** The event's id: the same on every try, so that the receiver can drop repeats. */
  readonly id: string;
  /** Unix seconds of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/** What an id may consist of: the full stop separates the signed parts, so it must not stand inside one. */
const MESSAGE_ID = /^[A-Za-z0-9_-]{1,255}$/;

/**
 * The signed bytes, `id.timestamp.body`.
 * @throws {TypeError} for an id or a timestamp that cannot be signed unambiguously.
 */
export function signedBytes({ id, timestamp, body }: WebhookMessage): Uint8Array<ArrayBuffer> {
  if (!MESSAGE_ID.test(id)) throw new TypeError('a webhook id has 1 to 255 characters A-Z a-z 0-9 _ -');
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw new TypeError('a webhook timestamp is a whole number of unix seconds');
  }
  return utf8(`${id}.${timestamp}.${body}`);
}
