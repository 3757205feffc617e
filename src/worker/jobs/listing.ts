/**
 * The shard's place in its region's directory: on the list before it has open work, off it only after a day without
 * (invariant 15), so an occasional submit makes no extra call and the sweep always knows where work is.
 */

import * as z from 'zod';
import { within } from '../calls.ts';
import type { DirectoryForShard } from '../directory/contract.ts';

const Stored = z.object({ epoch: z.number(), listed: z.boolean(), openAt: z.number() });
type Stored = z.infer<typeof Stored>;

const KV_KEY = 'listing';
/** A shard stays listed this long after it last had open work. */
const STAY_MS = 86_400_000;
/** `openAt` is written at most this often while work is open. */
const TOUCH_MS = 3_600_000;
/** Bound of one mark: all who wait share it, so it must not hang. */
const MARK_MS = 10_000;

export class Listing {
  readonly #kv: SyncKvStorage;
  readonly #shard: string;
  readonly #directory: () => DirectoryForShard;
  #state: Stored;
  #marking: Promise<void> | null = null;

  constructor(kv: SyncKvStorage, shard: string, directory: () => DirectoryForShard, ready: boolean) {
    this.#kv = kv;
    this.#shard = shard;
    this.#directory = directory;
    const stored = ready ? kv.get(KV_KEY) : undefined;
    this.#state = stored === undefined ? { epoch: 1, listed: false, openAt: 0 } : Stored.parse(stored);
  }

  get listed(): boolean {
    return this.#state.listed;
  }

  /**
   * Returns once the directory lists this shard.
   * @throws when the directory cannot be reached.
   */
  async ensure(now: number): Promise<void> {
    // Leaving the list while we wait for an older mark would undo it: look again after each.
    while (!this.#state.listed) {
      this.#marking ??= this.#mark(now).finally(() => {
        this.#marking = null;
      });
      await this.#marking;
    }
    this.touch(now);
  }

  /** Work is open now. */
  touch(now: number): void {
    if (now - this.#state.openAt >= TOUCH_MS) this.#save({ ...this.#state, openAt: now });
  }

  /**
   * Leaves the list when nothing has been open for a day. The next submit is listed under a new epoch. Only shards on
   * the list are ticked, so one that believes it is off it says so again: its mark's answer or its unmark was lost.
   * @param wakeAt when the sweep shall look in all the same, in ms: the shard's far-off duties.
   * @throws when the directory cannot be reached; the next tick repeats it.
   */
  async leaveIfQuiet(now: number, wakeAt: number | null): Promise<void> {
    const { listed, epoch, openAt } = this.#state;
    if (this.#marking || (listed && now - openAt < STAY_MS + TOUCH_MS)) return;
    this.#save({ ...this.#state, listed: false, epoch: epoch + 1 });
    await this.#directory().unmark({ shard: this.#shard, epoch, ...(wakeAt === null ? {} : { wakeAt }) });
  }

  async #mark(now: number): Promise<void> {
    const { epoch } = this.#state;
    await within(MARK_MS, () => this.#directory().mark({ shard: this.#shard, epoch }));
    if (this.#state.epoch === epoch) this.#save({ epoch, listed: true, openAt: now });
  }

  #save(state: Stored): void {
    this.#kv.put(KV_KEY, state);
    this.#state = state;
  }
}
