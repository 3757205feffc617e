/** What a partial or conditional GET asks for (RFC 9110 §13 and §14). Pure. */

/** A range as asked for, before the size of the file is known. */
export type RangeRequest =
  /** `bytes=first-` or `bytes=first-last`, both inclusive. */
  | { readonly kind: 'from'; readonly first: number; readonly last?: number }
  /** `bytes=-length`: the last bytes. */
  | { readonly kind: 'suffix'; readonly length: number };

/** Bytes to send, both ends inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const SINGLE_RANGE = /^bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * The one range that a `Range` header asks for; null when the whole file is to be sent: no header, another unit,
 * nonsense, or several ranges, all of which a server may answer so (§14.2).
 */
export function parseRange(header: string | null): RangeRequest | null {
  const match = header === null ? null : SINGLE_RANGE.exec(header);
  if (!match) return null;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? null : { kind: 'suffix', length: Number(last) };
  if (last === '') return { kind: 'from', first: Number(first) };
  return Number(last) < Number(first) ? null : { kind: 'from', first: Number(first), last: Number(last) };
}

/** The bytes that a range means in a file of `size` bytes; null when it has none of them. */
export function bytesOf(range: RangeRequest, size: number): ByteRange | null {
  if (range.kind === 'suffix') {
    const length = Math.min(range.length, size);
    return length === 0 ? null : { first: size - length, last: size - 1 };
  }
  if (range.first >= size) return null;
  return { first: range.first, last: Math.min(range.last ?? size - 1, size - 1) };
}

const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/** Whether `If-None-Match` lists the entity tag, compared weakly (§13.1.2), so that 304 is the answer. */
export function isNotModified(header: string | null, etag: string): boolean {
  if (header === null) return false;
  if (header.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return (header.match(ENTITY_TAG) ?? []).some((candidate) => candidate.replace(/^W\//, '') === opaque);
}

/**
 * Whether the range still applies under `If-Range`, compared strongly (§13.1.5). We send no `Last-Modified`, so a
 * date is never one of ours.
 */
export function rangeApplies(header: string | null, etag: string): boolean {
  return header === null || header.trim() === etag;
}
