/**
 * Paints `dawn.jpg`, the picture that `npm run demo` animates: a mountain lake at dawn. Every pixel is computed here,
 * so the picture is this project's own work. Run with `node src/cli/sample/generate.ts [OUT]`.
 */

import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Rgb } from './colour.ts';
import { foreground } from './figures.ts';
import { WATERLINE } from './forest.ts';
import { lake } from './lake.ts';
import { land, type Scene, scene, sky } from './landscape.ts';
import { hash } from './noise.ts';

const WIDTH = 1920;
const HEIGHT = 1280;

/** Paints the scene and writes it as a JPEG of less than 300 kB. */
async function generate(path: string): Promise<void> {
  const view = scene(WIDTH, HEIGHT);
  const pixels = paint(view);
  await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .composite([{ input: Buffer.from(foreground(WIDTH, HEIGHT)) }])
    .jpeg({ quality: 84, mozjpeg: true, chromaSubsampling: '4:2:0' })
    .toFile(path);
}

function paint(view: Scene): Buffer {
  const { width, height } = view;
  const waterY = Math.round(height * WATERLINE);
  // Everything above the water, and some more: what the lake reflects.
  const above: Rgb[] = new Array(width * waterY);
  for (let y = 0; y < waterY; y++) {
    for (let x = 0; x < width; x++) above[y * width + x] = land(view, x, y, sky(view, x, y));
  }
  const out = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = y < waterY ? (above[y * width + x] as Rgb) : lake(view, x, y, above);
      // A darker rim draws the eye in; a little grain hides the steps of the gradients.
      const rim = 1 - 0.28 * ((x / width - 0.52) ** 2 * 1.6 + (y / height - 0.5) ** 2 * 1.6);
      const grain = (hash(x, y, 99) - 0.5) * 3;
      const at = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        out[at + channel] = Math.max(0, Math.min(255, exposed((colour[channel] as number) * rim) + grain));
      }
    }
  }
  return out;
}

/** Light as film takes it: what is brighter than white bends toward white and is never cut off. */
function exposed(value: number): number {
  const shoulder = 205;
  const room = 255 - shoulder;
  return value <= shoulder ? value : shoulder + room * (1 - Math.exp((shoulder - value) / room));
}

await generate(process.argv[2] ?? fileURLToPath(new URL('./dawn.jpg', import.meta.url)));
