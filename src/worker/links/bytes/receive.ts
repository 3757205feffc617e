/** What comes to a link in one request: raw bytes, or a form with a file. */

import type { Context } from 'hono';
import type { App } from '../../env.ts';
import { ApiError } from '../../errors.ts';
import { bodyError, declaredLength } from '../../media/body.ts';
import type { LinkView } from '../contract.ts';
import {
  claimsOf,
  expected,
  limitAttempts,
  openLink,
  requireLength,
  requireOpen,
  requirePending,
  requireType,
} from '../door.ts';
import { FINISH_GRACE_MS } from '../state.ts';
import type { LinkClaims } from '../token.ts';
import { mintAttempt, tmpPrefix } from './attempt.ts';
import { complete } from './complete.ts';
import { declaredDigests } from './content-digest.ts';
import { eraseKeys, erasePrefix } from './erase.ts';
import { MAX_ENVELOPE_BYTES, openForm } from './form.ts';
import { type Gathered, gather, SILENCE_MS } from './gather.ts';
import { requireRoom } from './room.ts';

/** A body whose headers have been judged. */
interface Incoming {
  readonly body: ReadableStream<Uint8Array> | null;
  /** From `requireType`. */
  readonly declaredType: string | null;
  /** Lower-case hex: what the sender says that the bytes are. */
  readonly digests?: readonly string[];
  /** Why the body failed, where its reader knows more than that it did. */
  readonly failure?: () => ApiError | null;
  readonly signal: AbortSignal;
}

/** One request may take so long, in ms: 20 MB at 6 kB/s. Slower lines have resumable uploads. */
const MAX_MS = 3_600_000;

/**
 * PUT or POST of raw bytes: the link with its picture.
 * @throws {ApiError} for every refusal, after everything that was written was deleted.
 */
export async function receiveRaw(c: Context<App>): Promise<LinkView> {
  const { claims, signal } = await knock(c);
  requireLength(declaredLength(c.req.raw.headers), claims);
  const declaredType = requireType(c.req.header('Content-Type'), claims.types);
  const digests = declaredDigests(c.req.raw.headers);
  const link = await open(c, claims);
  return receive(c, claims, link, { body: c.req.raw.body, declaredType, digests, signal });
}

/**
 * POST of a form with one file: the link with its picture.
 * @throws {ApiError} for every refusal, after everything that was written was deleted.
 */
export async function receiveForm(c: Context<App>): Promise<LinkView> {
  const { claims, signal } = await knock(c);
  const length = declaredLength(c.req.raw.headers);
  // The file is smaller than its form, by how much is not known before.
  requireLength(length === null ? null : length - MAX_ENVELOPE_BYTES, claims);
  const link = await open(c, claims);
  const type = c.req.header('Content-Type') ?? '';
  const form = await openForm(c.req.raw.body, type, { signal, silenceMs: SILENCE_MS });
  try {
    const declaredType = requireType(form.declaredType, claims.types);
    return await receive(c, claims, link, { body: form.body, declaredType, failure: form.failure, signal });
  } finally {
    form.close();
  }
}

/** What is judged by the address and the headers alone, and how long the body may take. */
async function knock(c: Context<App>): Promise<{ claims: LinkClaims; signal: AbortSignal }> {
  const claims = await claimsOf(c);
  const now = Date.now();
  requireOpen(claims, now);
  await limitAttempts(c, claims);
  if (c.req.header('Content-Encoding') !== undefined) {
    throw new ApiError({
      tag: 'unsupported_media_type',
      expected: `${expected(claims.types)}, not compressed`,
    });
  }
  return { claims, signal: patience(claims, now) };
}

async function open(c: Context<App>, claims: LinkClaims): Promise<LinkView> {
  requireRoom();
  const link = await openLink(c, claims);
  requirePending(link);
  return link;
}

/** Fires when a body that began at `now` (ms) is of no use any more. */
export function patience({ expiresAt }: Pick<LinkClaims, 'expiresAt'>, now: number): AbortSignal {
  return AbortSignal.timeout(Math.max(0, Math.min(MAX_MS, expiresAt + FINISH_GRACE_MS - now)));
}

/** Reads the body as a new try and completes it. */
async function receive(
  c: Context<App>,
  claims: LinkClaims,
  link: LinkView,
  incoming: Incoming,
): Promise<LinkView> {
  const attempt = mintAttempt();
  const { parts, tail } = await whole(c.env.BUCKET, claims, attempt, incoming);
  const { declaredType, digests } = incoming;
  return complete(c, claims, link, { attempt, parts, tail, declaredType, ...(digests ? { digests } : {}) });
}

async function whole(
  bucket: R2Bucket,
  claims: LinkClaims,
  attempt: string,
  { body, signal, failure }: Incoming,
): Promise<Gathered> {
  const prefix = tmpPrefix(claims, attempt);
  const limit = claims.maxBytes;
  let gathered: Gathered;
  try {
    gathered = await gather(body, { bucket, prefix, offset: 0, limit, signal });
  } catch (cause) {
    // Which pieces are there is not known: R2 may have stored one and failed to say so.
    await erasePrefix(bucket, prefix);
    throw cause;
  }
  if (gathered.kind === 'whole') return gathered;
  await eraseKeys(
    bucket,
    gathered.parts.map(({ key }) => key),
  );
  throw failure?.() ?? bodyError(gathered.kind, limit);
}
