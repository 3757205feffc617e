/** Copying a finished video into the bucket, and making sure that it is one. */

import type { UpstreamVideo } from '../upstream/contract.ts';
import type { CopyOutcome, StoredVideo } from './contract.ts';
import { type Fetcher, openDownload } from './download.ts';
import { roundRate } from './frame-rate.ts';
import { type Mp4Outcome, readMp4 } from './mp4.ts';
import type { MovieFacts } from './mp4-movie.ts';
import { storeStream } from './result-store.ts';

/** Largest result, in bytes. Twenty seconds of 2160p are well below a tenth of it. */
export const MAX_RESULT_BYTES = 2 * 1_024 * 1_024 * 1_024;

/** A copy to make. */
export interface ResultCopy {
  readonly bucket: R2Bucket;
  /** Where the video goes. One per job: an object already there is the same job's, and is not fetched again. */
  readonly key: string;
  /** Where the upstream has it. */
  readonly url: string;
  /** What the upstream says of it. Fills what the file itself does not say. */
  readonly expected: Pick<UpstreamVideo, 'duration' | 'width' | 'height' | 'fps'>;
  /** Ends the copy; the outcome is then `retry`. */
  readonly signal: AbortSignal;
  /** Whether a file may be fetched from this URL. */
  readonly allow: (url: string) => boolean;
  readonly fetcher?: Fetcher;
  /** Default {@link MAX_RESULT_BYTES}. */
  readonly maxBytes?: number;
}

const INVALID: CopyOutcome = {
  kind: 'failed',
  failure: { code: 'result_invalid', message: 'The renderer delivered a file that is not a usable video.' },
};

/**
 * Brings the file into the bucket and reads its facts. May be called again after any outcome, a crash, or a lost
 * answer: a video that is there already is read and not copied. Never throws for what a network, R2 or a file can do.
 */
export async function storeResult(copy: ResultCopy): Promise<CopyOutcome> {
  try {
    const earlier = await copy.bucket.head(copy.key);
    if (earlier) {
      const outcome = await inspect(copy, earlier.size);
      if (outcome.kind === 'stored') return outcome;
    }
    const download = await openDownload(copy.url, copy.allow, copy.fetcher ?? fetch, copy.signal);
    if (download.kind !== 'open') return download;
    const stored = await storeStream(copy.bucket, copy.key, {
      body: download.body,
      length: download.length,
      contentType: 'video/mp4',
      maxBytes: copy.maxBytes ?? MAX_RESULT_BYTES,
      signal: copy.signal,
    });
    if (stored.kind === 'too_large') return INVALID;
    if (stored.kind === 'broken') return { kind: 'retry', detail: `copying: ${stored.detail}` };
    const outcome = await inspect(copy, stored.bytes);
    if (outcome.kind === 'stored') return outcome;
    await copy.bucket.delete(copy.key);
    // Without a promised length a cut connection can look like the end. With one, the file itself is broken.
    if (outcome.kind === 'truncated' && download.length === null) return { kind: 'retry', detail: 'cut off' };
    return INVALID;
  } catch (cause) {
    return { kind: 'retry', detail: `storage: ${cause instanceof Error ? cause.message : 'unknown'}` };
  }
}

/** Reads the stored file by ranges. Rejects when R2 fails. */
async function inspect(
  { bucket, key, expected }: ResultCopy,
  size: number,
): Promise<Extract<CopyOutcome, { kind: 'stored' }> | Exclude<Mp4Outcome, { kind: 'video' }>> {
  const outcome = await readMp4({
    size,
    read: async (offset, length) => {
      const part = await bucket.get(key, { range: { offset, length } });
      if (!part) throw new Error('the object is gone');
      return new Uint8Array(await part.arrayBuffer());
    },
  });
  if (outcome.kind !== 'video') return outcome;
  const video = videoOf(key, size, outcome.movie, expected);
  return video ? { kind: 'stored', video } : { kind: 'invalid', detail: 'has no duration or frame rate' };
}

/** The file's own values where it has them, else the upstream's; null when neither says how long or how fast. */
function videoOf(
  key: string,
  bytes: number,
  { width, height, duration: seconds, frames }: MovieFacts,
  expected: ResultCopy['expected'],
): StoredVideo | null {
  const duration = seconds ?? expected.duration ?? 0;
  const rate = frames !== null && seconds !== null ? frames / seconds : (expected.fps ?? 0);
  if (!(duration > 0) || !(rate > 0)) return null;
  // Milliseconds: clocks of 12,800 or 90,000 ticks do not end at round decimals.
  return { key, bytes, width, height, duration: Math.round(duration * 1_000) / 1_000, fps: roundRate(rate) };
}
