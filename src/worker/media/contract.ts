/** What the rest of the service knows of stored media. */

import type { JobFailure } from '../errors.ts';

/** Image types that we take, as stored and served. */
export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/heif'] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];

/** Where a job's image comes from. Decided once, at the edge; the shard stores it and never sees bytes. */
export type ImageSource =
  /** A public URL of somebody else's, passed on to the upstream as it is. */
  | { readonly kind: 'url'; readonly url: string }
  /** Bytes of ours in R2, given to the upstream as a signed link made when the submit is sent. */
  | { readonly kind: 'stored'; readonly key: string; readonly type: ImageType; readonly sha256: string };

/** A stored, checked result. */
export interface StoredVideo {
  /** R2 key. */
  readonly key: string;
  readonly bytes: number;
  /** Seconds. */
  readonly duration: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** The outcome of copying a result into R2. */
export type CopyOutcome =
  | { readonly kind: 'stored'; readonly video: StoredVideo }
  /** The file cannot be had now: try again. */
  | { readonly kind: 'retry'; readonly detail: string }
  /** The file is gone, or is no video: the job fails. */
  | { readonly kind: 'failed'; readonly failure: JobFailure };
