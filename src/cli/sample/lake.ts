/** The lake, from what is above it. Pure. */

import { add, clamp, mix, type Rgb, smooth } from './colour.ts';
import { WATERLINE } from './forest.ts';
import { glow, MIST, type Scene, SUN, SUNLIGHT } from './landscape.ts';
import { fractal } from './noise.ts';

/** The lake: what is above it, upside down, moved and stretched by ripples, with the sun's path. */
export function lake(view: Scene, x: number, y: number, above: readonly Rgb[]): Rgb {
  const { width, height } = view;
  const waterY = Math.round(height * WATERLINE);
  const down = y - waterY;
  // `near` is 0 at the far shore and 1 at our feet: ripples look larger there.
  const near = down / (height - waterY);
  const size = 3 + 70 * near ** 1.5;
  const wave = fractal(x / (size * 6), down / (size * 0.3), 131, 5, 0.62) - 0.5;
  const broad = fractal(x / 700, down / (24 + 120 * near), 137, 3) - 0.5;
  const strength = (2 + 58 * near) * (0.55 + 0.9 * clamp(broad * 3 + 0.5));
  const sampleX = Math.max(0, Math.min(width - 1, Math.round(x + wave * strength * 0.35)));
  const sampleY = waterY - 1 - (down * 0.93 + wave * strength);
  const sy = Math.max(0, Math.min(waterY - 1, sampleY));
  const y0 = Math.floor(sy);
  const upper = above[y0 * width + sampleX] as Rgb;
  const lower = above[Math.min(waterY - 1, y0 + 1) * width + sampleX] as Rgb;
  let colour = mix(upper, lower, sy - y0);
  // Water takes light, more of it the steeper we look into it, and gives its own dark blue instead.
  colour = mix(colour, [26, 48, 74], 0.13 + 0.42 * near ** 1.2);
  // Where the surface lies flat it reflects the sky's brightness: long pale streaks.
  const streak = smooth(0.56, 0.8, fractal(x / 900 + 4, down / (7 + 40 * near), 149, 4));
  colour = mix(colour, [236, 196, 182], streak * 0.2 * (1 - near));
  // The sun's path: glints that widen toward us.
  const path = Math.exp(-(((x - SUN.x * width) / (34 + 150 * near)) ** 2));
  const glint = smooth(0.53, 0.75, fractal(x / (9 + 46 * near), down / (1.6 + 7.5 * near), 157, 3));
  colour = add(colour, [255, 206, 140], path * (0.14 + 0.7 * glint) * (1 - near) ** 1.3);
  // Mist on the far water.
  const drift = fractal(x / 380 + 2, down / 26, 163, 4);
  const lying = Math.exp(-down / (height * 0.028)) * (0.4 + 0.6 * drift);
  return mix(colour, add(MIST, SUNLIGHT, glow(view, x, waterY) * 0.3), lying * 0.7);
}
