/** What crosses RPC to and from a Directory object. */

/** A shard has open work. */
export interface Mark {
  readonly shard: string;
  /**
   * Kept in the shard's database; grows in the transaction that decides to leave the list, before `unmark` with the
   * old epoch is sent, so that work opened meanwhile is marked with the new one and outlives the late unmark.
   */
  readonly epoch: number;
}

/** What a JobShard calls on the Directory of its region. */
export interface DirectoryForShard {
  /** Lists the shard. A repeated or older mark changes nothing. */
  mark(mark: Mark): Promise<void>;
  /** Takes the shard off the list if its listed epoch is still this one. */
  unmark(mark: Mark): Promise<void>;
}

/** The answer of a shard to a tick. */
export interface TickReport {
  /** Pieces of due work done. */
  readonly worked: number;
  /** Work still due now, left for the next tick. */
  readonly due: number;
}
