/** Colours and the arithmetic of mixing them. Pure. */

/** sRGB, 0 to 255, not rounded. */
export type Rgb = readonly [number, number, number];

/** From `a` (t = 0) to `b` (t = 1). */
export const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
/** `a` and `t` times the light `b`. */
export const add = (a: Rgb, b: Rgb, t: number): Rgb => [a[0] + b[0] * t, a[1] + b[1] * t, a[2] + b[2] * t];
/** Kept within 0 and 1. */
export const clamp = (t: number) => Math.max(0, Math.min(1, t));
/** 0 below `from`, 1 above `to`, an eased rise between. */
export const smooth = (from: number, to: number, value: number) => {
  const t = clamp((value - from) / (to - from));
  return t * t * (3 - 2 * t);
};
