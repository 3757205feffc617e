/** JSON bodies, read once under the limit. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { bodyError, readText } from '../media/body.ts';

const JSON_TYPE = /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i;

/** Whether the request says that its body is JSON. */
export function isJson(c: Context<App>): boolean {
  return JSON_TYPE.test(c.req.header('content-type') ?? '');
}

/**
 * The parsed JSON body, which the context keeps as well. It is read and parsed once, while the limit is enforced.
 * @param empty What a body of no bytes means; without it, such a body is not JSON.
 * @throws {ApiError} 415, 413 or 400.
 */
export async function readJson(c: Context<App>, empty?: object): Promise<unknown> {
  if (!isJson(c)) {
    throw new ApiError({
      tag: 'unsupported_media_type',
      expected: 'a JSON body with Content-Type: application/json',
    });
  }
  const limit = c.get('config').MAX_BODY_BYTES;
  const read = await readText(c.req.raw, limit);
  if (!read.ok) {
    throw read.reason === 'not_utf8'
      ? new ApiError({ tag: 'malformed_body', detail: 'The body is not UTF-8 text.' })
      : bodyError(read.reason, limit);
  }
  const body = empty !== undefined && read.text === '' ? empty : parse(read.text);
  c.set('body', body);
  return body;
}

/**
 * As {@link readJson}, where there need be no body: none is `{}`. One that is not JSON is refused all the same, or what it
 * asks for would be passed over.
 */
export async function readOptionalJson(c: Context<App>): Promise<unknown> {
  const empty = {};
  const isBare = !isJson(c) && (await readText(c.req.raw, 0)).ok;
  if (!isBare) return readJson(c, empty);
  c.set('body', empty);
  return empty;
}

/**
 * As {@link readJson}, where the route's validator looks at the body too: it finds it parsed, since Hono would read it
 * again, and under the one name of its type that all validators know, since they are pickier than RFC 9110 §8.3 about
 * white space, parameters and suffixes.
 */
export async function jsonBody(c: Context<App>, empty?: object): Promise<unknown> {
  const body = await readJson(c, empty);
  c.req.json = <T>() => Promise.resolve(body as T);
  const { req } = c;
  const header = req.header.bind(req);
  req.header = ((name?: string) => {
    if (name === undefined) return header();
    return name.toLowerCase() === 'content-type' ? 'application/json' : header(name);
  }) as typeof req.header;
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError({ tag: 'malformed_body', detail: 'The body is not valid JSON.' });
  }
}
