/** An input image: its size after the checks, and its pixels. Untrusted bytes are parsed here and nowhere else. */

import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE, MIN_RENDERED_SIDE } from '../../../worker/media/image-limits.ts';
import type { Rect } from '../geometry.ts';
import type { Size } from '../job.ts';
import { InputError } from './error.ts';
import { type ImageKind, sniff } from './sniff.ts';

const SUPPORTED: readonly ImageKind[] = ['png', 'jpeg', 'webp', 'avif', 'heic'];

/** An image whose kind and size have been checked. */
export interface InputImage {
  /** With its orientation applied. */
  readonly size: Size;
  /**
   * A part of it, scaled, as packed RGB.
   *
   * @throws {InputError} `image_load_error` where the pixels cannot be decoded.
   */
  pixels(region: Rect, size: Size): Promise<Buffer>;
}

/** An image that was opened but not checked, as its decoder gives it. */
export interface OpenedImage {
  readonly size: Size;
  /** The upright image as a pipeline that has not run. */
  open(): Promise<Sharp>;
}

// One image is decoded once: a cache only holds memory.
sharp.cache(false);

// libvips makes up its own mind about what a file is: of all its parsers, it may use these.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Png', 'Jpeg', 'Webp', 'Heif'].map((format) => `VipsForeignLoad${format}`),
});

/**
 * Opens an image. No pixel is decoded before its declared size has been checked.
 *
 * @throws {InputError}
 */
export async function openImage(bytes: Buffer): Promise<InputImage> {
  const kind = sniff(bytes);
  if (kind === 'unsupported') {
    throw new InputError(
      'unsupported_image_format',
      `Unsupported image format. Use one of: ${SUPPORTED.join(', ')}.`,
      {
        supported_formats: SUPPORTED,
      },
    );
  }
  if (kind === 'unknown') throw loadError('it is not an image');
  const opened = await loading(() => (kind === 'heic' ? openWithLibheif(bytes) : openWithSharp(bytes)));
  checkSize(opened.size);
  return {
    size: opened.size,
    pixels: (region, size) =>
      loading(async () => {
        const image = await opened.open();
        return image
          .extract({ left: region.x, top: region.y, width: region.width, height: region.height })
          .resize(size.width, size.height, { fit: 'fill' })
          .flatten({ background: '#ffffff' })
          .toColourspace('srgb')
          .removeAlpha()
          .raw({ depth: 'uchar' })
          .toBuffer();
      }),
  };
}

/** Reads the header of a PNG, JPEG, WebP or AVIF. Of an animation, the first frame is meant. */
async function openWithSharp(bytes: Buffer): Promise<OpenedImage> {
  // Cut-off files fail; files with oddities that every viewer forgives do not.
  const options: SharpOptions = { failOn: 'error', limitInputPixels: MAX_IMAGE_PIXELS, pages: 1 };
  const { autoOrient: size } = await sharp(bytes, { ...options, limitInputPixels: false }).metadata();
  return {
    size: { width: size.width, height: size.height },
    open: async () => sharp(bytes, options).autoOrient(),
  };
}

/** Loads the decoder of HEIC, which takes a tenth of a second, only where there is one. */
async function openWithLibheif(bytes: Buffer): Promise<OpenedImage> {
  const { openHeic } = await import('./heic.ts');
  return openHeic(bytes);
}

/** @throws {InputError} */
function checkSize({ width, height }: Size): void {
  if (width * height > MAX_IMAGE_PIXELS || Math.max(width, height) > MAX_IMAGE_SIDE) {
    throw new InputError('image_too_large', `The image of ${width}x${height} pixels is too large.`, {
      max_width: MAX_IMAGE_SIDE,
      max_height: MAX_IMAGE_SIDE,
      max_pixels: MAX_IMAGE_PIXELS,
    });
  }
  if (Math.min(width, height) < MIN_RENDERED_SIDE) {
    throw new InputError('image_too_small', `The image of ${width}x${height} pixels is too small.`, {
      min_width: MIN_RENDERED_SIDE,
      min_height: MIN_RENDERED_SIDE,
    });
  }
}

/** Runs a decoder, whose every failure is the image's. */
async function loading<T>(decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw loadError(cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause));
  }
}

function loadError(reason: string): InputError {
  return new InputError('image_load_error', `Failed to load the image: ${reason}. Is it intact?`);
}
