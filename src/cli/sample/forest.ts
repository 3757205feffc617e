/** Conifers on both shores. Pure. */

import { clamp, mix, type Rgb } from './colour.ts';
import { hash, noise } from './noise.ts';

/** Where the lake begins, as a part of the picture's height. */
export const WATERLINE = 0.615;

/** One conifer. */
export interface Tree {
  readonly x: number;
  /** Tip and foot, in pixels from the top edge. */
  readonly top: number;
  readonly foot: number;
  /** Half of its width at the foot. */
  readonly spread: number;
  readonly seed: number;
  readonly colour: Rgb;
}

/** Conifers on both shores, smaller and paler toward the middle, where the shore is farther away. */
export function forest(width: number, height: number): Tree[][] {
  const columns: Tree[][] = Array.from({ length: width }, () => []);
  const waterY = height * WATERLINE;
  for (let i = 0; i < 620; i++) {
    const near = hash(i, 1, 5) ** 0.8;
    const left = hash(i, 2, 5) < 0.55;
    // `inland` is 0 at the picture's edge and 1 where the shore ends.
    const inland = hash(i, 3, 5);
    const reach = left ? 0.36 : 0.24;
    const x = (left ? inland * reach : 1 - inland * reach) * width;
    const size = (1 - inland) ** 0.9 * (0.45 + 0.55 * near) + 0.07;
    const tall = height * 0.21 * size * (0.7 + 0.6 * hash(i, 4, 5));
    const bank = height * 0.045 * (1 - inland) ** 1.6 * (1 - near);
    const tree: Tree = {
      x,
      top: waterY - bank - tall,
      foot: waterY + 3,
      spread: tall * (0.17 + 0.07 * hash(i, 6, 5)),
      seed: i,
      colour: mix([58, 70, 92], [15, 25, 36], clamp(size * 1.5 - 0.05) * (0.55 + 0.45 * near)),
    };
    for (let c = Math.max(0, Math.floor(x - tree.spread)); c <= Math.min(width - 1, x + tree.spread); c++) {
      columns[c]?.push(tree);
    }
  }
  // Far (pale, small) trees first, so that near ones are painted over them.
  for (const column of columns) column.sort((a, b) => b.colour[0] - a.colour[0]);
  return columns;
}

/** How much of a pixel a tree covers: 0 to 1. */
export function covers(tree: Tree, x: number, y: number): number {
  const t = (y - tree.top) / (tree.foot - tree.top);
  if (t <= 0 || t > 1.02) return 0;
  const side = x < tree.x ? 1 : 2;
  // Branches: each whorl is widest at its lower end, and both sides differ.
  const whorls = 9 + 5 * hash(tree.seed, 7, 3);
  const phase = (t * whorls + hash(tree.seed, side, 4)) % 1;
  const ragged = 0.62 + 0.38 * phase + 0.22 * (noise(y / 3.1, side * 50 + tree.seed, 17) - 0.5);
  const half = tree.spread * t ** 0.85 * ragged;
  return clamp(half - Math.abs(x - tree.x) + 0.7);
}
