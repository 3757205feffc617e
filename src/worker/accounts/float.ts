/**
 * Credits in a shard: the float that it has leased from its account, and what became of it. Pure.
 *
 * All transfers are cumulative counters that only grow, so a message that is lost, repeated or late changes nothing
 * that the next one does not put right: the receiver takes the maximum (escrow: O'Neil 1986; bounded counters:
 * Balegas 2015). At every instant, over an account and its shards:
 *
 *   granted = home + Σ (leased − received) + Σ float + Σ held + Σ captured + Σ (returned − returned seen)
 *
 * where home is what the account has not leased, and the two differences are credits in transfer.
 */

/** A shard's book, in credits. All counters but `held` only grow. */
export interface ShardBook {
  /** Ever received from the account. */
  readonly received: number;
  /** Ever given back to the account. */
  readonly returned: number;
  /** Held now by open jobs. */
  readonly held: number;
  /** Ever captured by jobs that succeeded. */
  readonly captured: number;
  /** How many holds were ever released: a recall round that sees it unchanged knows that no float was freed. */
  readonly releases: number;
}

/** The part of a book that travels in every message between shard and account. */
export interface ShardTotals {
  readonly received: number;
  readonly returned: number;
  readonly captured: number;
  readonly releases: number;
}

/** The book of a shard that never had a credit. */
export const EMPTY_BOOK: ShardBook = { received: 0, returned: 0, held: 0, captured: 0, releases: 0 };

/** Credits in the shard that no job holds. Never negative. */
export function floatOf(book: ShardBook): number {
  return book.received - book.returned - book.held - book.captured;
}

/** What the shard tells its account. */
export function totalsOf(book: ShardBook): ShardTotals {
  return {
    received: book.received,
    returned: book.returned,
    captured: book.captured,
    releases: book.releases,
  };
}

/** Books everything that the account says it has leased so far; an older figure changes nothing. */
export function receive(book: ShardBook, leasedTotal: number): ShardBook {
  return leasedTotal > book.received ? { ...book, received: leasedTotal } : book;
}

/** Holds credits for a job; null when the float does not cover them. */
export function hold(book: ShardBook, credits: number): ShardBook | null {
  return floatOf(book) >= credits ? { ...book, held: book.held + credits } : null;
}

/** Resolves a hold by charging it. Call once per hold. */
export function capture(book: ShardBook, credits: number): ShardBook {
  return { ...book, held: book.held - credits, captured: book.captured + credits };
}

/** Resolves a hold by giving it back to the float. Call once per hold. */
export function release(book: ShardBook, credits: number): ShardBook {
  return { ...book, held: book.held - credits, releases: book.releases + 1 };
}

/** Gives unheld credits back to the account, at most what is there. */
export function giveBack(book: ShardBook, credits: number): ShardBook {
  const amount = Math.min(credits, floatOf(book));
  return amount > 0 ? { ...book, returned: book.returned + amount } : book;
}
