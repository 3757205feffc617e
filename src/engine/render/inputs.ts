/** The images of a request: fetched, opened and laid out, both at the same time, each failure at its field. */

import type { ErrorDetail, RenderRequest } from '../contract.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { DownloadOptions } from './input/download.ts';
import { type ImageField, InputError } from './input/error.ts';
import { type InputImage, openImage } from './input/image.ts';
import { readSource } from './input/source.ts';
import type { Size } from './job.ts';
import { layOut, type Picture } from './picture.ts';

/** Something of the start image, and of the end image where there is one. */
export interface Both<T> {
  readonly start: T;
  readonly end?: T | undefined;
}

/** One image or both cannot be rendered. */
export class InputsError extends Error {
  override name = 'InputsError';
  readonly detail: readonly ErrorDetail[];

  constructor(detail: readonly ErrorDetail[]) {
    super(detail.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join(' '));
    this.detail = detail;
  }
}

/**
 * Fetches a request's images and checks what can be checked without decoding them.
 *
 * @throws {InputsError}
 */
export function openInputs(request: RenderRequest, options: DownloadOptions): Promise<Both<InputImage>> {
  const { image_url, end_image_url } = request;
  const load = async (url: string): Promise<InputImage> => openImage(await readSource(url, options));
  return both(load, { start: image_url, end: end_image_url });
}

/**
 * Decodes images into the kernel's memory.
 *
 * @throws {InputsError}
 */
export function layOutInputs(images: Both<InputImage>, output: Size, kernel: Kernel): Promise<Both<Picture>> {
  return both((image) => layOut(image, output, kernel), images);
}

/** Does the same with both, and waits for both: a caller with two wrong images is told of both. */
async function both<T, U>(work: (one: T) => Promise<U>, { start, end }: Both<T>): Promise<Both<U>> {
  const [first, second] = await Promise.allSettled([work(start), end === undefined ? undefined : work(end)]);
  const detail = [...detailOf('image_url', first), ...detailOf('end_image_url', second)];
  if (first.status === 'rejected' || second.status === 'rejected') throw new InputsError(detail);
  return { start: first.value, end: second.value };
}

/** An image's failure as fal words it. Any other failure is ours, and thrown. */
function detailOf(field: ImageField, result: PromiseSettledResult<unknown>): ErrorDetail[] {
  if (result.status === 'fulfilled') return [];
  if (result.reason instanceof InputError) return [result.reason.toDetail(field)];
  throw result.reason;
}
