/**
 * Memory that bodies on their way may take in this isolate, which has 128 MB for everything. With few of them a piece is
 * 1 MiB; with many it is smaller, so that a thousand slow senders together hold little more than a few fast ones.
 */

import { ApiError } from '../../errors.ts';

/** Largest piece of a body, in bytes. */
export const MAX_PIECE_BYTES = 1_048_576;
/** Largest while others, that came when there were few, hold more than their share, in bytes. */
const TIGHT_PIECE_BYTES = 32_768;
/** Smallest, in bytes: below it calls to R2 would cost more than memory. */
const MIN_PIECE_BYTES = 16_384;
/** Of a piece: what is read at once. */
const CHUNKS_OF_PIECE = 4;
/** Most that is read at once, in bytes. */
const MAX_CHUNK_BYTES = 65_536;
/** Pieces' worth of memory that a body takes at most: one that fills, one on its way to R2, and a chunk. */
const PIECES_OF_BODY = 2 + 1 / CHUNKS_OF_PIECE;
/** For all bodies, in bytes, while the smallest pieces fit. */
const ROOM_BYTES = 24 * 1_048_576;
/** Bodies at once: so many take 54 MiB with the smallest pieces, and no more than 64 MiB however they came. */
const MAX_BODIES = 1_500;
/** Seconds after which somebody who found no room may try again. */
const RETRY_AFTER_S = 10;
/**
 * A body that the platform ended says nothing: after so many ms without a sign it is not counted any more. One that lives
 * is heard of sooner, since a sender who is silent for two minutes is taken to be gone.
 */
const QUIET_MS = 600_000;

/** A body's place. */
export interface Room {
  /** Says how much memory the body takes now, in bytes, all in all. It is a sign of life, too. */
  hold(bytes: number): void;
  /** The body has ended. */
  leave(): void;
}

interface Lease {
  bytes: number;
  /** When there was a sign of life, in ms. */
  heard: number;
}

/** Of the bodies that are here; those that have been quiet longest come first. */
const leases = new Set<Lease>();
/** Bytes of all of them. */
let held = 0;

/** Counts one more body. @param now The clock, in ms. @throws {ApiError} as {@link requireRoom}. */
export function takeRoom(now: () => number = Date.now): Room {
  requireRoom(now);
  return keepRoom(0, now);
}

/** @param now The clock, in ms. @throws {ApiError} `unavailable` when there are too many bodies. */
export function requireRoom(now: () => number = Date.now): void {
  forgetQuiet(now());
  if (leases.size >= MAX_BODIES) {
    throw new ApiError({ tag: 'unavailable', part: 'storage', retryAfter: RETRY_AFTER_S });
  }
}

/** Counts a body that is here already, with so many bytes: it is never refused. @param now The clock, in ms. */
export function keepRoom(bytes: number, now: () => number = Date.now): Room {
  const lease: Lease = { bytes: 0, heard: 0 };
  let left = false;
  const room: Room = {
    hold(bytes) {
      if (left) return;
      drop(lease);
      lease.bytes = bytes;
      lease.heard = now();
      held += bytes;
      leases.add(lease);
    },
    leave() {
      left = true;
      drop(lease);
    },
  };
  room.hold(bytes);
  return room;
}

function forgetQuiet(now: number): void {
  for (const lease of leases) {
    if (now - lease.heard <= QUIET_MS) return;
    drop(lease);
  }
}

function drop(lease: Lease): void {
  if (leases.delete(lease)) held -= lease.bytes;
}

/** How large a piece may be now, in bytes. */
export function pieceBytes(): number {
  const share = Math.floor(ROOM_BYTES / PIECES_OF_BODY / Math.max(leases.size, 1));
  const most = held < ROOM_BYTES ? MAX_PIECE_BYTES : TIGHT_PIECE_BYTES;
  return Math.min(most, Math.max(MIN_PIECE_BYTES, share));
}

/** How much may be read at once now, in bytes: a power of two, so that it seldom changes. */
export function chunkBytes(): number {
  const most = Math.min(MAX_CHUNK_BYTES, pieceBytes() / CHUNKS_OF_PIECE);
  return 2 ** Math.floor(Math.log2(most));
}
