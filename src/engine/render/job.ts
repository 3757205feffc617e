/** What one render makes, and in which size. */

import type { RenderRequest } from '../contract.ts';

/** A frame's size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Landscape sizes of the resolutions that fal's LTX 2.3 names; 9:16 swaps the two. */
const LANDSCAPE: Readonly<Record<RenderRequest['resolution'], Size>> = {
  '1080p': { width: 1920, height: 1080 },
  '1440p': { width: 2560, height: 1440 },
  '2160p': { width: 3840, height: 2160 },
};

/** A request, and the landscape frame size in place of its resolution's where a test wants small frames. */
export interface RenderJob {
  readonly request: RenderRequest;
  /** Width and height must be even and at least 32. */
  readonly landscape?: Size;
}

/**
 * The output's size.
 *
 * @param image The start image's size with its EXIF orientation applied; `auto` follows it: 9:16 when it is higher
 *   than wide, else 16:9.
 */
export function outputSize(job: RenderJob, image: Size): Size {
  const { aspect_ratio, resolution } = job.request;
  const { width, height } = job.landscape ?? LANDSCAPE[resolution];
  const portrait = aspect_ratio === 'auto' ? image.height > image.width : aspect_ratio === '9:16';
  return portrait ? { width: height, height: width } : { width, height };
}

/** How many frames a video of `seconds` has. */
export function frameCount(seconds: number, fps: number): number {
  return Math.round(seconds * fps);
}
