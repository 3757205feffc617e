/** tus 1.0.0 on an upload link's own address: resumable uploads, each try below it. */

import type { Context, MiddlewareHandler } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { claimsOf, limitAttempts, requireOpen, requirePending, requireType } from '../links/door.ts';
import { TUS_VERSION } from '../links/failures.ts';
import type { LinkClaims } from '../links/token.ts';
import { append, type Piece } from '../links/tus/append.ts';
import { beginAttempt, endAttempt, findAttempt } from '../links/tus/attempt.ts';
import {
  CHECKSUM_ALGORITHMS,
  declaredFiletype,
  httpDate,
  isPiece,
  NOT_A_PIECE,
  requireTus,
  TUS_EXTENSIONS,
  uploadChecksum,
  uploadLength,
  uploadMetadata,
  uploadOffset,
} from '../links/tus/headers.ts';
import { declaredLength } from '../media/body.ts';

/** The part of a try's address that names it, below its link's. As `mintAttempt` makes it. */
export const TUS_PATH = '/:attempt{[0-9a-z]{16}}';
/** `Allow` of a try's address. */
const ALLOW = 'DELETE, HEAD, OPTIONS, PATCH';
/** How long after a link's expiry it is still looked up whether a try has won, in ms: a last answer may have been lost. */
const LOOK_BACK_MS = 86_400_000;

/** What every answer to a tus client has, refusals too. */
export const speakTus: MiddlewareHandler<App> = async (c, next) => {
  await next();
  const asked = c.req.header('Tus-Resumable') !== undefined || c.req.method === 'OPTIONS';
  if (!asked && c.res.status !== 412) return;
  c.res.headers.set('Tus-Resumable', TUS_VERSION);
  c.res.headers.set('Cache-Control', 'no-store');
};

/** `OPTIONS` of a link or of a try. */
export async function describeTus(c: Context<App>): Promise<Response> {
  const { maxBytes } = await claimsOf(c);
  c.header('Tus-Version', TUS_VERSION);
  c.header('Tus-Extension', TUS_EXTENSIONS);
  c.header('Tus-Max-Size', String(maxBytes));
  c.header('Tus-Checksum-Algorithm', CHECKSUM_ALGORITHMS);
  return c.body(null, 204);
}

/** `POST` of a link: a new try, perhaps with its first bytes. */
export function createTus(c: Context<App>): Promise<Response> {
  return whateverHappens(c, postTus(c));
}

async function postTus(c: Context<App>): Promise<Response> {
  const claims = await enter(c);
  requireOpen(claims, Date.now());
  const { headers } = c.req.raw;
  const length = uploadLength(headers, claims.maxBytes);
  const metadata = headers.get('Upload-Metadata') || null;
  requireType(declaredFiletype(uploadMetadata(metadata)), claims.types);
  const piece = isPiece(headers) ? pieceOf(c, length) : null;
  if (piece === null && hasBody(c)) throw new ApiError(NOT_A_PIECE);
  await limitAttempts(c, claims);
  const { attempt } = await beginAttempt(c, claims, { length, metadata });
  if (piece) c.header('Upload-Offset', String(await firstBytes(c, claims, attempt, piece)));
  // Not from the request's own URL: only PUBLIC_URL is known to lead here.
  c.header('Location', `${c.get('config').PUBLIC_URL}/u/${c.req.param('token')}/${attempt}`);
  c.header('Upload-Expires', httpDate(claims.expiresAt));
  return c.body(null, 201);
}

/** Every method of a try, also one that another stands in for: `X-HTTP-Method-Override` of a `POST`. */
export function answerTus(c: Context<App>): Promise<Response> | Response {
  const override = c.req.header('X-HTTP-Method-Override');
  const method = c.req.method === 'POST' && override !== undefined ? override : c.req.method;
  switch (method) {
    case 'HEAD':
      return lookTus(c);
    case 'PATCH':
      return whateverHappens(c, patchTus(c));
    case 'DELETE':
      return deleteTus(c);
    case 'OPTIONS':
      return describeTus(c);
    default:
      throw new ApiError({ tag: 'method_not_allowed', allow: ALLOW });
  }
}

