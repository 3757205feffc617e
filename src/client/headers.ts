/** The three headers of a webhook, each read in one way only. */

import { type Bytes, fromBase64 } from './bytes.ts';
import { type HeadersLike, type ReceivedWebhook, WebhookVerificationError } from './contract.ts';

/** The headers as they are signed and judged. */
export interface SignedHeaders {
  readonly id: string;
  /** As it stands there: it is signed as a text. */
  readonly timestamp: string;
  readonly v1: readonly Bytes[];
  readonly v1a: readonly Bytes[];
}

/** The full stop separates the signed parts, so it must not stand inside one. */
const ID = /^[!-\-/-~]{1,255}$/;
/** A whole number as people write it: no sign, no fraction, no zero before it. */
const SECONDS = /^(?:0|[1-9][0-9]{0,14})$/;
/**
 * Padded base64 of 32 and of 64 bytes in its one spelling (RFC 4648 §3.5): the last character before the padding stands
 * for no bits beyond the last byte. So nobody can change a signature that is right into another one that is.
 */
const V1 = /^v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/;
const V1A = /^v1a,([A-Za-z0-9+/]{85}[AQgw]==)$/;
/** Signatures that are looked at. A sender has one for each of its keys; a stranger must not make us verify thousands. */
const MAX_SIGNATURES = 64;

/**
 * Reads them; signatures of other schemes, and what is none, are passed over.
 * @throws {WebhookVerificationError} `missing_header`, `bad_id`, `bad_timestamp`.
 */
export function readHeaders(headers: ReceivedWebhook['headers']): SignedHeaders {
  const header = (name: string) => {
    const value = headerOf(headers, name);
    if (value) return value;
    throw new WebhookVerificationError('missing_header', `the header ${name} is missing or empty`);
  };
  const id = header('webhook-id');
  const timestamp = header('webhook-timestamp');
  const signatures = header('webhook-signature').split(' ', MAX_SIGNATURES);
  if (!ID.test(id)) {
    const message = 'webhook-id has 1 to 255 visible ASCII characters without a full stop';
    throw new WebhookVerificationError('bad_id', message);
  }
  if (!SECONDS.test(timestamp)) {
    throw new WebhookVerificationError(
      'bad_timestamp',
      'webhook-timestamp is a whole number of unix seconds',
    );
  }
  return { id, timestamp, v1: matches(signatures, V1), v1a: matches(signatures, V1A) };
}

/**
 * The time of the try in seconds, when it is near enough.
 * @throws {WebhookVerificationError} `too_old`, `too_new`.
 */
export function checkTime(timestamp: string, nowMs: number, toleranceS: number): number {
  const sentAt = Number(timestamp);
  const age = Math.floor(nowMs / 1_000) - sentAt;
  if (age > toleranceS) {
    throw new WebhookVerificationError('too_old', `sent ${age} s ago; at most ${toleranceS} s are believed`);
  }
  if (-age > toleranceS) {
    throw new WebhookVerificationError('too_new', `sent in ${-age} s; is the clock of this machine right?`);
  }
  return sentAt;
}

function matches(signatures: readonly string[], pattern: RegExp): Bytes[] {
  return signatures.flatMap((item) => {
    const bytes = fromBase64(pattern.exec(item)?.[1] ?? '');
    return bytes && bytes.length > 0 ? [bytes] : [];
  });
}

/** A header in any case; several of one name become one, as `Headers` has them. */
function headerOf(headers: ReceivedWebhook['headers'], name: string): string | null {
  if (isHeaders(headers)) return headers.get(name);
  const values = Object.entries(headers).flatMap(([key, value]) =>
    key.toLowerCase() === name && value !== undefined ? value : [],
  );
  return values.join(', ');
}

function isHeaders(headers: ReceivedWebhook['headers']): headers is HeadersLike {
  return typeof (headers as { get?: unknown }).get === 'function';
}
