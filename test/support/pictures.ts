/** Test images: smooth enough to survive compression, different at each edge, different for each seed. */

import sharp, { type Sharp } from 'sharp';

/** Packed RGB: ramps across and down that tell the corners apart, and a few soft waves. */
export function pictureRgb(width: number, height: number, seed = 0): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width, y / height];
      const wave = 24 * Math.sin(9 * u + 5 * v + seed * 2) + 16 * Math.sin(13 * v - 7 * u * u + seed);
      rgb[at++] = 40 + 150 * (seed % 2 ? 1 - u : u) + wave;
      rgb[at++] = 50 + 140 * v + wave;
      rgb[at++] = 180 - 100 * u * v - wave + 20 * (seed % 3);
    }
  }
  return rgb;
}

/** The same as a pipeline that can be encoded. */
export function picture(width: number, height: number, seed = 0): Sharp {
  return sharp(pictureRgb(width, height, seed), { raw: { width, height, channels: 3 } });
}

/** A base64 data URI. The media type is not looked at by the renderer. */
export function dataUri(bytes: Buffer, type = 'image/png'): string {
  return `data:${type};base64,${bytes.toString('base64')}`;
}
