/** Smooth starts and ends. */

/** The part of a move in which the camera picks up speed, and again in which it loses it. */
const RAMP = 0.3;

/**
 * How far a move is at a time: slow start, steady middle, slow end. The speed never jumps.
 *
 * @param time 0 at the start, 1 at the end; outside it is held.
 */
export function ease(time: number): number {
  const t = Math.min(1, Math.max(0, time));
  // A trapezoid of speed, integrated: its top is chosen so that the whole is 1.
  const top = 1 / (1 - RAMP);
  if (t < RAMP) return (top * t * t) / (2 * RAMP);
  if (t > 1 - RAMP) return 1 - (top * (1 - t) * (1 - t)) / (2 * RAMP);
  return top * (t - RAMP / 2);
}
