/** What crosses RPC to and from a Directory object. */

/** A shard has open work. */
export interface Mark {
  readonly shard: string;
  /**
   * Kept in the shard's database; grows in the transaction that decides to leave the list, before `unmark` with the
   * old epoch is sent, so that work opened meanwhile is marked with the new one and outlives the late unmark.
   */
  readonly epoch: number;
  /** With an unmark: when the sweep shall look in all the same, in ms since 1970. */
  readonly wakeAt?: number;
}

/** What a JobShard calls on the Directory of its region. */
export interface DirectoryForShard {
  /** Lists the shard. A repeated or older mark changes nothing. */
  mark(mark: Mark): Promise<void>;
  /** Takes the shard off the list if its listed epoch is still this one. */
  unmark(mark: Mark): Promise<void>;
}

/** An account to be listed in the region of its home, before it is created. */
export interface RegisterRequest {
  readonly id: string;
  readonly name: string;
  /** Of two requests with one reference the first wins, and both are told its account. */
  readonly reference: string;
}

/** An account as the directory knows it. */
export interface ListedAccount extends RegisterRequest {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type RegisterOutcome =
  /** The account under this reference: the caller's, or the one that was there before. */
  | { readonly kind: 'registered'; readonly account: ListedAccount }
  /** The id is listed under another reference. */
  | { readonly kind: 'conflict' };

/** A page of accounts, in the order of their making. */
export interface AccountsPage {
  readonly accounts: readonly ListedAccount[];
  /** Gives the next page; null on the last one. */
  readonly cursor: string | null;
}

/** A sweep asks for shards to tick. */
export interface ClaimRequest {
  /** The most that it can serve. */
  readonly limit: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}
export interface Claim {
  /** Longest unserved first. Nobody else gets them while the sweep runs. */
  readonly shards: readonly string[];
  /** How many shards of the region have open work. */
  readonly listed: number;
}

/** A sweep tells which shards had their turn, whatever became of it. */
export interface ServedRequest {
  readonly shards: readonly string[];
  /** When the run began: milliseconds since 1970. */
  readonly now: number;
}

/** The answer of a shard to a tick. */
export interface TickReport {
  /** Pieces of due work done. */
  readonly worked: number;
  /** Work still due now, left for the next tick. */
  readonly due: number;
}