/** `HEAD`: where a try is. One that has won says so for as long as somebody may ask. */
async function lookTus(c: Context<App>): Promise<Response> {
  const claims = await enter(c);
  requireOpen({ ...claims, expiresAt: claims.expiresAt + LOOK_BACK_MS }, Date.now());
  const { tus, link } = await findAttempt(c, claims, named(c));
  if (!tus.done) requirePending(link);
  c.header('Upload-Offset', String(tus.offset));
  c.header('Upload-Length', String(tus.length));
  if (tus.metadata !== undefined) c.header('Upload-Metadata', tus.metadata);
  c.header('Upload-Expires', httpDate(claims.expiresAt));
  return c.body(null, 200);
}

/** `PATCH`: bytes that begin at `Upload-Offset`. */
async function patchTus(c: Context<App>): Promise<Response> {
  const claims = await enter(c);
  requireOpen(claims, Date.now());
  const { headers } = c.req.raw;
  if (!isPiece(headers)) throw new ApiError(NOT_A_PIECE);
  const offset = uploadOffset(headers);
  const found = await findAttempt(c, claims, named(c));
  if (!found.tus.done) requirePending(found.link);
  if (offset !== found.tus.offset) {
    throw new ApiError({ tag: 'offset_mismatch', offset: found.tus.offset });
  }
  const piece = pieceOf(c, found.tus.length - offset);
  c.header('Upload-Offset', String(await append(c, claims, found, piece)));
  c.header('Upload-Expires', httpDate(claims.expiresAt));
  return c.body(null, 204);
}

/** `DELETE`: ends a try that is not complete. */
async function deleteTus(c: Context<App>): Promise<Response> {
  const claims = await enter(c);
  requireOpen(claims, Date.now());
  const { tus, link } = await findAttempt(c, claims, named(c));
  requirePending(link);
  const ended = await endAttempt(c, claims, tus);
  // Its last bytes were faster.
  if (ended?.done) throw new ApiError({ tag: 'link_closed', reason: 'used' });
  return c.body(null, 204);
}

/** @throws {ApiError} `tus_version`, and `not_found` for an address that is none of ours. No I/O. */
function enter(c: Context<App>): Promise<LinkClaims> {
  requireTus(c.req.raw.headers);
  return claimsOf(c);
}

function named(c: Context<App>): string {
  return c.req.param('attempt') ?? '';
}

/** The body as bytes of an upload. @throws {ApiError} `body_too_large` when it declares more than `rest`. */
function pieceOf(c: Context<App>, rest: number): Piece {
  const { headers, body } = c.req.raw;
  if ((declaredLength(headers) ?? 0) > rest) throw new ApiError({ tag: 'body_too_large', limit: rest });
  return { body, checksum: uploadChecksum(headers) };
}

/** Whether the request has a body; its length may not be known. */
function hasBody(c: Context<App>): boolean {
  return c.req.raw.body !== null && declaredLength(c.req.raw.headers) !== 0;
}

/** The bytes that came with a creation. Its sender does not know the try yet, so that one that fails is of no use. */
async function firstBytes(
  c: Context<App>,
  claims: LinkClaims,
  attempt: string,
  piece: Piece,
): Promise<number> {
  try {
    return await append(c, claims, await findAttempt(c, claims, attempt), piece);
  } catch (cause) {
    await endAttempt(c, claims, { attempt });
    throw cause;
  }
}

/** Sees a request to its end also when its sender has gone: what came of it is kept. */
function whateverHappens<T>(c: Context<App>, work: Promise<T>): Promise<T> {
  // Its failure is for the one who awaits it; who has gone needs no answer.
  c.executionCtx.waitUntil(work.then(nothing, nothing));
  return work;
}

function nothing(): void {}
