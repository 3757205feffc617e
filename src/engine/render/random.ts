/** Random numbers that a prompt determines, so that one request always makes the same video. */

/** A 32-bit hash of a text (FNV-1a over UTF-16 units). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A smooth curve through random values in [-1, 1], one for each whole number from 0 (value noise). */
export function smoothNoise(seed: number): (at: number) => number {
  const valueAt = (index: number): number => randomFrom(seed + Math.imul(index, 0x9e3779b1))() * 2 - 1;
  return (at) => {
    const index = Math.floor(at);
    const part = at - index;
    // Quintic: speed and acceleration are continuous, which the eye notices in a camera.
    const blend = part * part * part * (part * (part * 6 - 15) + 10);
    return valueAt(index) * (1 - blend) + valueAt(index + 1) * blend;
  };
}
