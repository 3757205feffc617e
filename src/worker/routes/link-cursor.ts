/** The cursor of a list of links: the last link of the page before, in a form that nobody is tempted to take apart. */

import type { Context } from 'hono';
import { fromBase64Url, toBase64Url, utf8 } from '../bytes.ts';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { shardOfId } from '../ids.ts';

/** Where the next page goes on. */
export function writeCursor(uploadId: string): string {
  return toBase64Url(utf8(uploadId));
}

/** The link that a cursor stands for. @throws {ApiError} `invalid_request` for one that is not of this account's lists. */
export async function readCursor(c: Context<App>, cursor: string): Promise<string> {
  const bytes = fromBase64Url(cursor);
  const uploadId = bytes ? new TextDecoder().decode(bytes) : '';
  const { SIGNING_SECRETS } = c.get('config');
  if (await shardOfId(SIGNING_SECRETS, 'up', c.get('caller').account, uploadId)) return uploadId;
  const detail = 'is not a cursor of this list; take next_cursor as it was answered';
  throw new ApiError({ tag: 'invalid_request', errors: [{ pointer: '?cursor', detail }] });
}
