/** `GET|HEAD /files/{token}/{name}`: uploads, inputs and results, streamed from R2. */

import { ApiError } from '../errors.ts';
import type { FindPicture } from '../links/picture.ts';
import { extensionOf } from './image-types.ts';
import { type FileLink, type LinkConfig, readFileLink, uploadLinkOf } from './links.ts';
import {
  type ByteRange,
  bytesOf,
  isNotModified,
  parseRange,
  type RangeRequest,
  rangeApplies,
} from './ranges.ts';
import { reachable, storageUnavailable } from './storage.ts';

/**
 * What a browser may do with a file opened by itself: show it and nothing else. Uploaded bytes run no script, reach no
 * network and have no origin. The exceptions are for the page that the browser itself puts around a picture or a video:
 * without `media-src` Chromium's player stays dark.
 */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox";

/** What scripts of other origins may read of an answer. */
const EXPOSED_HEADERS = 'Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag';

const MS_PER_S = 1_000;

/**
 * The file that a link covers.
 * @param findPicture Asked where the link is to what was uploaded to an upload link; without it, such a link is to nothing.
 * @throws {ApiError} `forbidden_link` for a link that is not valid at `now` (ms); `not_found` when the link is good and
 *   the object has been deleted, or nothing has been uploaded yet; `range_not_satisfiable`; `method_not_allowed`;
 *   `unavailable` when R2 fails, or the shard of an upload link.
 */
export async function serveFile(
  request: Request,
  bucket: R2Bucket,
  config: LinkConfig,
  token: string,
  name: string,
  now: number,
  findPicture?: FindPicture,
): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new ApiError({ tag: 'method_not_allowed', allow: 'GET, HEAD' });
  }
  const named = await readFileLink(config, token, name, now);
  if (!named) throw new ApiError({ tag: 'forbidden_link' });
  const link = await objectLink(named, findPicture);

  const isHead = request.method === 'HEAD';
  const ifNoneMatch = request.headers.get('If-None-Match');
  const ifRange = request.headers.get('If-Range');
  // Ranges are defined for GET alone (RFC 9110 §14.2).
  let range = isHead ? null : parseRange(request.headers.get('Range'));

  // The usual GET is one call to R2; only what depends on the entity tag needs a look first.
  if (isHead || ifNoneMatch !== null || (range && ifRange !== null)) {
    const head = existing(await reachable(bucket.head(link.key)));
    if (isNotModified(ifNoneMatch, head.httpEtag)) {
      return new Response(null, { status: 304, headers: cacheHeaders(link, head, now) });
    }
    if (isHead) return new Response(null, { headers: fileHeaders(link, head, null, now) });
    if (!rangeApplies(ifRange, head.httpEtag)) range = null;
  }

  const object = existing(
    await (range ? getRange(bucket, link.key, range) : reachable(bucket.get(link.key))),
  );
  const bytes = range && bytesOf(range, object.size);
  return new Response(object.body, {
    status: bytes ? 206 : 200,
    headers: fileHeaders(link, object, bytes, now),
  });
}

/** The link with the object that it leads to. @throws {ApiError} `not_found` while nothing is there. */
async function objectLink(link: FileLink, findPicture: FindPicture | undefined): Promise<FileLink> {
  const upload = uploadLinkOf(link.key);
  if (!upload) return link;
  const found = await findPicture?.(upload.account, upload.uploadId);
  if (found?.kind !== 'there') throw new ApiError({ tag: 'not_found' });
  const { image, until } = found;
  return {
    ...link,
    key: image.key,
    type: image.type,
    name: `${link.name}.${extensionOf(image.type)}`,
    expiresAt: Math.min(link.expiresAt, until),
  };
}

function existing<Found extends R2Object>(object: Found | null): Found {
  if (!object) throw new ApiError({ tag: 'not_found' });
  return object;
}

/** R2 rejects a range that the object does not have; what was wrong is looked up only then. */
async function getRange(bucket: R2Bucket, key: string, range: RangeRequest): Promise<R2ObjectBody | null> {
  try {
    return await bucket.get(key, { range: r2Range(range) });
  } catch (cause) {
    const head = existing(await reachable(bucket.head(key)));
    if (bytesOf(range, head.size)) throw storageUnavailable(cause);
    throw new ApiError({ tag: 'range_not_satisfiable', size: head.size });
  }
}

function r2Range(range: RangeRequest): R2Range {
  if (range.kind === 'suffix') return { suffix: range.length };
  if (range.last === undefined) return { offset: range.first };
  return { offset: range.first, length: range.last - range.first + 1 };
}

/** What a 304 repeats. A cache may keep the file as long as the link is good: the object never changes. */
function cacheHeaders(link: FileLink, object: R2Object, now: number): Headers {
  const maxAge = Math.floor((link.expiresAt - now) / MS_PER_S);
  return new Headers({
    ETag: object.httpEtag,
    'Cache-Control': `private, max-age=${maxAge}, immutable`,
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
    // A page that isolates itself may still embed the video.
    'Cross-Origin-Resource-Policy': 'cross-origin',
  });
}

function fileHeaders(link: FileLink, object: R2Object, bytes: ByteRange | null, now: number): Headers {
  const headers = cacheHeaders(link, object, now);
  headers.set('Content-Type', link.type);
  headers.set('Content-Length', String(bytes ? bytes.last - bytes.first + 1 : object.size));
  headers.set('Accept-Ranges', 'bytes');
  headers.set('Content-Disposition', `inline; filename="${link.name}"`);
  headers.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  // The link is a secret: pages opened from the file must not be told it.
  headers.set('Referrer-Policy', 'no-referrer');
  if (bytes) headers.set('Content-Range', `bytes ${bytes.first}-${bytes.last}/${object.size}`);
  return headers;
}
