/**
 * How a resumable upload in very many small pieces stays a short list of parts: now and then, parts become one object.
 * Pure.
 *
 * Parts are of one class when their sizes lie between the same powers of two. A part joins what follows it unless it is
 * of a higher class than all that, so that what was joined is of a higher class than each of its parts: a byte is copied
 * as often as there are classes, and not once for each piece that comes after it.
 *
 * Parts that fall from class to class wait for more, and wait for good where a full part follows them. When many lie
 * there so, all neighbours that fit into one part are joined: that takes more than a full part's bytes since it was done
 * last, and copies little more than those.
 */

/** While the parts are few, so many of them are worth a read each: most pieces are then put and nothing else. */
const WORTH_IT = 8;
/** Parts, above those that no joining can avoid, that are few. */
const FEW = 16;
/** Parts, above those that no joining can avoid, that are too many: more above the few than there are classes. */
const MANY = 48;

/**
 * What the last parts and the next piece, as the last of them, become: the number of parts in each new object, in order.
 * `[1]`: the piece is a part of its own.
 * @param sizes bytes of each part so far, in order.
 * @param piece bytes of the next piece.
 * @param limit most bytes of a part.
 */
export function groupsOf(sizes: readonly number[], piece: number, limit: number): readonly number[] {
  const total = sizes.reduce((sum, size) => sum + size, piece);
  // Where no two neighbours fit into one part, any two have more than its bytes.
  const unavoidable = Math.floor((2 * total) / limit) + 1;
  if (sizes.length >= unavoidable + MANY) return neighbours([...sizes, piece], limit);
  return [1 + joining(sizes, piece, { limit, worth: sizes.length < unavoidable + FEW ? WORTH_IT : 1 })];
}

/** How many of the last parts the piece joins. */
function joining(
  sizes: readonly number[],
  piece: number,
  { limit, worth }: { readonly limit: number; readonly worth: number },
): number {
  let joined = 0;
  for (let sum = piece; joined < sizes.length; joined++) {
    const size = sizes.at(-1 - joined) as number;
    // More leading zeros are a lower class.
    if (Math.clz32(size) < Math.clz32(sum)) break;
    // Full: what was found so far will not grow any more.
    if (size + sum > limit) return joined;
    sum += size;
  }
  return joined < worth ? 0 : joined;
}

/** All parts in groups that fit into one part each, without those in front that stay as they are. */
function neighbours(sizes: readonly number[], limit: number): readonly number[] {
  const groups: number[] = [];
  let room = 0;
  for (const size of sizes) {
    const last = groups.at(-1);
    if (last !== undefined && size <= room) groups[groups.length - 1] = last + 1;
    else {
      groups.push(1);
      room = limit;
    }
    room -= size;
  }
  // The last of them, the piece alone, where none was joined.
  return groups.slice(groups.findIndex((count) => count > 1));
}
