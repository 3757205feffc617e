/** The frames of a video, one after the other, from one picture or two. */

import type { Kernel } from '../kernel/kernel.ts';
import { type CameraPath, cameraPath } from './camera.ts';
import { allocateFrame, type Planes } from './i420.ts';
import type { Size } from './job.ts';
import { readMotion } from './motion.ts';
import { type Picture, shoot } from './picture.ts';
import { seedOf } from './random.ts';
import { hasNotBegun, isComplete, RAMP_GRID, rampOf, wipeAt } from './transition.ts';

/** What is filmed. */
export interface Film {
  readonly kernel: Kernel;
  readonly output: Size;
  readonly prompt: string;
  readonly seconds: number;
  /** At least 2. */
  readonly frames: number;
  readonly start: Picture;
  readonly end?: Picture | undefined;
}

/** Yields each frame as I420. All share one buffer: a frame is overwritten by the next. */
export function* film(scene: Film): Generator<Uint8Array<ArrayBuffer>> {
  const { kernel, output, start, end, frames } = scene;
  const pictures = end ? [start, end] : [start];
  kernel.prepare(output.width, Math.max(...pictures.map(({ size }) => size.width)));
  const leave = pathThrough(scene, start, end ? 'leaving' : 'only');
  const frame = allocateFrame(kernel, output);
  const transition = end && planTransition(scene, end);
  const bytes = kernel.view(frame.planes[0].address, frame.bytes);
  for (let index = 0; index < frames; index++) {
    // The last frame is the end of every move, not a step before it.
    const time = index / (frames - 1);
    const wipe = transition && wipeAt(time);
    if (transition && wipe && isComplete(wipe)) {
      shoot(kernel, transition.picture, transition.path(time), frame.planes);
    } else {
      shoot(kernel, start, leave(time), frame.planes);
      if (transition && wipe && !hasNotBegun(wipe)) {
        const [arriving] = transition.frame;
        shoot(kernel, transition.picture, transition.path(time), transition.frame);
        kernel.dissolve(frame.planes[0].address, arriving.address, transition.ramp, frame.bytes, wipe);
      }
    }
    yield bytes;
  }
}

function pathThrough(scene: Film, picture: Picture, role: 'only' | 'leaving' | 'arriving'): CameraPath {
  return cameraPath(readMotion(scene.prompt), scene.seconds, picture.room, role, seedOf(scene.prompt));
}

/** The end image's side of a transition. */
interface Transition {
  readonly picture: Picture;
  readonly path: CameraPath;
  /** Where the end image is filmed before it is laid over the start image. */
  readonly frame: Planes;
  /** Address of the order of arrival, laid out like a frame. */
  readonly ramp: number;
}

function planTransition(scene: Film, end: Picture): Transition {
  const { kernel, output } = scene;
  const coarse = rampOf(readMotion(scene.prompt), brightnessOf(kernel, end));
  const grid = { address: kernel.allocate(coarse.length), ...RAMP_GRID };
  kernel.view(grid.address, coarse.length).set(coarse);
  const ramp = allocateFrame(kernel, output).planes;
  for (const plane of ramp) {
    const [x, y] = [grid.width / plane.width, grid.height / plane.height];
    kernel.sample(grid, plane, { origin: x / 2 - 0.5, step: x }, { origin: y / 2 - 0.5, step: y });
  }
  return {
    picture: end,
    path: pathThrough(scene, end, 'arriving'),
    frame: allocateFrame(kernel, output).planes,
    ramp: ramp[0].address,
  };
}

/** The brightness of a picture at a place in its full framing, as the mean of a few samples around it. */
function brightnessOf(kernel: Kernel, { planes: [luma], frame }: Picture): (x: number, y: number) => number {
  const samples = kernel.view(luma.address, luma.width * luma.height);
  return (x, y) => {
    let sum = 0;
    for (let i = 0; i < 25; i++) {
      // A fifth of the ramp's cell apart would follow texture; a fortieth of the frame blurs it.
      const across = frame.x + frame.width * Math.min(1, Math.max(0, x + ((i % 5) - 2) / 40));
      const down = frame.y + frame.height * Math.min(1, Math.max(0, y + (Math.floor(i / 5) - 2) / 40));
      const column = Math.min(luma.width - 1, Math.floor(across));
      const row = Math.min(luma.height - 1, Math.floor(down));
      sum += samples[row * luma.width + column] ?? 0;
    }
    return Math.min(1, Math.max(0, (sum / 25 - 16) / 219));
  };
}
