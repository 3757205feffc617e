/** The operator's side of the API. */

import * as z from 'zod';
import {
  AccountSummary as AccountAnswer,
  type AccountSummary,
  CreatedAccount,
  CreatedKey,
} from './answers.ts';
import { type Call, call } from './http.ts';

/** `repeated`: the reference had been used before, so nothing was added. */
const Granted = z.object({ repeated: z.boolean() });

/** `pending_shards`: parts of the service that have yet to hear of it. */
const Revoked = z.object({ pending_shards: z.array(z.string()) });

/** Entries of `SIGNING_SECRETS` by id, the one that signs first, and how many live things need each. */
const SecretsInUse = z.object({
  ring: z.array(z.string()),
  accounts: z.number(),
  keys: z.record(z.string(), z.number()),
  ciphertexts: z.record(z.string(), z.number()),
});
export type SecretsInUse = z.infer<typeof SecretsInUse>;

/** For calls that may come twice. */
const SAFE_TRIES = 4;

/** Calls `/admin` with the operator's token. All methods throw {@link CliError}. */
export class AdminClient {
  readonly url: string;
  readonly #token: string;
  readonly #signal: AbortSignal | undefined;
  /** `signal` ends every call and every pause between tries. */
  constructor(url: string, token: string, signal?: AbortSignal) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#signal = signal;
  }

  #call<T>(request: Omit<Call<T>, 'token' | 'url' | 'signal'> & { readonly path: string }): Promise<T> {
    const { path, ...rest } = request;
    return call({ ...rest, url: `${this.url}/admin${path}`, token: this.#token, signal: this.#signal });
  }

  /**
   * A new account without credits. The service chooses its home when `region` is left out. With a `reference` the
   * same call is the same account.
   */
  createAccount(
    name: string,
    options: { readonly region?: string | undefined; readonly reference?: string | undefined } = {},
  ): Promise<CreatedAccount> {
    return this.#call({
      what: 'The account was not created',
      path: '/accounts',
      method: 'POST',
      json: { name, ...options },
      answer: CreatedAccount,
      tries: options.reference === undefined ? 1 : SAFE_TRIES,
    });
  }

  /** Name and credits of an account. */
  account(id: string): Promise<AccountSummary> {
    return this.#call({
      what: 'The account cannot be read',
      path: `/accounts/${encodeURIComponent(id)}`,
      answer: AccountAnswer,
      tries: SAFE_TRIES,
    });
  }

  /** A new key; the answer is the only place where it is ever shown. */
  createKey(account: string, name: string): Promise<CreatedKey> {
    return this.#call({
      what: 'The key was not created',
      path: `/accounts/${encodeURIComponent(account)}/keys`,
      method: 'POST',
      json: { name },
      answer: CreatedKey,
    });
  }

  /** Ends a key. Durable when this resolves; tells which shards have yet to hear of it. */
  async revokeKey(account: string, keyId: string): Promise<readonly string[]> {
    const answer = await this.#call({
      what: 'The key was not revoked',
      path: `/accounts/${encodeURIComponent(account)}/keys/${encodeURIComponent(keyId)}`,
      method: 'DELETE',
      answer: Revoked,
      tries: SAFE_TRIES,
    });
    return answer.pending_shards;
  }

  /** Grants credits, once per `reference` however often it is called. Says whether it had been granted before. */
  async grant(account: string, credits: number, reference: string): Promise<{ readonly repeated: boolean }> {
    return this.#call({
      what: 'The credits were not granted',
      path: `/accounts/${encodeURIComponent(account)}/credits`,
      method: 'POST',
      json: { credits, reference },
      answer: Granted,
      tries: SAFE_TRIES,
    });
  }

  /** Which entries of `SIGNING_SECRETS` are in use. */
  secrets(): Promise<SecretsInUse> {
    return this.#call({
      what: 'The secrets cannot be read',
      path: '/secrets',
      answer: SecretsInUse,
      tries: SAFE_TRIES,
    });
  }
}
