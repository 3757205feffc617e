/** Operators: accounts, keys, credits. */

import { createRoute } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import * as z from 'zod';
import type { App, Env } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticateOperator } from '../http/auth.ts';
import { jsonBody } from '../http/body.ts';
import { notAnObject } from '../http/fields.ts';
import { reached } from '../http/outcome.ts';
import { homeRegion, mintAccountId } from '../ids.ts';
import { accountStub, directoryStub } from '../objects.ts';
import { REGIONS, type Region } from '../region.ts';
import { summaryOf } from './account-answers.ts';
import { requestRegion } from './region-of-request.ts';
import { AccountSummary, json, OPERATOR, problems } from './schemas.ts';

/** Longest name of an account or key, in characters: it is shown in lists. */
const MAX_NAME_LENGTH = 200;
/** Home of accounts that are made under a reference without a region. */
const HOME_OF_REFERENCES: Region = 'enam';
/** Longest reference, in characters: an invoice number, or the id of a payment. */
const MAX_REFERENCE_LENGTH = 255;
/** Most credits of one grant: $10 million, far from where integers end. */
const MAX_GRANT = 1_000_000_000;
/** What cannot be told when an account cannot be reached. */
const CREDITS = { part: 'credits' } as const;

/** A text that stands in lists and ledgers. */
const bounded = (limit: number, prepared = (text: z.ZodString) => text) =>
  prepared(z.string({ error: `must be a text of 1 to ${limit} characters` }))
    .min(1, 'must not be empty')
    .max(limit, `may have at most ${limit} characters`);
const name = bounded(MAX_NAME_LENGTH, (text) => text.trim());
/** Not trimmed: it is compared as it was given. */
const reference = bounded(MAX_REFERENCE_LENGTH);
const CREDITS_RANGE = `must be a whole number of 1 to ${MAX_GRANT.toLocaleString('en-US')}`;
const accountParam = z.object({ id: z.string() });
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
});

/** The operator first, then the body, as everywhere. */
const readJson: MiddlewareHandler<App> = async (c, next) => {
  await jsonBody(c);
  await next();
};

const createAccount = createRoute({
  method: 'post',
  path: '/admin/accounts',
  summary: 'Create an account',
  ...OPERATOR,
  middleware: [authenticateOperator, readJson] as const,
  request: {
    body: body(
      z.strictObject(
        {
          name,
          region: z
            .enum(REGIONS, { error: `must be one of ${REGIONS.join(', ')}` })
            .optional()
            .meta({ description: 'The home region; default where the request is from.' }),
          reference: reference.optional().meta({
            description:
              'Makes the call idempotent: the same reference and region is the same account. Without a region it is then enam, so that a retry from elsewhere finds the account.',
          }),
        },
        { error: notAnObject },
      ),
    ),
  },
  responses: {
    201: json(z.object({ id: z.string(), name: z.string() }), 'Created.'),
    ...problems(400, 401, 409, 413, 415),
  },
});

const showAccount = createRoute({
  method: 'get',
  path: '/admin/accounts/{id}',
  summary: 'An account and its credits',
  ...OPERATOR,
  middleware: [authenticateOperator] as const,
  request: { params: accountParam },
  responses: { 200: json(AccountSummary, 'The balance over all regions.'), ...problems(401, 404) },
});

const createKey = createRoute({
  method: 'post',
  path: '/admin/accounts/{id}/keys',
  summary: 'Create an API key',
  ...OPERATOR,
  middleware: [authenticateOperator, readJson] as const,
  request: { params: accountParam, body: body(z.strictObject({ name }, { error: notAnObject })) },
  responses: {
    201: json(
      z.object({
        id: z.string(),
        name: z.string(),
        key: z.string().meta({ description: 'Shown this once.' }),
      }),
      'Created.',
    ),
    ...problems(400, 401, 404, 413, 415),
  },
});

const Revoked = z.object({
  id: z.string(),
  revoked: z.literal(true),
  pending_shards: z.array(z.string()).meta({ description: 'Shards that have still to hear of it.' }),
});

