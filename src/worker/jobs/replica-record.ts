/** The shard's copy of its account as it is stored, checked when it is read. */

import * as z from 'zod';
import type { Replica } from '../accounts/contract.ts';
import type { EventType, NoticeType } from '../webhooks/types.ts';

/** A name that a later release may have given: unknown ones are nobody's subscription, not a reason to fail. */
const name = <T extends string>() => z.custom<T>((value) => typeof value === 'string');

const Secret = z.object({
  id: z.string(),
  scheme: z.enum(['v1', 'v1a']),
  sealed: z.string(),
  expiresAt: z.number().nullable(),
});

const Endpoint = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(name<EventType>()).nullable(),
  headers: z.string().nullable(),
  rateLimit: z.number().nullable(),
  enabled: z.boolean(),
  epoch: z.number(),
  secrets: z.array(Secret),
});

const Notice = z.object({
  id: z.string(),
  type: name<NoticeType>(),
  at: z.number(),
  data: z.record(z.string(), z.unknown()),
});

const keys = z.array(z.object({ id: z.string(), hash: z.string(), revoked: z.boolean() }));

const Present = z.object({
  version: z.number(),
  keys,
  secrets: z.array(Secret),
  endpoints: z.array(Endpoint),
  notices: z.array(Notice),
});

/** As it was stored when an account had one secret and no endpoints. */
const WithOneSecret = z
  .object({ version: z.number(), keys, webhookSecret: z.string() })
  .transform(({ webhookSecret, ...rest }) => ({
    ...rest,
    secrets: [{ id: 'account', scheme: 'v1' as const, sealed: webhookSecret, expiresAt: null }],
    endpoints: [],
    notices: [],
  }));

const Stored = z.union([Present, WithOneSecret]);

/** A stored replica. @throws {z.ZodError} for anything else. */
export function readReplica(stored: unknown): Replica {
  return Stored.parse(stored);
}
