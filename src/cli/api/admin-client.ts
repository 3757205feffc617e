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

const SecretsPage = SecretsInUse.extend({ next_cursor: z.string().nullable() });

/** What became of the accounts' webhook secrets. */
const RenewedSecrets = z.object({
  /** Accounts whose secret now is under the entry that signs. */
  renewed: z.number(),
  /** Accounts whose secret cannot be decrypted, by id. */
  unreadable: z.array(z.string()),
  /** Parts of the service that have yet to hear of it. */
  pending_shards: z.array(z.string()),
});
export type RenewedSecrets = z.infer<typeof RenewedSecrets>;

const RenewedPage = RenewedSecrets.extend({ next_cursor: z.string().nullable() });

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

  /** Which entries of `SIGNING_SECRETS` are in use, over all accounts. */
  async secrets(): Promise<SecretsInUse> {
    const total: SecretsInUse = { ring: [], accounts: 0, keys: {}, ciphertexts: {} };
    for await (const page of this.#pages('GET', '/secrets', 'The secrets cannot be read', SecretsPage)) {
      total.ring = page.ring;
      total.accounts += page.accounts;
      addTo(total.keys, page.keys);
      addTo(total.ciphertexts, page.ciphertexts);
    }
    return total;
  }

  /** Encrypts the webhook secret of each account under the entry that signs. Safe to repeat. */
  async renewSecrets(): Promise<RenewedSecrets> {
    const total: RenewedSecrets = { renewed: 0, unreadable: [], pending_shards: [] };
    const what = 'The secrets were not all renewed';
    for await (const page of this.#pages('POST', '/secrets/renew', what, RenewedPage)) {
      total.renewed += page.renewed;
      total.unreadable.push(...page.unreadable);
      total.pending_shards.push(...page.pending_shards);
    }
    return total;
  }

  /** The answers of all pages of accounts, in turn. */
  async *#pages<Page extends { readonly next_cursor: string | null }>(
    method: 'GET' | 'POST',
    path: string,
    what: string,
    answer: z.ZodType<Page>,
  ): AsyncGenerator<Page> {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const page: Page = await this.#call({ what, path: path + query, method, answer, tries: SAFE_TRIES });
      yield page;
      cursor = page.next_cursor;
    }
  }
}

/** Adds counts to others, name by name. */
function addTo(total: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
}