const revokeKey = createRoute({
  method: 'delete',
  path: '/admin/accounts/{id}/keys/{key_id}',
  summary: 'Revoke an API key',
  ...OPERATOR,
  middleware: [authenticateOperator] as const,
  request: { params: z.object({ id: z.string(), key_id: z.string() }) },
  responses: {
    200: json(Revoked, 'Revoked everywhere.'),
    202: json(Revoked, 'Revoked; some shards cannot be reached and are told as soon as they can be.'),
    ...problems(401, 404),
  },
});

const grantCredits = createRoute({
  method: 'post',
  path: '/admin/accounts/{id}/credits',
  summary: 'Grant credits',
  description: 'Idempotent by reference.',
  ...OPERATOR,
  middleware: [authenticateOperator, readJson] as const,
  request: {
    params: accountParam,
    body: body(
      z.strictObject(
        {
          credits: z.int(CREDITS_RANGE).min(1, CREDITS_RANGE).max(MAX_GRANT, CREDITS_RANGE),
          reference,
        },
        { error: notAnObject },
      ),
    ),
  },
  responses: {
    200: json(z.object({ credits: z.int(), reference: z.string(), repeated: z.boolean() }), 'Granted.'),
    ...problems(400, 401, 404, 409, 413, 415),
  },
});

export const adminRoutes = createRouter();

/** The stub of an account that an operator names. @throws {ApiError} for what is no account id. */
function named(env: Env, id: string) {
  if (!homeRegion(id)) throw new ApiError({ tag: 'not_found' });
  return () => accountStub(env, id);
}

adminRoutes.openapi(createAccount, async (c) => {
  const request = c.req.valid('json');
  // A reference is decided in one region's directory, so without a region it must not follow the caller about.
  const region = request.region ?? (request.reference === undefined ? requestRegion(c) : HOME_OF_REFERENCES);
  const minted = mintAccountId(region);
  const reference = request.reference ?? minted;
  // Listed first, then created: a crash between the two leaves a name in a list, never an account that no list has.
  const registered = await reached(
    () => directoryStub(c.env, region).register({ id: minted, name: request.name, reference }),
    { part: 'directory' },
  );
  if (registered.kind === 'conflict') throw new ApiError({ tag: 'reference_conflict' });
  const { id, name: listedName } = registered.account;
  const created = await reached(
    () => accountStub(c.env, id).create({ id, name: listedName, reference }),
    CREDITS,
  );
  if (created.kind === 'conflict') throw new ApiError({ tag: 'reference_conflict' });
  return c.json({ id, name: created.name }, 201);
});

adminRoutes.openapi(showAccount, async (c) => {
  const stub = named(c.env, c.req.valid('param').id);
  return c.json(summaryOf(await reached(() => stub().summary(), CREDITS)), 200);
});

adminRoutes.openapi(createKey, async (c) => {
  const stub = named(c.env, c.req.valid('param').id);
  const created = await reached(() => stub().createKey({ name: c.req.valid('json').name }), CREDITS);
  if (created.kind === 'unknown_account') throw new ApiError({ tag: 'not_found' });
  return c.json({ id: created.id, name: created.name, key: created.key }, 201);
});

adminRoutes.openapi(revokeKey, async (c) => {
  const { id, key_id } = c.req.valid('param');
  const stub = named(c.env, id);
  const revoked = await reached(() => stub().revokeKey(key_id), CREDITS);
  if (revoked.kind !== 'revoked') throw new ApiError({ tag: 'not_found' });
  const answer = { id: key_id, revoked: true as const, pending_shards: [...revoked.pending] };
  return revoked.pending.length === 0 ? c.json(answer, 200) : c.json(answer, 202);
});

adminRoutes.openapi(grantCredits, async (c) => {
  const { credits, reference } = c.req.valid('json');
  const stub = named(c.env, c.req.valid('param').id);
  const granted = await reached(() => stub().grant({ credits, reference }), CREDITS);
  if (granted.kind === 'unknown_account') throw new ApiError({ tag: 'not_found' });
  if (granted.kind === 'conflict') throw new ApiError({ tag: 'reference_conflict' });
  return c.json({ credits, reference, repeated: granted.repeated }, 200);
});
