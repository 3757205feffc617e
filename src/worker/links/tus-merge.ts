/**
 * How a resumable upload in very many small pieces stays a short list of parts: now and then, the last parts and the
 * next piece become one object. Pure.
 *
 * A part joins what follows it when it is no bigger than that, so that what was joined is at least twice as big: a byte
 * is copied as often as a part's size can double, not once for each piece that comes after it.
 */

/** So many parts are worth a read each: most pieces are then put and nothing else. */
const WORTH_IT = 8;

/**
 * How many of the last parts, with the next piece behind them, become one object. 0: the piece is a part of its own.
 * @param sizes bytes of each part so far, in order.
 * @param piece bytes of the next piece.
 * @param limit most bytes of a part.
 */
export function partsToJoin(sizes: readonly number[], piece: number, limit: number): number {
  let joined = 0;
  for (let sum = piece; joined < sizes.length; joined++) {
    const size = sizes.at(-1 - joined) as number;
    if (size > sum) break;
    // Full: what was found so far will not grow any more.
    if (size + sum > limit) return joined;
    sum += size;
  }
  return joined < WORTH_IT ? 0 : joined;
}
