/** The landscape above the water: sky, ridges, mist and trees, as functions from a pixel to a colour. Pure. */

import { add, clamp, mix, type Rgb, smooth } from './colour.ts';
import { covers, forest, type Tree, WATERLINE } from './forest.ts';
import { fractal, ridged } from './noise.ts';

/** The sun's centre, as parts of width and height. */
export const SUN = { x: 0.615, y: 0.405 } as const;

/** One mountain range, or one shore with trees. */
interface Range {
  /** Its crest above the top edge, in pixels, for each column. */
  readonly crest: Float32Array;
  readonly colour: Rgb;
  /** How much of its foot is lost in mist: 0 to 1. */
  readonly mist: number;
  /** How strongly the sun models its slopes: 0 to 1. */
  readonly relief: number;
  readonly seed: number;
  /** Size of its features in pixels. */
  readonly scale: number;
}

/** Everything that is worked out once. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly ranges: readonly Range[];
  /** Trees by column: each column lists those that may cover it. */
  readonly trees: readonly (readonly Tree[])[];
}

/** Colour of the sky by height: from the zenith down to the horizon. */
const SKY: readonly (readonly [number, Rgb])[] = [
  [0, [38, 62, 104]],
  [0.2, [78, 98, 146]],
  [0.4, [146, 136, 172]],
  [0.56, [222, 166, 158]],
  [0.72, [250, 196, 150]],
  [0.88, [255, 220, 170]],
  [1, [255, 228, 186]],
];
/** Morning mist before the light falls on it. */
export const MIST: Rgb = [250, 214, 186];
/** What the sun adds to whatever it shines on. */
export const SUNLIGHT: Rgb = [255, 214, 150];
/** Far over 255: white whatever lies before it, and the brightest thing in the lake too. */
const SUN_DISC: Rgb = [620, 580, 500];

function gradient(stops: typeof SKY, t: number): Rgb {
  for (let i = 1; i < stops.length; i++) {
    const [to, next] = stops[i] as readonly [number, Rgb];
    const [from, colour] = stops[i - 1] as readonly [number, Rgb];
    if (t <= to) return mix(colour, next, clamp((t - from) / (to - from)));
  }
  return (stops.at(-1) as readonly [number, Rgb])[1];
}

/** The scene for a picture of this size. */
export function scene(width: number, height: number): Scene {
  const waterY = height * WATERLINE;
  const crest = (
    base: number,
    amplitude: number,
    scale: number,
    seed: number,
    shape: (x: number) => number,
  ) =>
    Float32Array.from({ length: width }, (_, x) => {
      const peaks = ridged(x / scale + seed * 7.3, seed * 1.7, seed, 6);
      return waterY - height * (base + amplitude * peaks * shape(x / width));
    });
  const valley = (centre: number, spread: number, depth: number) => (t: number) =>
    1 - depth * Math.exp(-(((t - centre) / spread) ** 2));
  const ranges: Range[] = [
    {
      crest: crest(0.115, 0.36, 760, 11, valley(0.63, 0.13, 0.62)),
      colour: [196, 164, 178],
      mist: 0.9,
      relief: 0.3,
      seed: 11,
      scale: 210,
    },
    {
      crest: crest(0.075, 0.3, 620, 23, valley(0.6, 0.2, 0.75)),
      colour: [148, 134, 164],
      mist: 0.92,
      relief: 0.27,
      seed: 23,
      scale: 170,
    },
    {
      crest: crest(0.05, 0.24, 560, 37, valley(0.56, 0.26, 0.85)),
      colour: [96, 102, 138],
      mist: 0.85,
      relief: 0.22,
      seed: 37,
      scale: 140,
    },
    {
      crest: crest(0.022, 0.17, 520, 41, valley(0.54, 0.3, 0.95)),
      colour: [56, 72, 104],
      mist: 0.7,
      relief: 0.16,
      seed: 41,
      scale: 110,
    },
  ];
  return { width, height, ranges, trees: forest(width, height) };
}

