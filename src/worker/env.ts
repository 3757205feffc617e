/** Bindings, parsed configuration, and the type of our Hono app: the only place that reads raw variables. */

import * as z from 'zod';
import type { Account } from './accounts/account.ts';
import type { Directory } from './directory/directory.ts';
import type { JobShard } from './jobs/shard.ts';
import { modelOf } from './models/index.ts';
import { parseRing, type Ring } from './secrets.ts';

/** What `wrangler.toml` binds. Variables arrive untyped: read them through {@link configOf}. */
export interface Env {
  readonly SHARDS: DurableObjectNamespace<JobShard>;
  readonly ACCOUNTS: DurableObjectNamespace<Account>;
  readonly DIRECTORIES: DurableObjectNamespace<Directory>;
  readonly BUCKET: R2Bucket;
  readonly [variable: string]: unknown;
}

const COUNT = 'must be a positive whole number';
/** A variable may be a number in `wrangler.toml` or text from `--var` or a secret. */
const count = (fallback: number) =>
  z.coerce.number({ error: COUNT }).int(COUNT).positive(COUNT).default(fallback);
const flag = z
  .union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')], {
    error: 'must be true or false',
  })
  .default(false);

/** Perhaps with a path, without a trailing slash: paths of the other side are put behind it. */
const BASE = 'must be an http or https URL without user name, query and fragment';
const base = z
  .url({ protocol: /^https?$/, error: BASE })
  .refine((text) => !/[?#@]/.test(text), { error: BASE })
  .transform((text) => text.replace(/\/+$/, ''));

/** `https://video.example.com` and nothing behind it: our routes begin at the root, so links below a path lead nowhere. */
const ORIGIN =
  'must be an http or https origin such as https://video.example.com, without path, user name, query and fragment';
const origin = z
  .url({ protocol: /^https?$/, error: ORIGIN, abort: true })
  .refine((text) => /^https?:\/\/[^/?#@]+\/*$/i.test(text), { error: ORIGIN })
  .transform((text) => text.replace(/\/+$/, ''));

/** Micro-dollars per second of video, by resolution. */
const PriceTable = z.record(
  z.string(),
  z.number({ error: 'must be micro-dollars per second' }).int(COUNT).positive(COUNT),
);
/**
 * By model id, then by resolution. JSON text when it comes from a secret or the command line. A name that no model has
 * is refused: a misspelt one would sell at another price than the operator believes.
 */
const Prices = z
  .preprocess(
    (value, context): unknown => {
      if (typeof value !== 'string') return value;
      try {
        return JSON.parse(value);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    },
    z.record(z.string(), PriceTable, { error: 'must be a table of models' }),
  )
  .superRefine((prices, context) => {
    for (const [id, table] of Object.entries(prices)) {
      const model = modelOf(id);
      if (!model) context.addIssue({ code: 'custom', path: [id], message: 'is not a model' });
      for (const resolution of model ? Object.keys(table) : []) {
        if (Object.hasOwn(model?.defaultPrices ?? {}, resolution)) continue;
        context.addIssue({
          code: 'custom',
          path: [id, resolution],
          message: 'is not a resolution of this model',
        });
      }
    }
  });

const ring = z.string().transform((text, context): Ring => {
  try {
    return parseRing(text);
  } catch (cause) {
    context.addIssue({ code: 'custom', message: cause instanceof Error ? cause.message : String(cause) });
    return z.NEVER;
  }
});

/** The parsed variables. Units are in the names. */
export const Config = z.object({
  /** Where the world reaches this deployment. Every URL that we answer with is made from it. */
  PUBLIC_URL: origin,
  /** See secrets.ts. */
  SIGNING_SECRETS: ring,
  /** Without it `/admin` refuses everybody. */
  ADMIN_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, 'must be 16 or more printable ASCII characters without spaces')
    .optional(),
  /** Without it jobs are refused with 503. */
  FAL_KEY: z
    .string()
    // A secret that was read from a file ends in a line break.
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII characters without spaces')
    .optional(),
  FAL_QUEUE_URL: base.default('https://queue.fal.run'),
  FAL_JWKS_URL: z.url().default('https://rest.fal.ai/.well-known/jwks.json'),
  /** Whether the upstream takes two submits with one callback URL for one. fal does not, the local engine does. */
  FAL_DEDUPES: flag,
  /** Asked what names in the addresses of webhooks resolve to; see webhooks/dns.ts. */
  DOH_URL: base.default('https://cloudflare-dns.com/dns-query'),
  /** Set by `npm start` and by tests alone: allows loopback addresses and a region header. */
  LOCAL_MODE: flag,
  INLINE_WAIT_S: count(240),
  MAX_BODY_BYTES: count(16_777_216),
  MAX_UPLOAD_BYTES: count(20_971_520),
  /** What an upload link takes unless it says less or more; never above MAX_UPLOAD_BYTES. */
  UPLOAD_LINK_MAX_BYTES: count(20_971_520),
  JOB_DEADLINE_S: count(3_600),
  SUBMIT_DEADLINE_S: count(900),
  RESULT_RETENTION_DAYS: count(30),
  INPUT_RETENTION_HOURS: count(48),
  FILE_LINK_TTL_S: count(86_400),
  SWEEP_SHARDS: count(200),
  PRICES: Prices.default({}),
});
export type Config = z.infer<typeof Config>;

/** A deployment whose variables do not parse. The message names each wrong variable and no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const parsed = new WeakMap<Env, Config>();

/**
 * The configuration of this deployment, parsed once per isolate.
 * @throws {ConfigError}
 */
export function configOf(env: Env): Config {
  let config = parsed.get(env);
  if (!config) {
    const result = Config.safeParse(env);
    if (!result.success) {
      const lines = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      throw new ConfigError(lines.join('; '));
    }
    config = result.data;
    parsed.set(env, config);
  }
  return config;
}

/** What our middleware leaves for the routes. */
export interface Variables {
  config: Config;
  requestId: string;
  /** The authenticated caller; set by `authenticate`. */
  caller: Caller;
  /** The parsed JSON body; set by `authenticateJson`. */
  body: unknown;
}

/** An API key that carries our MAC. Whether it is still valid, only a shard or the account can tell. */
export interface Caller {
  readonly account: string;
  /** Lower-case hex SHA-256 of the key. */
  readonly keyHash: string;
}

/** The type of our Hono app. */
export interface App {
  Bindings: Env;
  Variables: Variables;
}
