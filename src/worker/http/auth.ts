/** Who is calling. The edge refuses a forged key by its MAC, before any object is touched. */

import type { Context, MiddlewareHandler } from 'hono';
import { parseKey } from '../accounts/keys.ts';
import { utf8 } from '../bytes.ts';
import type { App, Caller } from '../env.ts';
import { ApiError } from '../errors.ts';
import { equalBytes } from '../secrets.ts';
import { isJson, jsonBody, readJson, readOptionalJson } from './body.ts';

const BEARER = /^Bearer +(\S+) *$/i;

/** The keys of headers and query: any number of them, since a request may carry the same one twice. */
function outsideKeys(c: Context<App>): string[] {
  return [
    ...values(c, 'authorization').map((value) => BEARER.exec(value)?.[1] ?? ''),
    ...values(c, 'x-api-key'),
    ...(c.req.queries('api_key') ?? []),
  ];
}

/** The values of a header. Two headers of one name arrive as one, joined by commas, which no key of ours has. */
function values(c: Context<App>, name: string): string[] {
  return (c.req.header(name)?.split(',') ?? []).map((value) => value.trim());
}

async function callerOf(c: Context<App>, keys: readonly string[]): Promise<Caller> {
  const [key, ...others] = new Set(keys);
  // Where no key can be read, as in `Authorization: Basic …`, there are no two keys to choose from.
  if (key === undefined || keys.includes('')) throw new ApiError({ tag: 'unauthorized' });
  if (others.length > 0) throw new ApiError({ tag: 'conflicting_credentials' });
  const caller = await parseKey(c.get('config').SIGNING_SECRETS, key);
  if (!caller) throw new ApiError({ tag: 'unauthorized' });
  return caller;
}

/** Finds the caller of a request without a JSON body: headers and query. */
export const authenticate: MiddlewareHandler<App> = async (c, next) => {
  c.set('caller', await callerOf(c, outsideKeys(c)));
  await next();
};

/**
 * Reads a JSON body and finds the caller: headers, query, and the body's `api_key`. A wrong key in a header is refused
 * before the body is read; a body that is not JSON is refused before the key is looked for. For routes that judge the
 * body themselves: a validator would not find it.
 */
export const authenticateJson: MiddlewareHandler<App> = async (c, next) => {
  await findCaller(c, () => readJson(c));
  await next();
};

/** As {@link authenticateJson} where there need be no body: none at all is `{}`. */
export const authenticateOptionalJson: MiddlewareHandler<App> = async (c, next) => {
  await findCaller(c, () => readOptionalJson(c));
  await next();
};

/** As {@link authenticateJson} where there is a JSON body, which may be empty. No other body is looked at. */
export const authenticateAnyBody: MiddlewareHandler<App> = async (c, next) => {
  await findCaller(c, () => (isJson(c) ? jsonBody(c, {}) : Promise.resolve(null)));
  await next();
};

async function findCaller(c: Context<App>, readBody: () => Promise<unknown>): Promise<void> {
  const outside = outsideKeys(c);
  const caller = outside.length > 0 ? await callerOf(c, outside) : null;
  const inside = bodyKeys(await readBody()).filter((key) => !outside.includes(key));
  c.set('caller', caller && inside.length === 0 ? caller : await callerOf(c, [...outside, ...inside]));
}

/** The key in a body. One that is no text is none, and a wrong field. */
function bodyKeys(body: unknown): string[] {
  const inside = typeof body === 'object' && body !== null && 'api_key' in body ? body.api_key : undefined;
  return typeof inside === 'string' ? [inside] : [];
}

/**
 * Lets operators in: `Authorization: Bearer $ADMIN_TOKEN`. Without a token in the configuration, nobody. What they are
 * told of customers stays in no cache.
 */
export const authenticateOperator: MiddlewareHandler<App> = async (c, next) => {
  c.header('Cache-Control', 'no-store');
  const expected = c.get('config').ADMIN_TOKEN;
  const given = BEARER.exec(c.req.header('authorization') ?? '')?.[1];
  if (
    expected === undefined ||
    given === undefined ||
    !equalBytes(await digest(given), await digest(expected))
  ) {
    throw new ApiError({ tag: 'unauthorized', operator: true });
  }
  await next();
};

/** Hashes of equal length: comparing them tells nothing of the token, not even how long it is. */
async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text)));
}
