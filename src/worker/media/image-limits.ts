/** How large a picture may be, and how small. For the Worker, which looks at headers, and the engine, which decodes. */

/** Longest side, in pixels: WebP and most encoders of video end here, and no camera's still is longer. */
export const MAX_IMAGE_SIDE = 16_384;
/** Most pixels: 100 megapixels are 400 MB once decoded, about what a renderer can be asked to hold. */
export const MAX_IMAGE_PIXELS = 100_000_000;
/** The local engine's shortest side, in pixels: of it a plane can still be made without counting in single pixels. */
export const MIN_RENDERED_SIDE = 64;
