/** The pieces of a try as one image in memory: the only place where a whole picture is held, and few are at once. */

import { reachable } from '../media/storage.ts';
import type { TusPart } from './contract.ts';

/** Pictures that are held whole at once in this isolate, which has 128 MB for everything. */
const SLOTS = 2;
/** A holder that the platform ended says nothing. Work within a slot waits for R2 alone, and takes a second or two. */
const LEASE_MS = 30_000;
/** How often one who waits looks for slots that nobody will give back, in ms. */
const LOOK_MS = 1_000;

/** When each slot that is held was taken, in ms. */
const held = new Map<symbol, number>();
/** Who waits, longest first. */
const waiting: (() => void)[] = [];

/** Does `work` while holding one of the isolate's few slots. */
export async function inSlot<T>(work: () => Promise<T>): Promise<T> {
  const mine = Symbol('slot');
  while (!take(mine, Date.now())) await turn();
  try {
    return await work();
  } finally {
    held.delete(mine);
    waiting.shift()?.();
  }
}

function take(mine: symbol, now: number): boolean {
  for (const [slot, since] of held) if (now - since > LEASE_MS) held.delete(slot);
  if (held.size >= SLOTS) return false;
  held.set(mine, now);
  return true;
}

/** Resolves when a slot was given back, or after a while: whoever was woken may be a request that has ended. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(wake, LOOK_MS);
    function wake(): void {
      clearTimeout(timer);
      const place = waiting.indexOf(wake);
      if (place >= 0) waiting.splice(place, 1);
      resolve();
    }
    waiting.push(wake);
  });
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
