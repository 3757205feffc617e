/**
 * Callbacks of the upstream: `POST /callbacks/fal/{token}`. The token says which job and proves that we made the
 * address; the signature proves that fal sent the body. A forged token costs no I/O and touches no object.
 */

import * as z from 'zod';
import { readLimited } from '../media/body.ts';
import { type Ring, readToken, signToken } from '../secrets.ts';
import type { UpstreamEvent } from './contract.ts';
import { parseFalEvent } from './event.ts';
import type { KeySource } from './jwks.ts';
import { verifyFalSignature } from './signature.ts';

/** Which job a callback is about. */
export interface CallbackTarget {
  readonly account: string;
  readonly job: string;
}

/** An output has a few hundred bytes; an error may repeat the input. */
const MAX_CALLBACK_BYTES = 1_048_576;

const Claims = z.object({ a: z.string(), j: z.string(), e: z.number() });

/** The part of the configuration that tokens need. */
interface TokenConfig {
  readonly SIGNING_SECRETS: Ring;
}

/**
 * The address that the upstream is to call for a job, absolute. Equal arguments give the same address as long as
 * the first entry of the ring stays, so every try of a submit is one request for an upstream that dedupes.
 * @param expiresAt when callbacks stop being taken, in ms: made from the job's creation, not from the try's time.
 */
export async function callbackUrl(
  config: TokenConfig & { readonly PUBLIC_URL: string },
  { account, job, expiresAt }: CallbackTarget & { readonly expiresAt: number },
): Promise<string> {
  const claims: z.infer<typeof Claims> = { a: account, j: job, e: expiresAt };
  return `${config.PUBLIC_URL}/callbacks/fal/${await signToken(config.SIGNING_SECRETS, 'callback', claims)}`;
}

/** The job that a callback's token stands for; null when it is not ours or has expired. */
export async function readCallbackToken(
  config: TokenConfig,
  token: string,
  now: number,
): Promise<CallbackTarget | null> {
  const claims = Claims.safeParse(await readToken(config.SIGNING_SECRETS, 'callback', token));
  if (!claims.success || claims.data.e <= now) return null;
  return { account: claims.data.a, job: claims.data.j };
}

/** A callback as it came in. */
export interface CallbackRequest {
  readonly token: string;
  readonly headers: Pick<Headers, 'get'>;
  readonly body: ReadableStream<Uint8Array> | null;
}

export type CallbackReply =
  | { readonly ok: true; readonly target: CallbackTarget; readonly event: UpstreamEvent }
  | {
      readonly ok: false;
      /**
       * `token`: not an address of ours. `signature`: not signed by the upstream, or too old. `body`: too large,
       * broken off, or nothing that we know. `keys_unavailable`: the upstream's keys cannot be had now; it should try again.
       */
      readonly reason: 'token' | 'signature' | 'body' | 'keys_unavailable';
    };

/** Checks a callback from the outside in: token, then size, then signature, then content. */
export async function receiveCallback(
  config: TokenConfig,
  request: CallbackRequest,
  keys: KeySource,
  now: number,
): Promise<CallbackReply> {
  const target = await readCallbackToken(config, request.token, now);
  if (!target) return { ok: false, reason: 'token' };
  const body = await readLimited(request.body, MAX_CALLBACK_BYTES);
  if (typeof body === 'string') return { ok: false, reason: 'body' };
  const verdict = await verifyFalSignature({ headers: request.headers, body, keys, now });
  if (verdict !== 'valid') return { ok: false, reason: verdict };
  const event = parseFalEvent(body);
  return event ? { ok: true, target, event } : { ok: false, reason: 'body' };
}
