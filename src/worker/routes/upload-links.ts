/** `/api/upload-links`: links for people who have a picture and no key. What their holders do is in link-door.ts. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticateJson } from '../http/auth.ts';
import { granted, reached } from '../http/outcome.ts';
import { mintId, shardOfId } from '../ids.ts';
import { ShardClient } from '../jobs/client.ts';
import { ownerBody } from '../links/addresses.ts';
import { LinkClient } from '../links/client.ts';
import type { LinkView } from '../links/contract.ts';
import { existing } from '../links/door.ts';
import { idempotencyKey } from './idempotency-header.ts';
import { answerSubmit } from './job-answers.ts';
import { createLink, listLinks, readLink, revokeLink, startLink } from './link-docs.ts';
import { linkOrder } from './link-spec.ts';
import { readCursor, writeCursor } from './list-cursor.ts';

const SECOND_MS = 1_000;
const NO_STORE = { 'Cache-Control': 'no-store' };

/** A link as its owner is told, with addresses that were minted now. */
function bodyOf(c: Context<App>, link: LinkView) {
  const config = c.get('config');
  const videoUntil = Date.now() + config.FILE_LINK_TTL_S * SECOND_MS;
  return ownerBody(config, c.get('caller').account, link, videoUntil);
}

/** What names a link of the caller's. A guessed id, and every other account's, touches no object. */
function ownLink(c: Context<App>, uploadId: string) {
  const { account, keyHash } = c.get('caller');
  const shard = shardOfId(c.get('config').SIGNING_SECRETS, 'up', account, uploadId);
  if (!shard) throw new ApiError({ tag: 'not_found' });
  return { client: new LinkClient(c.env, account), query: { uploadId, keyHash } };
}

export const uploadLinkRoutes = createRouter();

const { middleware: _code, ...documented } = createLink;
uploadLinkRoutes.openAPIRegistry.registerPath(documented);
// Not through the route's validator: the schema depends on the body, and a refusal looks at more than the schema.
uploadLinkRoutes.post(createLink.path, authenticateJson, async (c) => {
  const now = Date.now();
  const { account, keyHash } = c.get('caller');
  const { spec, fingerprint } = await linkOrder(c, now);
  const key = idempotencyKey(c);
  const client = new LinkClient(c.env, account);
  const uploadId = mintId(c.get('config').SIGNING_SECRETS, 'up', client.shard, now);
  const command = { uploadId, keyHash, spec, ...(key === null ? {} : { idempotency: { key, fingerprint } }) };
  const outcome = granted(await reached(() => client.createLink(command)));
  if (outcome.kind === 'mismatch') throw new ApiError({ tag: 'idempotency_mismatch' });
  if (outcome.kind === 'gone') throw new ApiError({ tag: 'gone', what: 'idempotency_key' });
  const { link, replayed } = outcome;
  if (replayed) c.header('Idempotent-Replayed', 'true');
  return c.json(await bodyOf(c, link), 201, {
    ...NO_STORE,
    Location: `${createLink.path}/${link.uploadId}`,
  });
});

uploadLinkRoutes.openapi(listLinks, async (c) => {
  const { limit, cursor } = c.req.valid('query');
  const { account, keyHash } = c.get('caller');
  const ring = c.get('config').SIGNING_SECRETS;
  const before =
    cursor === undefined ? undefined : readCursor(cursor, (id) => shardOfId(ring, 'up', account, id));
  const client = new LinkClient(c.env, account);
  const query = { keyHash, limit, ...(before === undefined ? {} : { before }) };
  const { links, more } = granted(await reached(() => client.links(query)));
  const last = links.at(-1);
  const data = await Promise.all(links.map((link) => bodyOf(c, link)));
  return c.json({ data, next_cursor: more && last ? writeCursor(last.uploadId) : null }, 200, NO_STORE);
});

uploadLinkRoutes.openapi(readLink, async (c) => {
  const { client, query } = ownLink(c, c.req.valid('param').upload_id);
  const { link } = existing(granted(await reached(() => client.link(query))));
  return c.json(await bodyOf(c, link), 200, NO_STORE);
});

uploadLinkRoutes.openapi(revokeLink, async (c) => {
  const { client, query } = ownLink(c, c.req.valid('param').upload_id);
  const outcome = existing(granted(await reached(() => client.revokeLink(query))));
  if (outcome.kind === 'used') throw new ApiError({ tag: 'link_used' });
  return c.json(await bodyOf(c, outcome.link), 200, NO_STORE);
});

uploadLinkRoutes.openapi(startLink, async (c) => {
  const { client, query } = ownLink(c, c.req.valid('param').upload_id);
  const jobId = mintId(c.get('config').SIGNING_SECRETS, 'job', client.shard, Date.now());
  // Without an answer the job's id is unknown: it may have started under another one. The order is safe to repeat.
  const outcome = existing(
    granted(await reached(() => client.startLink({ ...query, jobId }), { mayBeDone: true })),
  );
  switch (outcome.kind) {
    case 'accepted': {
      const { job, replayed } = outcome;
      const submitted = { client: new ShardClient(c.env, client.shard), job, replayed };
      return (await answerSubmit(c, submitted, 'polling')) as never;
    }
    case 'insufficient': {
      const { required, balance } = outcome;
      throw new ApiError({ tag: 'insufficient_credits', required, balance });
    }
    case 'not_uploaded':
      throw new ApiError({ tag: 'not_uploaded', status: outcome.status });
    case 'no_job':
      throw new ApiError({ tag: 'no_job' });
    case 'picture_gone':
      throw new ApiError({ tag: 'picture_expired' });
    case 'job_gone':
      throw new ApiError({ tag: 'gone', what: 'job' });
  }
});