/** Light around the sun at a pixel: 0 far away, 1 and more at its disc. */
export function glow(view: Scene, x: number, y: number): number {
  const distance = Math.hypot(x - SUN.x * view.width, (y - SUN.y * view.height) * 1.05);
  return 0.62 * Math.exp(-distance / 75) + 0.4 * Math.exp(-distance / 240) + 0.22 * Math.exp(-distance / 620);
}

/** The sky with its clouds and the sun. */
export function sky(view: Scene, x: number, y: number): Rgb {
  const { width, height } = view;
  const t = y / (height * WATERLINE);
  let colour = gradient(SKY, t);
  // Thin, long clouds, drawn out along the wind and lit from below.
  const u = x / width;
  const v = y / height;
  const wind = fractal(u * 2.2 + 3, v * 2.2, 61, 3) * 0.35;
  const streaks = fractal(u * 3.1 + wind, v * 13 + u * 1.6 + wind * 5, 71, 6, 0.55);
  const cover = smooth(0.5, 0.78, streaks) * smooth(0, 0.12, v) * (1 - smooth(0.34, 0.5, v));
  const lit = mix([176, 150, 184], [255, 196, 168], clamp(v * 2.6 + glow(view, x, y) * 0.8));
  colour = mix(colour, lit, cover * 0.8);
  colour = add(colour, SUNLIGHT, glow(view, x, y) * 0.62);
  const distance = Math.hypot(x - SUN.x * width, y - SUN.y * height);
  return mix(colour, SUN_DISC, 1 - smooth(26, 30, distance));
}

/** Ranges, mist between them and trees over whatever is `behind`. */
export function land(view: Scene, x: number, y: number, behind: Rgb): Rgb {
  const waterY = view.height * WATERLINE;
  let colour = behind;
  for (const range of view.ranges) {
    const crest = range.crest[x] as number;
    const cover = clamp(y - crest + 0.5);
    if (cover <= 0) continue;
    const depth = clamp((y - crest) / (waterY - crest));
    colour = mix(colour, slope(view, range, x, y, depth), cover);
  }
  // Mist that lies on the water before the far shore.
  const drift = fractal(x / 420 + 9, y / 60, 83, 4);
  const lying = Math.exp(-(((waterY - y) / (view.height * 0.03)) ** 2)) * (0.35 + 0.65 * drift);
  colour = mix(colour, add(MIST, SUNLIGHT, glow(view, x, y) * 0.3), lying * 0.75);
  for (const tree of view.trees[x] ?? []) colour = mix(colour, needles(view, tree, x, y), covers(tree, x, y));
  return colour;
}

function slope(view: Scene, range: Range, x: number, y: number, depth: number): Rgb {
  // Slopes: spurs that wander down from the crest, brighter on the side toward the sun.
  const { scale, seed } = range;
  const bend = (fractal(x / scale, y / scale, seed + 300, 4) - 0.5) * scale * 0.9;
  const height = (px: number, py: number) =>
    ridged((px + bend + py * 0.5) / (scale * 0.62), (py - bend) / (scale * 0.9), seed + 100, 6);
  const toSun = Math.sign(SUN.x * view.width - x) * 7;
  const light = Math.max(-0.5, Math.min(0.5, (height(x, y) - height(x + toSun, y - 5)) * 3.2));
  let colour = add(
    range.colour,
    light > 0 ? SUNLIGHT : [150, 130, 100],
    light * range.relief * (1 - 0.6 * depth),
  );
  const drift = fractal(x / 520 + range.seed, y / 90, range.seed + 200, 4);
  const sun = glow(view, x, y);
  const haze = smooth(0.12, 1, depth + (drift - 0.5) * 0.5) * range.mist;
  colour = mix(colour, add(MIST, SUNLIGHT, sun * 0.35), haze);
  // The air before the sun shines, on near ranges less.
  return add(colour, SUNLIGHT, sun * 0.42 * (0.35 + 0.65 * range.mist));
}

function needles(view: Scene, tree: Tree, x: number, y: number): Rgb {
  const waterY = view.height * WATERLINE;
  const foot = Math.exp(-(waterY - y) / (view.height * 0.016)) * 0.75 * fractal(x / 200, y / 40, 87, 3);
  const light = glow(view, x, y) * 0.28;
  return add(mix(tree.colour, MIST, foot), SUNLIGHT, light);
}
