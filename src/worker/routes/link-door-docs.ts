/** `/u/{token}` in the OpenAPI document: what whoever holds a link may do without a key. The routes are in link-door.ts. */

import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import * as z from 'zod';
import type { App } from '../env.ts';
import { PublicLink } from '../links/answer.ts';
import { IMAGE_TYPES } from '../media/contract.ts';
import { json, problems } from './schemas.ts';

const binary = z.string().meta({ format: 'binary' });
const raw = Object.fromEntries(
  [...IMAGE_TYPES, 'application/octet-stream'].map((type) => [type, { schema: binary }]),
);
const text = (description: string) => z.string().optional().meta({ description });

const common = {
  path: '/u/{token}',
  tags: ['Upload links'],
  security: [],
};
const params = z.object({
  token: z.string().meta({ description: 'The secret part of the `url` of a link.' }),
});
/** The link with its picture. */
const taken = json(PublicLink, 'Taken: the link with its picture. It takes no other.');

const put: RouteConfig = {
  method: 'put',
  summary: 'Send the picture',
  description:
    'The raw bytes. The first complete upload is the link’s picture, for good; one that failed half-way can be sent again until the link expires.',
  ...common,
  request: {
    params,
    headers: z.object({
      'content-digest': text('RFC 9530: `sha-256=:BASE64:`. What does not match is refused.'),
    }),
    body: { required: true, content: raw },
  },
  responses: { 201: taken, ...problems(400, 404, 409, 410, 413, 415, 429) },
};

const post: RouteConfig = {
  method: 'post',
  summary: 'Send the picture: bytes, a form, or tus',
  description: [
    'Raw bytes as by `PUT`; or `multipart/form-data` with the picture in the field `file`, as a plain HTML form sends it.',
    'With a `Tus-Resumable` header it begins a resumable upload by tus 1.0.0 (creation, creation-with-upload, expiration,',
    'checksum, termination): 201 with the `Location` of the upload, which takes `HEAD`, `PATCH` and `DELETE` as tus has',
    'them. Any client of tus works with the link’s `url` as its endpoint. Pieces may be of any size. 412 is for another',
    'version of tus, 460 for a piece that is not what its `Upload-Checksum` says.',
  ].join(' '),
  ...common,
  request: {
    params,
    headers: z.object({
      'tus-resumable': text('`1.0.0` begins a resumable upload.'),
      'upload-length': text('tus: bytes of the whole.'),
      'upload-metadata': text(
        'tus: `filetype` is held against the types of the link; the rest is given back.',
      ),
    }),
    body: {
      required: true,
      content: { ...raw, 'multipart/form-data': { schema: z.object({ file: binary }) } },
    },
  },
  responses: {
    201: {
      ...taken,
      headers: z.object({
        Location: text('tus: where the upload goes on.'),
        'Tus-Resumable': text('tus: `1.0.0`.'),
        'Upload-Offset': text('tus: bytes that came with the creation.'),
        'Upload-Expires': text('tus: when the link ends.'),
      }),
    },
    303: {
      description: 'A form that a browser sent is taken: on to the link’s `redirect_url`, or to its page.',
      headers: z.object({ Location: z.string().meta({ description: 'Where the browser goes.' }) }),
    },
    ...problems(400, 404, 409, 410, 412, 413, 415, 429, 460),
  },
};

const get: RouteConfig = {
  method: 'get',
  summary: 'A link as whoever holds it may see it',
  description:
    'A page for people where HTML is asked for, else JSON: the link, its picture, and the video that was made of it. It can be seen until the link ends, and a day beyond the upload.',
  ...common,
  request: { params },
  responses: {
    200: {
      description: 'The link.',
      content: {
        'application/json': { schema: PublicLink },
        'text/html': { schema: z.string() },
      },
    },
    ...problems(404, 410, 429),
  },
};

/** Lists what the holder of a link may do in the document of `app`. Once per app. */
export function registerLinkDoor(app: OpenAPIHono<App>): void {
  for (const route of [put, post, get]) app.openAPIRegistry.registerPath(route);
}
