/**
 * One customer's account: keys, credits, webhook endpoints and secrets, and the list of the shards that have a part of
 * them.
 *
 * A thin shell: it turns calls into those of its parts (parts.ts). Rows are in store.ts and shard-rows.ts, leasing in
 * teller.ts and lease.ts, the balance in balance.ts, what shards must hear in publisher.ts, webhooks in endpoints/. The
 * invariants are 10 to 14 of the architecture. Nothing is written for an account that was never created: a look-up
 * answers that there is none and leaves no table behind.
 */

import { DurableObject } from 'cloudflare:workers';
import type { Env } from '../env.ts';
import { parseShardName } from '../ids.ts';
import type * as contract from './contract.ts';
import type * as webhooks from './endpoints/contract.ts';
import { mintKey, mintKeyId } from './keys.ts';
import { type AccountParts, partsOf } from './parts.ts';
import type { AccountRow } from './store.ts';

export class Account
  extends DurableObject<Env>
  implements contract.AccountForShard, webhooks.AccountForWebhooks
{
  readonly #parts: AccountParts;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#parts = partsOf(ctx, env);
  }

  /** Makes the account and its webhook secrets. The same request again finds it made. */
  async create(request: contract.CreateRequest): Promise<contract.CreateOutcome> {
    if (request.id !== this.ctx.id.name) throw new TypeError('an account is made in the object of its name');
    const { store, secretDesk } = this.#parts;
    const insertSecrets = await secretDesk.prepare();
    // Looked at after the await: of two requests at once the first makes it.
    const existing = store.account();
    if (existing) {
      if (existing.reference !== request.reference) return { kind: 'conflict' };
      return { kind: 'exists', id: existing.id, name: existing.name };
    }
    const { id, name, reference } = request;
    store.transaction(() => {
      store.insertAccount({ id, name, reference }, Date.now());
      insertSecrets();
    });
    return { kind: 'created', id, name };
  }

  /** Makes an API key. Shards learn it when they first meet it, so none is told. */
  async createKey(request: { readonly name: string }): Promise<contract.CreateKeyOutcome> {
    const { store, ring } = this.#parts;
    const account = store.account();
    if (!account) return { kind: 'unknown_account' };
    const minted = await mintKey(ring(), account.id);
    const id = mintKeyId();
    store.transaction(() => {
      store.insertKey(id, request.name, minted, Date.now());
      store.nextVersion(false);
    });
    return { kind: 'created', id, name: request.name, key: minted.key };
  }

  /** Revokes a key, durable before any shard is told. Again: tells the shards that have still to hear. */
  async revokeKey(keyId: string): Promise<contract.RevokeOutcome> {
    const { store, publish, publisher } = this.#parts;
    if (!store.account()) return { kind: 'unknown_account' };
    const outcome = store.transaction(() => {
      const revoked = store.revokeKey(keyId, Date.now());
      if (revoked === 'revoked') publish();
      return revoked;
    });
    if (outcome === 'unknown') return { kind: 'unknown_key' };
    return { kind: 'revoked', pending: await publisher.pushAll() };
  }

  /** Adds credits, once for each reference. */
  async grant(request: contract.GrantRequest): Promise<contract.GrantOutcome> {
    const { credits, reference } = request;
    const { store, low } = this.#parts;
    if (!Number.isSafeInteger(credits) || credits < 1)
      throw new RangeError('credits must be a positive integer');
    if (!store.account()) return { kind: 'unknown_account' };
    const earlier = store.grantOf(reference);
    if (earlier !== null && earlier !== credits) return { kind: 'conflict', credits: earlier };
    if (earlier === null) {
      store.transaction(() => store.insertGrant(reference, credits, Date.now()));
      low.granted();
    }
    return { kind: 'granted', credits, repeated: earlier !== null };
  }

  /** The account with its balance over all shards (invariant 13). */
  async summary(): Promise<contract.SummaryOutcome> {
    const account = this.#parts.store.account();
    if (!account) return { ok: false, kind: 'unknown_account' };
    const credits = await this.#parts.balance();
    if (!credits) return { ok: false, kind: 'unreachable' };
    return { ok: true, summary: { id: account.id, name: account.name, credits } };
  }

  /** Whether there is a live key with this hash (lower-case hex SHA-256). */
  async authenticate(keyHash: string): Promise<boolean> {
    const { store } = this.#parts;
    return store.account() !== null && store.hasLiveKey(keyHash);
  }

  /** The secret that the `webhook_url` of jobs is signed with. */
  async webhookSecret(): Promise<contract.WebhookSecretOutcome> {
    return this.#parts.secretDesk.accountSecret();
  }

  /** What of this account still needs which secret of the ring; null when there is no account. */
  async ringUsage(): Promise<contract.RingUsage | null> {
    return this.#parts.renewal.usage();
  }

  /** Encrypts all that is encrypted under the ring's current secret, here and in all shards. */
  async renewSecret(): Promise<contract.RenewOutcome> {
    return this.#parts.renewal.renew();
  }

  // The account's webhooks: endpoints/contract.ts says what each call means.

  async createEndpoint(request: webhooks.CreateEndpoint): Promise<webhooks.CreateEndpointOutcome> {
    return this.#parts.desk.create(request);
  }

  async updateEndpoint(request: webhooks.UpdateEndpoint): Promise<webhooks.UpdateEndpointOutcome> {
    return this.#parts.desk.update(request);
  }

  async deleteEndpoint(id: string): Promise<webhooks.DeleteEndpointOutcome> {
    return this.#parts.desk.delete(id);
  }

  async readEndpoint(id: string): Promise<webhooks.ReadEndpointOutcome> {
    return this.#parts.desk.read(id);
  }

  async listEndpoints(): Promise<webhooks.ListEndpointsOutcome> {
    return this.#parts.desk.list();
  }

  async rotateSecret(request: webhooks.RotateSecret): Promise<webhooks.RotateOutcome> {
    return this.#parts.secretDesk.rotate(request);
  }

  async webhookKeys(): Promise<webhooks.WebhookKeysOutcome> {
    return this.#parts.secretDesk.keys();
  }

  async settings(): Promise<webhooks.SettingsOutcome> {
    return this.#parts.low.settings();
  }

  async updateSettings(settings: Partial<webhooks.AccountSettings>): Promise<webhooks.SettingsOutcome> {
    return this.#parts.low.update(settings);
  }

  async shards(): Promise<readonly string[]> {
    return this.#parts.store.account() ? this.#parts.shards.names() : [];
  }

  /** A shard wants the keys. It is listed before it is answered, so every later revocation reaches it. */
  async learn(request: contract.LearnRequest): Promise<contract.LearnOutcome> {
    if (!this.#accountOf(request.shard)) return { found: false };
    await this.#parts.secretDesk.ensureKey();
    const account = this.#listed(request.shard);
    if (!account) return { found: false };
    return { found: true, replica: this.#parts.source.replica(account, request.shard) };
  }

  /** A shard wants credits (invariant 12). May take as long as rounds of recalls take. */
  async lease(request: contract.LeaseRequest): Promise<contract.LeaseOutcome> {
    if (!this.#accountOf(request.shard)) return { kind: 'unknown_account' };
    for (const credits of [request.need, request.want]) {
      if (!Number.isSafeInteger(credits) || credits < 0) throw new RangeError('not an amount of credits');
    }
    this.#listed(request.shard);
    const outcome = await this.#parts.teller.lease(request);
    this.#parts.low.moved();
    return outcome;
  }

  /** A shard tells its totals, as after giving credits back, and hears the account's. */
  async settle(request: contract.SettleRequest): Promise<contract.SettleOutcome> {
    if (!this.#accountOf(request.shard)) return { leased: 0, returnedSeen: 0 };
    const line = this.#parts.shards.bookTotals(request.shard, request.totals);
    this.#parts.low.moved();
    return { leased: line.leased, returnedSeen: line.returnedSeen };
  }

  /** A shard saw what disables an endpoint. */
  async report(request: webhooks.ReportEndpoint): Promise<webhooks.ReportOutcome> {
    if (!this.#accountOf(request.shard)) return { kind: 'kept' };
    return this.#parts.disabling.report(request);
  }

  /** Tells shards what they have still to hear, drops what has had its time, and reads a balance that is due. */
  override async alarm(): Promise<void> {
    const { store, secrets, publish, publisher, low } = this.#parts;
    if (!store.account()) return;
    if ((secrets.nextExpiry() ?? Infinity) <= Date.now()) store.transaction(publish);
    const now = Date.now();
    await Promise.all([publisher.pushDue(now), low.runDue(now)]);
  }

  /** The account, with this shard on its list; null when it was never created. */
  #listed(shard: string): AccountRow | null {
    const { shards, source } = this.#parts;
    const account = this.#accountOf(shard);
    if (account) shards.list(shard, () => source.rings(account));
    return account;
  }

  /** The account; null when it was never created. @throws {TypeError} for a shard of another account. */
  #accountOf(shard: string): AccountRow | null {
    if (parseShardName(shard)?.account !== this.ctx.id.name)
      throw new TypeError('not a shard of this account');
    return this.#parts.store.account();
  }
}
