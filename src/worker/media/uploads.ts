/** `POST /api/uploads`: an image as a raw body, checked and kept for a later job. */

import { sha256Hex } from '../bytes.ts';
import type { Config } from '../env.ts';
import { ApiError } from '../errors.ts';
import { homeShard, mintId } from '../ids.ts';
import { bodyError, readBody } from './body.ts';
import type { ImageType } from './contract.ts';
import { agreesWith, extensionOf, mediaTypeOf } from './image-types.ts';
import type { ImageBytes } from './inputs.ts';
import { fileUrl, type LinkConfig } from './links.ts';
import { refusalFailure, sniff } from './sniff.ts';
import { reachable, uploadKey } from './storage.ts';

/** The answer to an upload. */
export interface Upload {
  readonly upload_id: string;
  /** Usable as `image_url` by the same account until `expires_at`. */
  readonly image_url: string;
  readonly content_type: ImageType;
  readonly bytes: number;
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly expires_at: string;
}

type UploadConfig = LinkConfig & Pick<Config, 'MAX_UPLOAD_BYTES' | 'INPUT_RETENTION_HOURS'>;

const EXPECTED =
  'the raw bytes of a PNG, JPEG, WebP, AVIF or HEIF image, with its type or none as Content-Type';
/** Declared by senders that do not know. */
const UNDECLARED: ReadonlySet<string> = new Set(['', 'application/octet-stream']);
const MS_PER_HOUR = 3_600_000;

/**
 * The image in a request's body. Writes nothing.
 * @throws {ApiError} `body_too_large` as soon as more than MAX_UPLOAD_BYTES have come; `malformed_body` for a body that
 *   ended early; `unsupported_media_type` when the
 *   bytes are none of our image types or not the declared one; `invalid_request` for an image that cannot be used.
 */
export async function readUpload(
  request: Request,
  config: Pick<Config, 'MAX_UPLOAD_BYTES'>,
): Promise<ImageBytes> {
  if (request.headers.has('Content-Encoding')) {
    throw new ApiError({ tag: 'unsupported_media_type', expected: EXPECTED });
  }
  const limit = config.MAX_UPLOAD_BYTES;
  const bytes = await readBody(request, limit);
  if (typeof bytes === 'string') throw bodyError(bytes, limit);
  const sniffed = sniff(bytes);
  if (!sniffed.ok) {
    throw new ApiError(refusalFailure(sniffed.refusal, EXPECTED));
  }
  const declared = mediaTypeOf(request.headers.get('Content-Type'));
  if (!UNDECLARED.has(declared) && !agreesWith(declared, sniffed.image.type)) {
    throw new ApiError({ tag: 'unsupported_media_type', expected: EXPECTED });
  }
  return { kind: 'bytes', bytes, sha256: await sha256Hex(bytes), ...sniffed.image };
}

/**
 * Keeps an image as an upload of `account`, under an id of its own. Uploads are immutable.
 * @throws {ApiError} `unavailable` when R2 fails.
 */
export async function keepUpload(
  bucket: R2Bucket,
  config: UploadConfig,
  account: string,
  image: ImageBytes,
  now: number,
): Promise<Upload> {
  const id = mintId(config.SIGNING_SECRETS, 'up', homeShard(account), now);
  const { bytes, type, sha256, width, height } = image;
  const key = uploadKey(account, id);
  const stored = await reachable(
    bucket.put(key, bytes, {
      sha256,
      httpMetadata: { contentType: type },
      onlyIf: { etagDoesNotMatch: '*' },
    }),
  );
  // 55 random bits of one millisecond met twice: never seen, and never to be taken for a stored upload.
  if (!stored) throw new ApiError({ tag: 'unavailable', part: 'storage', retryAfter: 1 });
  const expiresAt = now + config.INPUT_RETENTION_HOURS * MS_PER_HOUR;
  const link = { key, name: `${id}.${extensionOf(type)}`, type, expiresAt, account };
  return {
    upload_id: id,
    image_url: await fileUrl(config, link),
    content_type: type,
    bytes: bytes.length,
    width,
    height,
    sha256,
    expires_at: new Date(expiresAt).toISOString(),
  };
}

/** Reads, checks and keeps an upload. @throws {ApiError} as {@link readUpload} and {@link keepUpload}. */
export async function storeUpload(
  request: Request,
  bucket: R2Bucket,
  config: UploadConfig,
  account: string,
  now: number,
): Promise<Upload> {
  return keepUpload(bucket, config, account, await readUpload(request, config), now);
}
