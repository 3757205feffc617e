/** Seeded noise: smooth randomness that is the same on every machine. Pure. */

/** A well-mixed 32-bit hash of two integers and a seed, as a number in [0, 1). */
export function hash(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4_294_967_296;
}

const fade = (t: number) => t * t * t * (t * (t * 6 - 15) + 10);

/** Value noise in [0, 1], smooth in both directions, one feature per unit. */
export function noise(x: number, y: number, seed: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const u = fade(x - x0);
  const v = fade(y - y0);
  const top = hash(x0, y0, seed) * (1 - u) + hash(x0 + 1, y0, seed) * u;
  const bottom = hash(x0, y0 + 1, seed) * (1 - u) + hash(x0 + 1, y0 + 1, seed) * u;
  return top * (1 - v) + bottom * v;
}

/** Fractal noise in [0, 1]: `octaves` of noise, each twice as fine and `gain` times as strong as the one before. */
export function fractal(x: number, y: number, seed: number, octaves: number, gain = 0.5): number {
  let sum = 0;
  let total = 0;
  let strength = 1;
  for (let octave = 0; octave < octaves; octave++) {
    const scale = 2 ** octave;
    // Each octave is turned a little, so that their grids never line up.
    const angle = octave * 0.5;
    const rx = (x * Math.cos(angle) - y * Math.sin(angle)) * scale;
    const ry = (x * Math.sin(angle) + y * Math.cos(angle)) * scale;
    sum += strength * noise(rx, ry, seed + octave);
    total += strength;
    strength *= gain;
  }
  return sum / total;
}

/** Ridged fractal noise in [0, 1]: sharp crests and soft valleys, as mountains have. */
export function ridged(x: number, y: number, seed: number, octaves: number): number {
  let sum = 0;
  let total = 0;
  let strength = 1;
  let previous = 1;
  for (let octave = 0; octave < octaves; octave++) {
    const scale = 2.03 ** octave;
    const crest = 1 - Math.abs(2 * noise(x * scale, y * scale, seed + octave) - 1);
    const value = crest * crest * previous;
    sum += strength * value;
    total += strength;
    previous = Math.min(1, value * 1.8 + 0.25);
    strength *= 0.5;
  }
  return sum / total;
}
