/** An image laid out for the camera, and the camera's view of it. */

import type { Axis, Kernel } from '../kernel/kernel.ts';
import type { View } from './camera.ts';
import { type Kept, keepOf } from './geometry.ts';
import { allocatePlanes, type Planes, writeI420 } from './i420.ts';
import type { InputImage } from './input/image.ts';
import type { Size } from './job.ts';

/** An image in the kernel's memory. */
export interface Picture extends Kept {
  readonly planes: Planes;
}

/**
 * Decodes an image into the kernel's memory. The decoded RGB is let go afterwards.
 *
 * @throws {InputError} Where its pixels cannot be decoded.
 */
export async function layOut(image: InputImage, output: Size, kernel: Kernel): Promise<Picture> {
  const kept = keepOf(image.size, output);
  const rgb = await image.pixels(kept.region, kept.size);
  const planes = allocatePlanes(kernel, kept.size);
  writeI420(kernel, rgb, planes);
  return { ...kept, planes };
}

/** Samples what a view shows of a picture into a frame. */
export function shoot(kernel: Kernel, picture: Picture, view: View, target: Planes): void {
  const { frame, planes } = picture;
  const [luma] = target;
  const x = (frame.width * view.width) / luma.width;
  const y = (frame.height * view.width) / luma.height;
  const left = frame.x + frame.width * (0.5 + view.x - view.width / 2);
  const top = frame.y + frame.height * (0.5 + view.y - view.width / 2);
  planes.forEach((plane, index) => {
    const out = target[index as 0 | 1 | 2];
    if (index === 0) kernel.sample(plane, out, centred(left, x), centred(top, y));
    else kernel.sample(plane, out, cosited(left, x), centred(top / 2, y));
  });
}

/** Samples lie in the middle of their pixels. */
function centred(start: number, step: number): Axis {
  return { origin: start + step / 2 - 0.5, step };
}

/**
 * Chroma of 4:2:0 lies, across, on every other luma sample (H.264's default, chroma_sample_loc_type 0), but in a
 * picture's planes between two.
 */
function cosited(start: number, step: number): Axis {
  return { origin: (start + step / 2) / 2 - 0.5, step };
}
