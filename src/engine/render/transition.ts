/** How the end image comes over the start image: in what order, and how far at each moment. Pure. */

import { ease } from './easing.ts';
import type { Motion } from './motion.ts';

/** The order of arrival is planned on so coarse a grid and then interpolated: it has no fine detail. */
export const RAMP_GRID = { width: 96, height: 64 } as const;

/** How far the wipe is, as the kernel wants it: in 16ths of a ramp step, and its softness. */
export interface Wipe {
  readonly offset: number;
  readonly shift: number;
}

/** The wipe's soft edge is 8 << 4 = 128 of the ramp's 255 steps wide. */
const SHIFT = 4;

/** The offset at which even the last pixel has wholly arrived. */
const COMPLETE = 255 * 16 + (128 << SHIFT);

/** The part of the video, in its middle, in which the wipe runs. */
const BEGIN = 0.12;
const END = 0.88;

/** How much the brightness of the arriving image matters for the order: enough to break up the straight edge. */
const BRIGHTNESS = 0.25;

/** How far the wipe is at a time from 0 to 1: nothing has arrived at the start, all at the end. */
export function wipeAt(time: number): Wipe {
  return { offset: Math.round(ease((time - BEGIN) / (END - BEGIN)) * COMPLETE), shift: SHIFT };
}

/** Whether nothing of the end image is seen yet. */
export function hasNotBegun({ offset }: Wipe): boolean {
  return offset === 0;
}

/** Whether nothing of the start image is seen any more. */
export function isComplete({ offset }: Wipe): boolean {
  return offset >= COMPLETE;
}

/** The weight, from 0 to 1, that the kernel gives the end image at a pixel of the ramp. */
export function weightAt(ramp: number, { offset, shift }: Wipe): number {
  return Math.min(Math.max(offset - ramp * 16, 0), 128 << shift) / (128 << shift);
}

/**
 * The order in which the end image arrives, over RAMP_GRID: 0 first, 255 last. It comes from where the camera goes:
 * from the side that a pan turns to, from the middle of a zoom in, from the borders of a zoom out; bright parts first.
 *
 * @param brightness Of the end image, from 0 to 1, at a place from 0, 0 to 1, 1.
 */
export function rampOf(
  motion: Motion,
  brightness: (x: number, y: number) => number,
): Uint8Array<ArrayBuffer> {
  const { width, height } = RAMP_GRID;
  const ramp = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [x, y] = [(column + 0.5) / width, (row + 0.5) / height];
      const order = (1 - BRIGHTNESS) * place(motion, x, y) + BRIGHTNESS * (1 - brightness(x, y));
      ramp[row * width + column] = Math.round(255 * Math.min(1, Math.max(0, order)));
    }
  }
  return ramp;
}

/** When, from 0 to 1, the wipe reaches a place by the camera's motion alone. */
function place(motion: Motion, x: number, y: number): number {
  const [dx, dy] = [2 * x - 1, 2 * y - 1];
  if (motion.x !== 0 || motion.y !== 0) {
    const along = (dx * motion.x + dy * motion.y) / (Math.abs(motion.x) + Math.abs(motion.y));
    return (1 - along) / 2;
  }
  const fromMiddle = Math.hypot(dx, dy) / Math.SQRT2;
  if (motion.zoom === 'in') return fromMiddle;
  if (motion.zoom === 'out') return 1 - fromMiddle;
  // A camera that stands: gently across, as one reads.
  return x * 0.75 + y * 0.25;
}
