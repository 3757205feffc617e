/// <reference path="./heic-decode.d.ts" />
/** HEIC, which sharp's libheif cannot decode: libheif with an HEVC decoder, as WebAssembly. */

import decode from 'heic-decode';
import sharp from 'sharp';
import type { OpenedImage } from './image.ts';

/** The major brands that `heic-decode` takes; it looks at no other. */
const ACCEPTED: ReadonlySet<string> = new Set(['mif1', 'msf1', 'heic', 'heix', 'hevc', 'hevx']);

/** Reads the structure of a HEIC. The declared size is known before a pixel is decoded, which blocks the process. */
export async function openHeic(bytes: Buffer): Promise<OpenedImage> {
  const images = await decode.all({ buffer: withAcceptedBrand(bytes) });
  const [image] = images;
  if (!image) throw new Error('it holds no picture');
  // Rotations that the file asks for are applied by libheif, so the EXIF orientation must not be.
  const { width, height } = image;
  return {
    size: { width, height },
    open: async () => {
      try {
        const { data } = await image.decode();
        return sharp(data, { raw: { width, height, channels: 4 } });
      } finally {
        images.dispose();
      }
    },
  };
}

/** A file of a rarer HEIF brand, such as `heim`, renamed: libheif itself does not care. */
function withAcceptedBrand(bytes: Buffer): Buffer {
  if (ACCEPTED.has(bytes.toString('latin1', 8, 12))) return bytes;
  const renamed = Buffer.from(bytes);
  renamed.write('heic', 8, 'latin1');
  return renamed;
}
