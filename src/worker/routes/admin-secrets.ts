/** Operators: which secrets of the ring are in use, and moving what can be moved to the first of them. */

import { createRoute } from '@hono/zod-openapi';
import * as z from 'zod';
import { fewAtOnce } from '../calls.ts';
import type { ListedAccount } from '../directory/contract.ts';
import type { Env } from '../env.ts';
import { ApiError } from '../errors.ts';
import { createRouter } from '../http/app.ts';
import { authenticateOperator } from '../http/auth.ts';
import { reached } from '../http/outcome.ts';
import { accountStub, directoryStub } from '../objects.ts';
import { REGIONS, type Region } from '../region.ts';
import { json, OPERATOR, problems } from './schemas.ts';

/**
 * Accounts a call looks at. With one look into each region's directory they stay below the 50 subrequests that the
 * smallest plan gives a request.
 */
const PAGE = 30;
/** What cannot be told when an account cannot be reached. */
const CREDITS = { part: 'credits' } as const;

const WRONG_CURSOR = 'must be a next_cursor of an earlier answer';
/** `region:cursor of its directory`; opaque to the caller. The empty text is the beginning of a region. */
const CURSOR = /^([a-z]{2,4}):(\d{0,15})$/;

const query = z.object({
  cursor: z
    .string({ error: WRONG_CURSOR })
    .regex(CURSOR, WRONG_CURSOR)
    .optional()
    .meta({ description: 'The `next_cursor` of the page before.' }),
});

const nextCursor = z
  .string()
  .nullable()
  .meta({ description: 'Gives the next page of accounts; null on the last one.' });
const counts = z.record(z.string(), z.int());

const showSecrets = createRoute({
  method: 'get',
  path: '/admin/secrets',
  summary: 'Which secrets of the ring are in use, for a page of accounts',
  description:
    'Counts keys and ciphertexts. An entry of SIGNING_SECRETS that none of them uses may be dropped, and not before RESULT_RETENTION_DAYS after it stopped signing: job ids and links made under it are unknown afterwards.',
  ...OPERATOR,
  middleware: [authenticateOperator] as const,
  request: { query },
  responses: {
    200: json(
      z.object({
        ring: z.array(z.string()).meta({ description: 'Ids, the one that signs first.' }),
        accounts: z.int().meta({ description: 'Of this page.' }),
        keys: counts,
        ciphertexts: counts,
        next_cursor: nextCursor,
      }),
      'Live things of these accounts, by the id of the secret that they need.',
    ),
    ...problems(400, 401),
  },
});

const renewSecrets = createRoute({
  method: 'post',
  path: '/admin/secrets/renew',
  summary: 'Encrypt what webhooks need under the secret that signs now, for a page of accounts',
  description: 'Safe to repeat. API keys cannot be moved: give out new ones and revoke the old.',
  ...OPERATOR,
  middleware: [authenticateOperator] as const,
  request: { query },
  responses: {
    200: json(
      z.object({
        renewed: z.int().meta({ description: 'Accounts whose secrets are all under the entry that signs.' }),
        unreadable: z.array(z.string()).meta({
          description: 'Accounts of which something cannot be decrypted: its entry was dropped. Put it back.',
        }),
        pending_shards: z.array(z.string()).meta({
          description: 'Shards that have still to hear of it; they are told as soon as they can be.',
        }),
        next_cursor: nextCursor,
      }),
      'Renewed.',
    ),
    ...problems(400, 401),
  },
});

export const adminSecretsRoutes = createRouter();

adminSecretsRoutes.openapi(showSecrets, async (c) => {
  const { accounts, next } = await accountsAfter(c.env, c.req.valid('query').cursor);
  const usages = await fewAtOnce(accounts, ({ id }) =>
    reached(() => accountStub(c.env, id).ringUsage(), CREDITS),
  );
  const known = usages.filter((usage) => usage !== null);
  return c.json(
    {
      ring: c.get('config').SIGNING_SECRETS.entries.map(({ id }) => id),
      accounts: known.length,
      keys: sum(known.map(({ keys }) => keys)),
      ciphertexts: sum(known.map(({ ciphertexts }) => ciphertexts)),
      next_cursor: next,
    },
    200,
  );
});

adminSecretsRoutes.openapi(renewSecrets, async (c) => {
  const { accounts, next } = await accountsAfter(c.env, c.req.valid('query').cursor);
  const outcomes = await fewAtOnce(accounts, async ({ id }) => ({
    id,
    ...(await reached(() => accountStub(c.env, id).renewSecret(), CREDITS)),
  }));
  const renewed = outcomes.filter((outcome) => outcome.kind === 'renewed');
  const unreadable = outcomes.filter(({ kind }) => kind === 'unreadable').map(({ id }) => id);
  for (const account of unreadable) console.error({ event: 'webhook_secret_unreadable', account });
  return c.json(
    {
      renewed: renewed.length,
      unreadable,
      pending_shards: renewed.flatMap(({ pending }) => pending),
      next_cursor: next,
    },
    200,
  );
});

/** The counts of all, added up. */
function sum(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [id, count] of all.flatMap((one) => Object.entries(one))) total[id] = (total[id] ?? 0) + count;
  return total;
}

/**
 * The page of accounts that a cursor stands for, region by region, and the cursor of the next. Regions without accounts
 * are passed over. @throws {ApiError} 400 for a cursor of no region, 503 when a directory cannot be reached.
 */
async function accountsAfter(
  env: Env,
  cursor = `${REGIONS[0]}:`,
): Promise<{ readonly accounts: readonly ListedAccount[]; readonly next: string | null }> {
  const [, name, start] = CURSOR.exec(cursor) ?? [];
  const first = REGIONS.indexOf(name as Region);
  if (first < 0) {
    throw new ApiError({ tag: 'invalid_request', errors: [{ pointer: '?cursor', detail: WRONG_CURSOR }] });
  }
  for (let index = first; index < REGIONS.length; index++) {
    const region = REGIONS[index] as Region;
    const after = index === first && start ? { cursor: start } : {};
    const page = await reached(() => directoryStub(env, region).accounts({ limit: PAGE, ...after }), {
      part: 'directory',
    });
    const following = REGIONS[index + 1];
    const next = page.cursor === null ? (following ? `${following}:` : null) : `${region}:${page.cursor}`;
    if (page.accounts.length > 0 || next === null) return { accounts: page.accounts, next };
  }
  return { accounts: [], next: null };
}
