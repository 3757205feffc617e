/** JSON bodies, read once under the limit. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { readText } from '../media/body.ts';

const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/i;

/**
 * The parsed JSON body. It is read and parsed once, while the limit is enforced; the route's validator then finds it
 * parsed, since Hono would otherwise read and parse it again.
 * @throws {ApiError} 415, 413 or 400.
 */
export async function jsonBody(c: Context<App>): Promise<unknown> {
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim() ?? '';
  if (!JSON_TYPE.test(type)) {
    throw new ApiError({
      tag: 'unsupported_media_type',
      expected: 'a JSON body with Content-Type: application/json',
    });
  }
  const limit = c.get('config').MAX_BODY_BYTES;
  const read = await readText(c.req.raw, limit);
  if (!read.ok) {
    throw new ApiError(
      read.reason === 'too_large'
        ? { tag: 'body_too_large', limit }
        : { tag: 'malformed_body', detail: 'The body is not UTF-8 text.' },
    );
  }
  const body = parse(read.text);
  c.set('body', body);
  c.req.json = <T>() => Promise.resolve(body as T);
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError({ tag: 'malformed_body', detail: 'The body is not valid JSON.' });
  }
}
