/** The end of a process's stderr, for the message that says why it died. */

/** Enough for a stack or for FFmpeg's last words, too little to fill a log. */
const TAIL_BYTES = 4_096;

/** Keeps the last bytes added. */
export interface Tail {
  add(chunk: Buffer): void;
  text(): string;
}

/** A tail of at most `limit` bytes. */
export function tail(limit = TAIL_BYTES): Tail {
  let kept: Buffer = Buffer.alloc(0);
  return {
    add(chunk) {
      kept = Buffer.concat([kept, chunk]).subarray(-limit);
    },
    text: () => kept.toString('utf8').trim(),
  };
}
