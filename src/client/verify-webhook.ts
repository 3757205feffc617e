/**
 * Verifies webhooks of Standard Webhooks 1.0.0, signed by scheme `v1` (a shared secret, HMAC-SHA-256) or `v1a` (Ed25519:
 * the receiver has the public key alone), on a fetch `Request` or on what other frameworks have. Without dependencies,
 * by Web Crypto: it is tested in workerd, Chromium and Node.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * It is here because no kept library on npm knows `v1a`: `standardwebhooks` 1.1.1 and `svix`, which is made of it, pass
 * over such signatures, and take neither a `Request` nor bytes (standard-webhooks #124, #308). What it must believe and
 * what it must not is in vectors.json, for other languages too.
 */

import { type Bytes, concat, readBody, utf8, within } from './bytes.ts';
import {
  type ReceivedWebhook,
  type RequestLike,
  type VerifiedWebhook,
  type VerifyOptions,
  type WebhookEvent,
  type WebhookReceipt,
  WebhookVerificationError,
} from './contract.ts';
import { checkTime, readHeaders, type SignedHeaders } from './headers.ts';
import { type JwksContext, keysOf, newerKeysOf, readJwksOption } from './jwks.ts';
import { matchesV1, matchesV1a, readPublicKeys, readSecrets } from './keys.ts';

export * from './contract.ts';

/** As the libraries of the standard have it. */
const TOLERANCE_S = 300;
const MAX_BODY_BYTES = 1_048_576;

/** What is verified with. */
interface Trust {
  readonly secrets: readonly Bytes[];
  readonly publicKeys: readonly Bytes[];
  readonly jwksUrl: URL | null;
  readonly toleranceS: number;
  readonly maxBodyBytes: number;
  readonly context: JwksContext;
}

/**
 * The event, when its sender has one of the keys; its fields beside `id`, `sentAt`, `scheme` and `body` of the delivery.
 * The body is read once: whoever needs it afterwards finds it in `body`.
 *
 * An event may come more than once, with the same `id`, within the tolerance and after it: dropping repeats is for the
 * receiver to do.
 * @throws {WebhookVerificationError} with a stable `code`, and a `status` to answer with.
 */
export async function verifyWebhook<Event extends object = WebhookEvent>(
  request: RequestLike | ReceivedWebhook,
  options: VerifyOptions,
): Promise<VerifiedWebhook<Event>> {
  const trust = readOptions(options);
  if (typeof request?.headers !== 'object' || request.headers === null) {
    throw new WebhookVerificationError('bad_input', 'a webhook is a Request, or { headers, body }');
  }
  const headers = readHeaders(request.headers);
  const sentAt = checkTime(headers.timestamp, trust.context.now, trust.toleranceS);
  const bytes = await bodyOf(request, trust.maxBodyBytes);
  const signed = concat([utf8(`${headers.id}.${headers.timestamp}.`), bytes]);
  const scheme = await schemeThatMatches(trust, headers, signed);
  if (!scheme) {
    throw new WebhookVerificationError('no_match', 'no signature is by any of the keys for this body');
  }
  const { event, body } = parse(bytes);
  return { ...event, id: headers.id, sentAt, scheme, body } as VerifiedWebhook<Event>;
}

/** @throws {WebhookVerificationError} for what the receiver's own code or configuration has wrong. */
function readOptions(options: VerifyOptions): Trust {
  const { secret, publicKey, jwks, toleranceS = TOLERANCE_S, maxBodyBytes = MAX_BODY_BYTES } = options ?? {};
  const secrets = readSecrets(secret);
  const given = jwks === undefined || jwks === null ? [] : readJwksOption(jwks);
  const publicKeys = [...readPublicKeys(publicKey), ...(given instanceof URL ? [] : given)];
  const jwksUrl = given instanceof URL ? given : null;
  if (secrets.length + publicKeys.length === 0 && !jwksUrl) {
    throw new WebhookVerificationError('no_key', 'none of "secret", "publicKey" and "jwks" is there');
  }
  const now = options.now ?? Date.now();
  for (const [name, value] of Object.entries({ toleranceS, maxBodyBytes, now })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new WebhookVerificationError('bad_option', `"${name}" is a number that is not negative`);
  }
  const fetcher = options.fetch ?? ((url, init) => fetch(url, init));
  return { secrets, publicKeys, jwksUrl, toleranceS, maxBodyBytes, context: { now, fetch: fetcher } };
}

/** @throws {WebhookVerificationError} `bad_input`, `body_used`, `body_too_large`. */
async function bodyOf(request: RequestLike | ReceivedWebhook, maxBytes: number): Promise<Bytes> {
  if ('arrayBuffer' in request) {
    if (!request.bodyUsed) return readBody(request, maxBytes);
    const message = 'the body of the request was read before: verify first, and take "body" of the result';
    throw new WebhookVerificationError('body_used', message);
  }
  const { body } = request;
  if (typeof body === 'string') return within(utf8(body), maxBytes);
  if (body instanceof ArrayBuffer) return within(new Uint8Array(body), maxBytes);
  if (body instanceof Uint8Array) return within(new Uint8Array(body), maxBytes);
  const message = 'the body is the text or the bytes that came: one that was parsed cannot be verified';
  throw new WebhookVerificationError('bad_input', message);
}

/** The scheme of a signature that is by one of the keys. `v1` first, which is the cheaper one; null when none is. */
async function schemeThatMatches(
  trust: Trust,
  { v1, v1a }: SignedHeaders,
  signed: Bytes,
): Promise<WebhookReceipt['scheme'] | null> {
  if (await matchesV1(trust.secrets, v1, signed)) return 'v1';
  if (await matchesV1a(trust.publicKeys, v1a, signed)) return 'v1a';
  // Nobody makes us fetch who does not even claim to have signed so.
  if (!trust.jwksUrl || v1a.length === 0) return null;
  const keys = await keysOf(trust.jwksUrl, trust.context);
  if (await matchesV1a(keys, v1a, signed)) return 'v1a';
  const newer = await newerKeysOf(trust.jwksUrl, keys, trust.context);
  return newer && (await matchesV1a(newer, v1a, signed)) ? 'v1a' : null;
}

/** @throws {WebhookVerificationError} `bad_body`. */
function parse(bytes: Bytes): { event: object; body: string } {
  try {
    const body = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const event: unknown = JSON.parse(body);
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return { event, body };
  } catch {
    // Not UTF-8 or not JSON: the same to the receiver. The reason would repeat a part of the body.
  }
  throw new WebhookVerificationError('bad_body', 'the body is signed, but is no JSON object');
}
