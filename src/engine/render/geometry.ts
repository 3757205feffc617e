/** Which part of an image the video shows, and how large it is kept. */

import type { Size } from './job.ts';

/** A rectangle in pixels, not always whole ones. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How much more than the frame of the image is kept on each side for the camera to move into, in frames. */
const SURROUNDINGS = 0.25;

/**
 * Pixels kept for each output pixel at the full framing: a zoom of 1.25 still has a pixel of its own for each, and the
 * bilinear kernel, which steps at most 2, does not alias visibly.
 */
export const OVERSAMPLING = 1.25;

/** The largest rectangle of the output's shape in the middle of the image: what the first frame shows. */
export function coverCrop(image: Size, output: Size): Rect {
  const width = Math.min(image.width, (image.height * output.width) / output.height);
  const height = Math.min(image.height, (image.width * output.height) / output.width);
  return { x: (image.width - width) / 2, y: (image.height - height) / 2, width, height };
}

/** What is kept of an image. */
export interface Kept {
  /** The part of the image that is kept, in whole image pixels. */
  readonly region: Rect;
  /** What it is scaled to; both even. */
  readonly size: Size;
  /** The full framing, the cover crop, in pixels of the scaled region. */
  readonly frame: Rect;
  /** How far the camera can move beyond the full framing each way, in frame widths and heights. */
  readonly room: { readonly x: number; readonly y: number };
}

/** Plans what to keep of an image for an output: the cover crop and some of what lies around it. */
export function keepOf(image: Size, output: Size): Kept {
  const crop = coverCrop(image, output);
  const left = Math.max(0, Math.floor(crop.x - SURROUNDINGS * crop.width));
  const top = Math.max(0, Math.floor(crop.y - SURROUNDINGS * crop.height));
  const right = Math.min(image.width, Math.ceil(crop.x + (1 + SURROUNDINGS) * crop.width));
  const bottom = Math.min(image.height, Math.ceil(crop.y + (1 + SURROUNDINGS) * crop.height));
  const region = { x: left, y: top, width: right - left, height: bottom - top };

  const scale = (OVERSAMPLING * output.width) / crop.width;
  const size = { width: even(region.width * scale), height: even(region.height * scale) };
  const [across, down] = [size.width / region.width, size.height / region.height];
  return {
    region,
    size,
    frame: {
      x: (crop.x - left) * across,
      y: (crop.y - top) * down,
      width: crop.width * across,
      height: crop.height * down,
    },
    room: {
      x: Math.max(0, Math.min(crop.x - left, right - crop.x - crop.width) / crop.width),
      y: Math.max(0, Math.min(crop.y - top, bottom - crop.y - crop.height) / crop.height),
    },
  };
}

/** The nearest even number, at least 2. */
function even(value: number): number {
  return Math.max(2, Math.round(value / 2) * 2);
}
