/**
 * Reads an account's balance over all its shards, exact although each shard answers at a time of its own
 * (invariant 13).
 *
 * Credits pass between shards only by way of the account: given back by one, booked by the account, leased to
 * another. So the answers belong together (they are a consistent cut, Chandy and Lamport 1985) unless the account
 * has booked a return that the shard's answer does not have yet; such a shard is asked again. What a shard's answer
 * has and the account has not is booked on the spot.
 */

import { fewAtOnce } from '../calls.ts';
import type { AccountSummary, ShardBalance } from './contract.ts';
import { type AccountBook, outstandingOf } from './lease.ts';
import type { TellerBook } from './teller.ts';

/** Asks a shard for its balance. Bounded in time; null when the shard cannot be reached. */
export type AskBalance = (shard: string, leased: number) => Promise<ShardBalance | null>;

/** Each round asks only shards that gave credits back since the last; more rounds than this mean no quiet moment. */
const MAX_ROUNDS = 5;

/**
 * The account's credits: `available + held + captured` is what was granted.
 * @returns null when a shard that may have credits cannot be reached.
 */
export async function readBalance(
  book: TellerBook,
  ask: AskBalance,
): Promise<AccountSummary['credits'] | null> {
  const answers = new Map<string, ShardBalance>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const asked = book.read();
    const shards = toAsk(asked, answers);
    if (shards.length === 0) return add(asked, answers);
    const reached = await fewAtOnce(shards, async (shard) => {
      const answer = await ask(shard, asked.shards.get(shard)?.leased ?? 0);
      if (!answer) return false;
      book.bookTotals(shard, answer.totals);
      answers.set(shard, answer);
      return true;
    });
    if (reached.includes(false)) return null;
  }
  const last = book.read();
  return toAsk(last, answers).length === 0 ? add(last, answers) : null;
}

/** The shards that may have credits and have not answered, or have given some back since they did. */
function toAsk(book: AccountBook, answers: ReadonlyMap<string, ShardBalance>): string[] {
  return [...book.shards]
    .filter(([name, line]) => {
      const answer = answers.get(name);
      return answer ? answer.totals.returned < line.returnedSeen : outstandingOf(line) > 0;
    })
    .map(([name]) => name);
}

function add(book: AccountBook, answers: ReadonlyMap<string, ShardBalance>): AccountSummary['credits'] {
  let held = 0;
  let captured = 0;
  for (const [name, line] of book.shards) {
    const answer = answers.get(name);
    held += answer?.held ?? 0;
    // A shard that was not asked has nothing left, so all that it ever kept is captured, and the account knows it.
    captured += answer?.totals.captured ?? line.capturedSeen;
  }
  return { available: book.granted - held - captured, held, captured };
}
