/**
 * One customer's account: keys, credits, the webhook secret, and the list of the shards that have a part of them.
 *
 * A thin shell: rows are in store.ts and shard-rows.ts, leasing in teller.ts and lease.ts, the balance in
 * balance.ts, revocations in publisher.ts. The invariants are 10 to 14 of the architecture. Nothing is written for an
 * account that was never created: a look-up answers that there is none and leaves no table behind.
 */

import { DurableObject } from 'cloudflare:workers';
import { toBase64 } from '../bytes.ts';
import { configOf, type Env } from '../env.ts';
import { parseShardName } from '../ids.ts';
import { currentEntry, decrypt, encrypt } from '../secrets.ts';
import { readBalance } from './balance.ts';
import type * as contract from './contract.ts';
import type { ReportEndpoint, ReportOutcome } from './endpoints/contract.ts';
import { mintKey, mintKeyId } from './keys.ts';
import { Publisher } from './publisher.ts';
import { ShardCalls } from './shard-calls.ts';
import { ShardRows } from './shard-rows.ts';
import { type AccountRow, AccountStore } from './store.ts';
import { Teller, type TellerBook } from './teller.ts';

/** Standard Webhooks asks for 24 to 64 bytes. */
const WEBHOOK_SECRET_BYTES = 32;

/** The secret of the ring that a ciphertext of ours was made with. */
function ringIdOf(ciphertext: string): string {
  return ciphertext.slice(0, ciphertext.indexOf('.'));
}

