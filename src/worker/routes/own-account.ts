/** The caller's account, for routes that ask the Account object itself and no shard. */

import type { Context } from 'hono';
import { twice } from '../calls.ts';
import type { App } from '../env.ts';
import { ApiError } from '../errors.ts';
import { reached } from '../http/outcome.ts';
import { parseShardName, type ShardRef } from '../ids.ts';
import { accountStub } from '../objects.ts';

/** What cannot be told when an account cannot be reached. */
const CREDITS = { part: 'credits' } as const;
/** Seconds after which a secret that cannot be decrypted is worth asking for again: an operator has to act. */
const UNREADABLE_RETRY_S = 300;

/** An account as a route asks it. Each call is made once more when it broke, so it must be the same when repeated. */
export interface AskedAccount {
  /** The answer as it is. @throws {ApiError} 503 when the account cannot be reached. */
  reach<T>(call: (account: ReturnType<typeof accountStub>) => Promise<T>): Promise<T>;
  /**
   * The outcome, if it is one.
   * @throws {ApiError} as `reach`; 404 for what the account does not have, and where there is no such account; 503 when a
   * secret was encrypted under an entry of the ring that is no more.
   */
  ask<T extends { readonly kind: string }>(
    call: (account: ReturnType<typeof accountStub>) => Promise<T>,
  ): Promise<Exclude<T, Unanswered>>;
}

/** What an account has no answer for. */
type Unanswered = { readonly kind: 'unknown_account' | 'not_found' | 'unreadable' };

/** An account, whoever asks. */
export function accountOf(c: Context<App>, account: string): AskedAccount {
  const reach: AskedAccount['reach'] = (call) =>
    reached(() => twice(() => call(accountStub(c.env, account))), CREDITS);
  return { reach, ask: async (call) => answered(account, await reach(call)) };
}

/**
 * The caller's account, its key checked where keys are kept.
 * @throws {ApiError} 401 for a key that was revoked or that nobody was given; 503 when the account cannot be reached.
 */
export async function ownAccount(c: Context<App>): Promise<AskedAccount> {
  const { account, keyHash } = c.get('caller');
  const own = accountOf(c, account);
  // No account, no key: so nobody who comes past here is told that there is no account.
  if (!(await own.reach((stub) => stub.authenticate(keyHash)))) throw new ApiError({ tag: 'unauthorized' });
  return own;
}

/** The shards that may have deliveries of the account: one a region where it was ever used. */
export async function shardsOf(own: AskedAccount): Promise<ShardRef[]> {
  const names = await own.reach((account) => account.shards());
  return names.map(parseShardName).filter((shard) => shard !== null);
}

function answered<T extends { readonly kind: string }>(account: string, outcome: T): Exclude<T, Unanswered> {
  switch (outcome.kind) {
    case 'unknown_account':
    case 'not_found':
      throw new ApiError({ tag: 'not_found' });
    case 'unreadable':
      throw unreadable(account);
    default:
      return outcome as Exclude<T, Unanswered>;
  }
}

/** The failure that a secret cannot be decrypted, which is logged: an operator has to act. */
export function unreadable(account: string): ApiError {
  console.error({ event: 'webhook_secret_unreadable', account });
  return new ApiError({ tag: 'unavailable', part: 'webhook_secret', retryAfter: UNREADABLE_RETRY_S });
}
