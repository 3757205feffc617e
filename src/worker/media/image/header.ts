/** What a reader of one image format finds. */

import type { ImageType } from '../contract.ts';

/** A still image, as it is to be shown: width and height after the file's own rotation. */
export interface ImageHeader {
  readonly kind: 'image';
  readonly type: ImageType;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/**
 * `unsupported`: none of our formats, or a variety that decoders do not share. `animated`: more than one frame.
 * `polyglot`: another file inside it, or behind its end.
 */
export type ImageRefusal = 'empty' | 'unsupported' | 'truncated' | 'animated' | 'too_large' | 'polyglot';

/** A header, or why there is none. Readers throw `EndOfBytes` where the file ends early. */
export type HeaderOutcome = ImageHeader | { readonly kind: 'refused'; readonly refusal: ImageRefusal };

export const UNSUPPORTED: HeaderOutcome = { kind: 'refused', refusal: 'unsupported' };
export const TRUNCATED: HeaderOutcome = { kind: 'refused', refusal: 'truncated' };
export const ANIMATED: HeaderOutcome = { kind: 'refused', refusal: 'animated' };
export const POLYGLOT: HeaderOutcome = { kind: 'refused', refusal: 'polyglot' };
