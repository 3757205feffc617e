/** The images of a request: what they are, what is wrong with them, and their bytes on the way to the bucket. */

import type { Context } from 'hono';
import type { App } from '../env.ts';
import { ApiError, type FieldError } from '../errors.ts';
import type { JobImages } from '../jobs/contract.ts';
import { pictureFinder } from '../links/picture.ts';
import type { ImageSource } from '../media/contract.ts';
import {
  dropInputs,
  type ImageContext,
  type ResolvedImage,
  resolveImage,
  storeInput,
} from '../media/inputs.ts';
import type { ImageRole } from '../media/storage.ts';

/** The texts of a request's image fields; undefined where there is none, or none that can be judged. */
export interface ImageTexts {
  readonly start: string | undefined;
  readonly end: string | undefined;
}

export interface ResolvedImages {
  readonly start: ResolvedImage;
  readonly end?: ResolvedImage;
}

/** The images, null unless there is a start image and all are right, with what is wrong of each. */
export interface ImagesOutcome {
  readonly images: ResolvedImages | null;
  readonly errors: readonly FieldError[];
}

/**
 * Looks at both images. Writes nothing.
 * @throws {ApiError} `unavailable` when R2 fails, or the shard of an upload link.
 */
export async function resolveImages(c: Context<App>, { start, end }: ImageTexts): Promise<ImagesOutcome> {
  const context = imageContext(c, Date.now());
  const resolve = (text: string | undefined, pointer: string) =>
    text === undefined ? null : resolveImage(text, { ...context, pointer });
  const first = await resolve(start, '/image_url');
  const last = await resolve(end, '/end_image_url');
  const errors = [first, last].flatMap((outcome) => (outcome && !outcome.ok ? [outcome.error] : []));
  const images =
    first?.ok && (last === null || last.ok)
      ? { start: first.image, ...(last ? { end: last.image } : {}) }
      : null;
  return { images, errors };
}

/** What images of this request are judged by at `now` (ms), but for the pointer of the field. */
export function imageContext(c: Context<App>, now: number): Omit<ImageContext, 'pointer'> {
  const config = c.get('config');
  const { account } = c.get('caller');
  return { config, bucket: c.env.BUCKET, account, findPicture: pictureFinder(c.env, config, now), now };
}

/** Whether the request itself carries an image's bytes. */
export function bringsBytes({ start, end }: ResolvedImages): boolean {
  return start.kind === 'bytes' || end?.kind === 'bytes';
}

/**
 * Puts the bytes that the request carries into the bucket.
 * @throws {ApiError} `unavailable` when R2 fails.
 */
export async function storeImages(
  c: Context<App>,
  jobId: string,
  images: ResolvedImages,
): Promise<JobImages> {
  const store = async (role: ImageRole, image: ResolvedImage): Promise<ImageSource> =>
    image.kind === 'bytes' ? storeInput(c.env.BUCKET, c.get('caller').account, jobId, role, image) : image;
  if (!images.end) return { start: await store('start', images.start) };
  const [start, end] = await Promise.all([store('start', images.start), store('end', images.end)]);
  return { start, end };
}

/** Deletes the bytes of a job that was refused. What cannot be deleted now is swept by its age: the refusal stands. */
export async function dropImages(c: Context<App>, jobId: string): Promise<void> {
  try {
    await dropInputs(c.env.BUCKET, c.get('caller').account, jobId);
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    console.warn({ event: 'inputs_not_dropped', job_id: jobId, request_id: c.get('requestId') });
  }
}

/** What an image is in a request's fingerprint: its content where we know it, else its address. */
export function identityOf(image: ResolvedImage): string {
  return image.kind === 'url' ? image.url : `sha256:${image.sha256}`;
}
