/** Where the camera looks at each moment of the video. Pure. */

import { ease } from './easing.ts';
import type { Kept } from './geometry.ts';
import type { Motion } from './motion.ts';
import { smoothNoise } from './random.ts';

/** What the camera sees of an image: 0, 0, 1 is the full framing. */
export interface View {
  /** The middle, in frame widths to the right of the full framing's. */
  readonly x: number;
  /** The same, in frame heights downwards. */
  readonly y: number;
  /** The part of the full framing's width, and height, that is seen: below 1 is closer. */
  readonly width: number;
}

/** The view at a time from 0 to 1. */
export type CameraPath = (time: number) => View;

/**
 * Which image the camera films: the only one; the start image, left for the end image; or the end image, arrived at.
 * Leaving starts, and arriving ends, at the full framing.
 */
export type Role = 'only' | 'leaving' | 'arriving';

const FULL: View = { x: 0, y: 0, width: 1 };

/** Part of the picture's size that a zoom gains a second; a hand on a zoom ring turns about as fast. */
const ZOOM_PER_SECOND = 0.03;

/** Frame widths or heights that a pan crosses a second. */
const PAN_PER_SECOND = 0.025;

/** What an arc around the subject takes of a pan: more would lose sight of it. */
const ARC_PART = 0.4;

const PACE: Readonly<Record<Motion['speed'], number>> = { slow: 0.5, normal: 1, fast: 2 };

/** The nearest that the camera comes: 1.4 times, where an image pixel is spread over 1.12 output pixels. */
const NEAREST = 1 / 1.4;

/**
 * The widest that the camera sees of an image that it zooms out of, or in to, on its way between two: the 4 % on each
 * side that no image has are mirrored, as editors do it.
 */
const WIDEST = 1.08;

/** How far a hand shakes, in frames, and how often it changes its mind, in hertz: sway, and tremor at a third of it. */
const SHAKE = 0.012;
const SWAY_HZ = 0.7;
const TREMOR_HZ = 2.3;

/** The part of the video in which the shake sets in, and calms down where it must end still. */
const SHAKE_RAMP = 0.12;

/** Plans the camera's way through one image. */
export function cameraPath(
  motion: Motion,
  seconds: number,
  room: Kept['room'],
  role: Role,
  seed: number,
): CameraPath {
  const [from, to] = endsOf(motion, seconds, room, role);
  const steady = travel(from, to, motion.arc);
  return motion.handheld ? handheld(steady, seconds, PACE[motion.speed], role, seed) : steady;
}

/** The first and the last view. */
function endsOf(motion: Motion, seconds: number, room: Kept['room'], role: Role): [View, View] {
  const pace = seconds * PACE[motion.speed];
  const near = Math.max(NEAREST, 1 / (1 + ZOOM_PER_SECOND * pace));
  const pan = PAN_PER_SECOND * pace * (motion.arc ? ARC_PART : 1);
  const moved = aside(motion.x * pan, motion.y * pan, motion.zoom === 'in' ? near : 1, room);
  const still = motion.x === 0 && motion.y === 0;
  if (role === 'only') {
    // There is nothing to see around the start image, so a zoom out starts close.
    if (motion.zoom === 'out') return [{ ...FULL, width: near }, aside(moved.x, moved.y, 1, room)];
    return [FULL, moved];
  }
  const wide = { ...FULL, width: Math.min(WIDEST, 1 / near) };
  if (role === 'leaving') return [FULL, motion.zoom === 'out' && still ? wide : moved];
  if (still && motion.zoom === 'in') return [wide, FULL];
  if (still && motion.zoom === 'out') return [{ ...FULL, width: near }, FULL];
  return [{ x: -moved.x, y: -moved.y, width: moved.width }, FULL];
}

/** A view to the side, as near as it must be, and as far to the side as it may be, to show the image alone. */
function aside(x: number, y: number, width: number, room: Kept['room']): View {
  const [farX, farY] = [room.x + (1 - NEAREST) / 2, room.y + (1 - NEAREST) / 2];
  const view = { x: Math.min(farX, Math.max(-farX, x)), y: Math.min(farY, Math.max(-farY, y)) };
  const fit = Math.min(1 + 2 * (room.x - Math.abs(view.x)), 1 + 2 * (room.y - Math.abs(view.y)));
  return { ...view, width: Math.min(width, fit) };
}

/**
 * From one view to another. Zooms go by factors, so that they look steady. What lies between two views that show the
 * image alone does so too: they form a convex set, and factors lie below the straight line.
 */
function travel(from: View, to: View, arc: boolean): CameraPath {
  // The most by which an arc may rise without leaving the image, where one end is the full framing.
  const rise = arc && from.y === to.y ? Math.max(0, 1 - Math.min(from.width, to.width)) / 8 : 0;
  return (time) => {
    const done = ease(time);
    return {
      x: from.x + (to.x - from.x) * done,
      y: from.y + (to.y - from.y) * done - 4 * rise * done * (1 - done),
      width: from.width ** (1 - done) * to.width ** done,
    };
  };
}

/** Adds a hand's shake, and comes as much nearer as it needs. */
function handheld(path: CameraPath, seconds: number, pace: number, role: Role, seed: number): CameraPath {
  const curves = [0, 1, 2, 3].map((index) => smoothNoise(seed + index * 7_919));
  const shake = (axis: number, at: number): number => {
    const sway = curves[axis]?.(at * SWAY_HZ) ?? 0;
    const tremor = curves[axis + 2]?.(at * TREMOR_HZ) ?? 0;
    return (3 * sway + tremor) / 4;
  };
  return (time) => {
    const view = path(time);
    const calm = role === 'only' ? 1 : ease((1 - time) / SHAKE_RAMP);
    const reach = SHAKE * Math.sqrt(pace) * ease(time / SHAKE_RAMP) * calm * view.width;
    return {
      x: view.x + reach * shake(0, time * seconds),
      y: view.y + reach * shake(1, time * seconds),
      width: view.width - 2 * reach,
    };
  };
}