export class Account extends DurableObject<Env> implements contract.AccountForShard {
  readonly #store: AccountStore;
  readonly #rows: ShardRows;
  readonly #book: TellerBook;
  readonly #calls: ShardCalls;
  readonly #teller: Teller;
  readonly #publisher: Publisher;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new AccountStore(ctx.storage);
    this.#rows = new ShardRows(ctx.storage.sql);
    this.#calls = new ShardCalls(env);
    this.#book = {
      read: () => this.#rows.book(this.#store.account()?.granted ?? 0),
      bookTotals: (shard, totals) => this.#rows.bookTotals(shard, totals),
      addLease: (shard, credits) => this.#rows.addLease(shard, credits),
    };
    this.#teller = new Teller(this.#book, (shard, leased) => this.#calls.recall(shard, leased));
    this.#publisher = new Publisher({
      storage: ctx.storage,
      rows: this.#rows,
      publication: () => {
        const account = this.#store.account();
        return (
          account && {
            replica: this.#store.replica(account),
            publishedVersion: account.publishedVersion,
            secretRing: ringIdOf(account.webhookSecret),
          }
        );
      },
      push: (shard, replica) => this.#calls.applyReplica(shard, replica),
    });
  }

  /** Makes the account and its webhook secret. The same request again finds it made. */
  async create(request: contract.CreateRequest): Promise<contract.CreateOutcome> {
    if (request.id !== this.ctx.id.name) throw new TypeError('an account is made in the object of its name');
    const secret = `whsec_${toBase64(crypto.getRandomValues(new Uint8Array(WEBHOOK_SECRET_BYTES)))}`;
    const webhookSecret = await encrypt(
      configOf(this.env).SIGNING_SECRETS,
      'webhook-secret',
      secret,
      request.id,
    );
    // Looked at after the await: of two requests at once the first makes it.
    const existing = this.#store.account();
    if (existing) {
      if (existing.reference !== request.reference) return { kind: 'conflict' };
      return { kind: 'exists', id: existing.id, name: existing.name };
    }
    const { id, name, reference } = request;
    this.#store.transaction(() =>
      this.#store.insertAccount({ id, name, reference, webhookSecret }, Date.now()),
    );
    return { kind: 'created', id, name };
  }

  /** Makes an API key. Shards learn it when they first meet it, so none is told. */
  async createKey(request: { readonly name: string }): Promise<contract.CreateKeyOutcome> {
    const account = this.#store.account();
    if (!account) return { kind: 'unknown_account' };
    const minted = await mintKey(configOf(this.env).SIGNING_SECRETS, account.id);
    const id = mintKeyId();
    this.#store.transaction(() => {
      this.#store.insertKey(id, request.name, minted, Date.now());
      this.#store.nextVersion(false);
    });
    return { kind: 'created', id, name: request.name, key: minted.key };
  }

  /** Revokes a key, durable before any shard is told. Again: tells the shards that have still to hear. */
  async revokeKey(keyId: string): Promise<contract.RevokeOutcome> {
    if (!this.#store.account()) return { kind: 'unknown_account' };
    const outcome = this.#store.transaction(() => {
      const revoked = this.#store.revokeKey(keyId, Date.now());
      if (revoked === 'revoked') this.#publish();
      return revoked;
    });
    if (outcome === 'unknown') return { kind: 'unknown_key' };
    return { kind: 'revoked', pending: await this.#publisher.pushAll() };
  }

  /** Adds credits, once for each reference. */
  async grant(request: contract.GrantRequest): Promise<contract.GrantOutcome> {
    const { credits, reference } = request;
    if (!Number.isSafeInteger(credits) || credits < 1)
      throw new RangeError('credits must be a positive integer');
    if (!this.#store.account()) return { kind: 'unknown_account' };
    return this.#store.transaction(() => {
      const earlier = this.#store.grantOf(reference);
      if (earlier === null) this.#store.insertGrant(reference, credits, Date.now());
      else if (earlier !== credits) return { kind: 'conflict', credits: earlier };
      return { kind: 'granted', credits, repeated: earlier !== null };
    });
  }

  /** The account with its balance over all shards (invariant 13). */
  async summary(): Promise<contract.SummaryOutcome> {
    const account = this.#store.account();
    if (!account) return { ok: false, kind: 'unknown_account' };
    const credits = await readBalance(this.#book, (shard, leased) => this.#calls.balance(shard, leased));
    if (!credits) return { ok: false, kind: 'unreachable' };
    return { ok: true, summary: { id: account.id, name: account.name, credits } };
  }

  /** Whether there is a live key with this hash (lower-case hex SHA-256). */
  async authenticate(keyHash: string): Promise<boolean> {
    return this.#store.account() !== null && this.#store.hasLiveKey(keyHash);
  }

  /** The secret that the account's webhooks are signed with. */
  async webhookSecret(): Promise<contract.WebhookSecretOutcome> {
    const account = this.#store.account();
    if (!account) return { found: false, kind: 'unknown_account' };
    const secret = await this.#decrypt(account);
    return secret === null ? { found: false, kind: 'unreadable' } : { found: true, secret };
  }

  /** What of this account still needs which secret of the ring; null when there is no account. */
  async ringUsage(): Promise<contract.RingUsage | null> {
    const account = this.#store.account();
    if (!account) return null;
    const ciphertexts = this.#rows.replicasByRing();
    const own = ringIdOf(account.webhookSecret);
    ciphertexts[own] = (ciphertexts[own] ?? 0) + 1;
    return { keys: this.#store.liveKeysByRing(), ciphertexts };
  }

  /** Encrypts the webhook secret under the ring's current secret, here and in all shards. */
  async renewSecret(): Promise<contract.RenewOutcome> {
    const account = this.#store.account();
    if (!account) return { kind: 'unknown_account' };
    const ring = configOf(this.env).SIGNING_SECRETS;
    if (ringIdOf(account.webhookSecret) !== currentEntry(ring).id) {
      const secret = await this.#decrypt(account);
      if (secret === null) return { kind: 'unreadable' };
      const renewed = await encrypt(ring, 'webhook-secret', secret, account.id);
      this.#store.transaction(() => {
        // Unless another call has replaced it while we were encrypting.
        if (this.#store.account()?.webhookSecret !== account.webhookSecret) return;
        this.#store.setWebhookSecret(renewed);
        this.#publish();
      });
    }
    return { kind: 'renewed', pending: await this.#publisher.pushAll() };
  }

  /** A shard wants the keys. It is listed before it is answered, so every later revocation reaches it. */
  async learn(request: contract.LearnRequest): Promise<contract.LearnOutcome> {
    const account = this.#accountOf(request.shard);
    if (!account) return { found: false };
    this.#rows.list(request.shard, ringIdOf(account.webhookSecret));
    return { found: true, replica: this.#store.replica(account) };
  }

  /** A shard wants credits (invariant 12). May take as long as rounds of recalls take. */
  async lease(request: contract.LeaseRequest): Promise<contract.LeaseOutcome> {
    const account = this.#accountOf(request.shard);
    if (!account) return { kind: 'unknown_account' };
    for (const credits of [request.need, request.want]) {
      if (!Number.isSafeInteger(credits) || credits < 0) throw new RangeError('not an amount of credits');
    }
    this.#rows.list(request.shard, ringIdOf(account.webhookSecret));
    return this.#teller.lease(request);
  }

  /** A shard tells its totals, as after giving credits back, and hears the account's. */
  async settle(request: contract.SettleRequest): Promise<contract.SettleOutcome> {
    if (!this.#accountOf(request.shard)) return { leased: 0, returnedSeen: 0 };
    const line = this.#rows.bookTotals(request.shard, request.totals);
    return { leased: line.leased, returnedSeen: line.returnedSeen };
  }

  /** A shard saw what disables an endpoint. There is none. */
  async report(request: ReportEndpoint): Promise<ReportOutcome> {
    this.#accountOf(request.shard);
    return { kind: 'kept' };
  }

  /** Tells shards what they have still to hear. */
  override async alarm(): Promise<void> {
    if (this.#store.account()) await this.#publisher.pushDue(Date.now());
  }

  /** The account; null when it was never created. @throws {TypeError} for a shard of another account. */
  #accountOf(shard: string): AccountRow | null {
    if (parseShardName(shard)?.account !== this.ctx.id.name)
      throw new TypeError('not a shard of this account');
    return this.#store.account();
  }

  /** Every listed shard must hear of the change made in this transaction. */
  #publish(): void {
    this.#store.nextVersion(true);
    this.#rows.publish(Date.now());
  }

  #decrypt(account: AccountRow): Promise<string | null> {
    return decrypt(configOf(this.env).SIGNING_SECRETS, 'webhook-secret', account.webhookSecret, account.id);
  }
}
