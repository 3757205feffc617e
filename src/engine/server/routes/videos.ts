import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Hono } from 'hono';
import { type AppParts, type AppTypes, sendError } from '../context.ts';
import { plainError } from '../errors.ts';
import { namesTag, parseRange } from '../range.ts';
import { VIDEO_NAME } from '../replies.ts';
import type { StoredRequest } from '../requests.ts';

const NOT_FOUND = plainError(404, 'File not found');

/** `GET` and `HEAD /files/{id}/{name}`: a finished video. Public, as fal's are: the id cannot be guessed. */
export function videoRoutes({ requests, files }: AppParts): Hono<AppTypes> {
  return new Hono<AppTypes>().get('/files/:id/:name', async (c) => {
    const request = requests.findById(c.req.param('id'));
    if (request?.outcome?.kind !== 'done' || c.req.param('name') !== VIDEO_NAME) return sendError(NOT_FOUND);
    const { bytes } = request.outcome.video;
    const tag = entityTag(request);
    const headers: Record<string, string> = {
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=3600, immutable',
      'content-type': 'video/mp4',
      etag: tag,
      'last-modified': new Date(request.ended_at ?? 0).toUTCString(),
      'x-content-type-options': 'nosniff',
    };
    if (namesTag(c.req.header('if-none-match'), tag)) return new Response(null, { status: 304, headers });

    const condition = c.req.header('if-range');
    const rangeHeader = condition === undefined || condition === tag ? c.req.header('range') : undefined;
    const range = parseRange(rangeHeader, bytes);
    if (range === 'unsatisfiable') {
      return new Response(null, {
        status: 416,
        headers: { ...headers, 'content-range': `bytes */${bytes}` },
      });
    }
    const { start, end } = range ?? { start: 0, end: bytes - 1 };
    headers['content-length'] = String(end - start + 1);
    if (range) headers['content-range'] = `bytes ${start}-${end}/${bytes}`;
    const status = range ? 206 : 200;
    if (c.req.method === 'HEAD') return new Response(null, { status, headers });

    const stream = await openVideo(files.pathOf(request), start, end);
    return stream ? new Response(stream, { status, headers }) : sendError(NOT_FOUND);
  });
}

/** A video never changes once its attempt is done. */
function entityTag({ id, attempt }: StoredRequest): string {
  return `"${id}-${attempt}"`;
}

/** The bytes of a file, both ends included; undefined when it is not there any more. Closes itself when left. */
async function openVideo(path: string, start: number, end: number): Promise<ReadableStream | undefined> {
  try {
    const handle = await open(path, 'r');
    return Readable.toWeb(handle.createReadStream({ start, end })) as ReadableStream;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
