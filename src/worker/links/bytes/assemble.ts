/** The pieces of a try as one image in memory: the only place where a whole picture is held, and few are at once. */

import { reachable } from '../../media/storage.ts';
import type { TusPart } from '../contract.ts';

/** Pictures that are held whole at once in this isolate, which has 128 MB for everything. */
const SLOTS = 2;
/** A holder that the platform ended says nothing. Work within a slot waits for R2 alone, and takes a second or two. */
const LEASE_MS = 30_000;
/** Looks of all who wait together: about a hundred a second. Each looks again after so many ms for each who waits. */
const LOOK_MS = 10;
const MAX_LOOK_MS = 1_000;

/** When each slot that is held was taken, in ms. */
const held = new Map<symbol, number>();
/** How many wait. */
let waiting = 0;

/** Does `work` while holding one of the isolate's few slots. @param now The clock, in ms. */
export async function inSlot<T>(work: () => Promise<T>, now: () => number = Date.now): Promise<T> {
  const mine = Symbol('slot');
  if (!take(mine, now())) await wait(() => take(mine, now()));
  try {
    return await work();
  } finally {
    held.delete(mine);
  }
}

/**
 * Looks again and again. Nobody is woken by another: a request that another one wakes goes on in the other's name, where
 * the platform forbids it to touch what is its own.
 */
async function wait(taken: () => boolean): Promise<void> {
  waiting++;
  try {
    do {
      await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_LOOK_MS, LOOK_MS * waiting)));
    } while (!taken());
  } finally {
    waiting--;
  }
}

function take(mine: symbol, now: number): boolean {
  for (const [slot, since] of held) if (now - since > LEASE_MS) held.delete(slot);
  if (held.size >= SLOTS) return false;
  held.set(mine, now);
  return true;
}

/**
 * The whole of a try, in order. Call it in a slot.
 * @returns null when a piece is gone, as when another try has won and the link was cleared.
 * @throws {ApiError} `unavailable` when R2 fails.
 */
export async function assemble(
  bucket: R2Bucket,
  parts: readonly TusPart[],
  tail: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (parts.length === 0) return tail;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes, tail.byteLength));
  let at = 0;
  for (const part of parts) {
    const piece = await reachable(bucket.get(part.key));
    if (piece?.size !== part.bytes) {
      await piece?.body.cancel();
      return null;
    }
    whole.set(new Uint8Array(await reachable(piece.arrayBuffer())), at);
    at += part.bytes;
  }
  whole.set(tail, at);
  return whole;
}
