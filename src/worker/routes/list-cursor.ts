/** The cursor of a list: the last thing of the page before, in a form that nobody is tempted to take apart. */

import { fromBase64Url, toBase64Url, utf8 } from '../bytes.ts';
import { ApiError } from '../errors.ts';

/** Where the next page goes on. */
export function writeCursor(id: string): string {
  return toBase64Url(utf8(id));
}

/**
 * The id that a cursor stands for.
 * @param shardOf the shard of an id of this account's, null for any other text: a cursor that was made up touches no object.
 * @throws {ApiError} `invalid_request` for one that is not of this account's lists.
 */
export function readCursor(cursor: string, shardOf: (id: string) => object | null): string {
  const bytes = fromBase64Url(cursor);
  const id = bytes ? new TextDecoder().decode(bytes) : '';
  if (shardOf(id)) return id;
  const detail = 'is not a cursor of this list; take next_cursor as it was answered';
  throw new ApiError({ tag: 'invalid_request', errors: [{ pointer: '?cursor', detail }] });
}
