/**
 * Memory that bodies on their way may take in this isolate, which has 128 MB for everything. With few of them a piece is
 * 1 MiB; with many it is smaller, so that a thousand slow senders together hold no more than a few fast ones.
 */

/** Largest piece of a body, in bytes. */
export const MAX_PIECE_BYTES = 1_048_576;
/** Smallest, in bytes: below it calls to R2 would cost more than memory. */
const MIN_PIECE_BYTES = 65_536;
/** For all pieces that are filling, in bytes. Those on their way to R2 may take as much again. */
const ROOM_BYTES = 24 * 1_048_576;

/** Bodies that are being read now. */
let readers = 0;

/** Counts one more body. `leave` is called once, when it has ended. */
export function takesRoom(): { leave(): void } {
  readers++;
  return {
    leave() {
      readers--;
    },
  };
}

/** How large a piece may be now, in bytes. */
export function pieceBytes(): number {
  return Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, Math.floor(ROOM_BYTES / Math.max(readers, 1))));
}
