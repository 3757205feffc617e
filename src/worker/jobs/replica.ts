/** The shard's copy of its account's keys, webhook endpoints and secrets (invariant 14). */

import type { AccountForShard, Replica } from '../accounts/contract.ts';
import type { Notice, ReplicaEndpoint, SealedSecret } from '../accounts/endpoints/contract.ts';
import { within } from '../calls.ts';
import { readReplica } from './replica-record.ts';

const KV_KEY = 'replica';
/** Bound of one question to the account: all who wait share it, so it must not hang. */
const LEARN_MS = 10_000;

export class KeyReplica {
  readonly #kv: SyncKvStorage;
  readonly #shard: string;
  readonly #account: () => AccountForShard;
  /** Called when a newer replica was taken over, in the same event as it was written. */
  onApply: () => void = () => undefined;
  #replica: Replica | null;
  /** Hash to "revoked", so that a check costs one look-up. */
  #keys = new Map<string, boolean>();
  #learning: Promise<void> | null = null;

  constructor(kv: SyncKvStorage, shard: string, account: () => AccountForShard, ready: boolean) {
    this.#kv = kv;
    this.#shard = shard;
    this.#account = account;
    const stored = ready ? kv.get(KV_KEY) : undefined;
    this.#replica = stored === undefined ? null : readReplica(stored);
    this.#index();
  }

  /** The replica's version; 0 before the first. */
  get version(): number {
    return this.#replica?.version ?? 0;
  }

  /** The account's own secrets, expired ones perhaps among them; none before the account was ever met. */
  get secrets(): readonly SealedSecret[] {
    return this.#replica?.secrets ?? [];
  }

  /** The account's webhook endpoints. */
  get endpoints(): readonly ReplicaEndpoint[] {
    return this.#replica?.endpoints ?? [];
  }

  /** Events about the account that this shard is to deliver. The same one may come in several versions. */
  get notices(): readonly Notice[] {
    return this.#replica?.notices ?? [];
  }

  /** Takes a replica over unless ours is as new. */
  apply(replica: Replica): void {
    if (replica.version <= this.version) return;
    this.#kv.put(KV_KEY, replica);
    this.#replica = replica;
    this.#index();
    this.onApply();
  }

  /**
   * Whether the key is valid. One that we do not know is asked of the account, once for all who wait.
   * @throws when the account cannot be reached.
   */
  async isValid(hash: string): Promise<boolean> {
    // A learn that is under way may have been answered before this key was made.
    if (!this.#keys.has(hash) && this.#learning) await this.#learning.catch(() => undefined);
    if (!this.#keys.has(hash)) {
      this.#learning ??= this.#learn().finally(() => {
        this.#learning = null;
      });
      await this.#learning;
    }
    return this.#keys.get(hash) === false;
  }

  /** What is known of the key without asking: true and false are certain, undefined is not known here. */
  knows(hash: string): boolean | undefined {
    const revoked = this.#keys.get(hash);
    return revoked === undefined ? undefined : !revoked;
  }

  async #learn(): Promise<void> {
    const outcome = await within(LEARN_MS, () => this.#account().learn({ shard: this.#shard }));
    if (outcome.found) this.apply(outcome.replica);
  }

  #index(): void {
    this.#keys = new Map(this.#replica?.keys.map((key) => [key.hash, key.revoked]));
  }
}
