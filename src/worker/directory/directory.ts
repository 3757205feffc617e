/**
 * One region's directory: which accounts have their home here, and which shards of the region have open work
 * (invariant 15). Shards mark themselves, the sweep claims them. It calls nobody.
 *
 * Nothing is written to a directory that was only asked: an empty one answers and leaves no table behind.
 */

import { DurableObject } from 'cloudflare:workers';
import type { Env } from '../env.ts';
import { homeRegion, parseShardName } from '../ids.ts';
import type * as contract from './contract.ts';
import { DirectoryStore } from './store.ts';

/**
 * How long a sweep has the shards that it claimed, in ms. Less than the minute between two runs, so that shards of a
 * run that died are in the next one; a tick that comes twice does no harm.
 */
const CLAIM_MS = 50_000;

/** Accounts on a page, unless fewer are asked for. */
const PAGE = 100;

export class Directory extends DurableObject<Env> implements contract.DirectoryForShard {
  readonly #store: DirectoryStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new DirectoryStore(ctx.storage);
  }

  /** Lists the shard, unless it has left the list in this epoch or a later one. */
  async mark(mark: contract.Mark): Promise<void> {
    this.#note(mark, true);
  }

  /** Takes the shard off the list, unless it has been marked with a later epoch. */
  async unmark(mark: contract.Mark): Promise<void> {
    this.#note(mark, false);
  }

  /** Claims shards for a sweep. An empty directory costs this one call. */
  async claim({ limit, now }: contract.ClaimRequest): Promise<contract.Claim> {
    if (!this.#store.made) return { shards: [], listed: 0 };
    return { shards: this.#store.claim(limit, now, now + CLAIM_MS), listed: this.#store.listed() };
  }

  /** The shards had their turn. One that fails each time has had it too, or it would keep the others from theirs. */
  async served({ shards, now }: contract.ServedRequest): Promise<void> {
    if (this.#store.made) this.#store.served(shards, now);
  }

  /** Lists an account in the region of its home. */
  async register(request: contract.RegisterRequest): Promise<contract.RegisterOutcome> {
    if (homeRegion(request.id) !== this.#region())
      throw new TypeError('an account is listed in its home region');
    this.#store.make();
    const earlier = this.#store.account({ reference: request.reference });
    if (earlier) return { kind: 'registered', account: earlier };
    if (this.#store.account({ id: request.id })) return { kind: 'conflict' };
    const createdAt = Date.now();
    this.#store.insertAccount(request, createdAt);
    const { id, name, reference } = request;
    return { kind: 'registered', account: { id, name, reference, createdAt } };
  }

  /** A page of the region's accounts. */
  async accounts(
    page: { readonly cursor?: string; readonly limit?: number } = {},
  ): Promise<contract.AccountsPage> {
    if (!this.#store.made) return { accounts: [], cursor: null };
    const after = Number(page.cursor ?? 0);
    // A cursor that is none of ours finds nothing, as the end of the list does.
    if (!Number.isSafeInteger(after) || after < 0) return { accounts: [], cursor: null };
    const limit = Math.min(Math.max(1, page.limit ?? PAGE), PAGE);
    const { accounts, last } = this.#store.accountsAfter(after, limit);
    return { accounts, cursor: accounts.length < limit ? null : String(last) };
  }

  #note(mark: contract.Mark, listed: boolean): void {
    const shard = parseShardName(mark.shard);
    if (shard?.region !== this.#region())
      throw new TypeError('a shard is marked in the directory of its region');
    if (!Number.isSafeInteger(mark.epoch)) throw new RangeError('not an epoch');
    this.#store.make();
    this.#store.note(mark, listed);
  }

  /** The region in this object's name, `directory/<region>/<n>`. */
  #region(): string | undefined {
    return this.ctx.id.name?.split('/')[1];
  }
}
