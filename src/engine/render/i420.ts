/** From packed RGB to planar YUV 4:2:0, once for each image. */

import type { Kernel, Plane } from '../kernel/kernel.ts';
import type { Size } from './job.ts';

/** Luma and two chroma planes of half the size. */
export type Planes = readonly [luma: Plane, cb: Plane, cr: Plane];

/** BT.709's weights of red and blue in luma (ITU-R BT.709-6, 3.2). */
const KR = 0.2126;
const KB = 0.0722;

/** Fixed-point coefficients have 16 bits after the point. */
const ONE = 65_536;
const fixed = (value: number): number => Math.round(value * ONE);

/** Limited range: luma spans 219 steps from 16, chroma 224 around 128, from RGB's 255. */
const Y = [219, 219, 219].map((range, i) => fixed((range / 255) * ([KR, 1 - KR - KB, KB][i] ?? 0)));
const [YR = 0, YG = 0, YB = 0] = Y;
const CB_SCALE = 224 / 255 / (2 * (1 - KB));
const CR_SCALE = 224 / 255 / (2 * (1 - KR));
/** Chroma is made from sums of four pixels, hence the quarter. */
const BR = fixed((-KR * CB_SCALE) / 4);
const BG = fixed((-(1 - KR - KB) * CB_SCALE) / 4);
const BB = fixed(((1 - KB) * CB_SCALE) / 4);
const RR = fixed(((1 - KR) * CR_SCALE) / 4);
const RG = fixed((-(1 - KR - KB) * CR_SCALE) / 4);
const RB = fixed((-KB * CR_SCALE) / 4);
const LUMA_OFFSET = 16 * ONE + ONE / 2;
const CHROMA_OFFSET = 128 * ONE + ONE / 2;

/** Reserves three planes one after the other. Their samples are not packed together: each has its slack. */
export function allocatePlanes(kernel: Kernel, { width, height }: Size): Planes {
  const plane = (w: number, h: number): Plane => ({ address: kernel.allocate(w * h), width: w, height: h });
  return [plane(width, height), plane(width / 2, height / 2), plane(width / 2, height / 2)];
}

/**
 * Reserves a frame as an encoder reads it: the three planes without a gap.
 *
 * @returns The planes, and the frame's length in bytes from the first one's address.
 */
export function allocateFrame(kernel: Kernel, { width, height }: Size): { planes: Planes; bytes: number } {
  const [luma, chroma] = [width * height, (width * height) / 4];
  const address = kernel.allocate(luma + 2 * chroma);
  const half = { width: width / 2, height: height / 2 };
  return {
    planes: [
      { address, width, height },
      { address: address + luma, ...half },
      { address: address + luma + chroma, ...half },
    ],
    bytes: luma + 2 * chroma,
  };
}

/**
 * Converts packed 8-bit RGB to BT.709 limited range. A chroma sample is the mean of its four pixels, so it lies in
 * their middle.
 *
 * @param rgb As large as the luma plane, whose sides are even.
 */
export function writeI420(kernel: Kernel, rgb: Uint8Array, [luma, cb, cr]: Planes): void {
  const { width, height } = luma;
  if (rgb.length !== width * height * 3)
    throw new RangeError(`${rgb.length} bytes are not ${width}x${height} RGB.`);
  const y = kernel.view(luma.address, width * height);
  const u = kernel.view(cb.address, cb.width * cb.height);
  const v = kernel.view(cr.address, cr.width * cr.height);
  let chroma = 0;
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      // Written out for the four pixels: a loop over them takes six times as long.
      const upper = row * width + column;
      const lower = upper + width;
      const p = upper * 3;
      const q = lower * 3;
      const r0 = rgb[p] as number;
      const g0 = rgb[p + 1] as number;
      const b0 = rgb[p + 2] as number;
      const r1 = rgb[p + 3] as number;
      const g1 = rgb[p + 4] as number;
      const b1 = rgb[p + 5] as number;
      const r2 = rgb[q] as number;
      const g2 = rgb[q + 1] as number;
      const b2 = rgb[q + 2] as number;
      const r3 = rgb[q + 3] as number;
      const g3 = rgb[q + 4] as number;
      const b3 = rgb[q + 5] as number;
      y[upper] = (YR * r0 + YG * g0 + YB * b0 + LUMA_OFFSET) >> 16;
      y[upper + 1] = (YR * r1 + YG * g1 + YB * b1 + LUMA_OFFSET) >> 16;
      y[lower] = (YR * r2 + YG * g2 + YB * b2 + LUMA_OFFSET) >> 16;
      y[lower + 1] = (YR * r3 + YG * g3 + YB * b3 + LUMA_OFFSET) >> 16;
      const r = r0 + r1 + r2 + r3;
      const g = g0 + g1 + g2 + g3;
      const b = b0 + b1 + b2 + b3;
      u[chroma] = (BR * r + BG * g + BB * b + CHROMA_OFFSET) >> 16;
      v[chroma] = (RR * r + RG * g + RB * b + CHROMA_OFFSET) >> 16;
      chroma++;
    }
  }
}
