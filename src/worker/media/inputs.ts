/** A job's images: what a text in a request means, and how it is kept and handed on. */

import { sha256Hex, toHex } from '../bytes.ts';
import type { Config } from '../env.ts';
import type { FieldError } from '../errors.ts';
import type { FindPicture } from '../links/picture.ts';
import { checkUrl } from '../webhooks/address.ts';
import { IMAGE_TYPES, type ImageSource, type ImageType } from './contract.ts';
import { decodeDataUri, isDataUri } from './data-uri.ts';
import { agreesWith, extensionOf } from './image-types.ts';
import { fileUrl, type LinkConfig, mayBeFileOfOurs, ownUpload } from './links.ts';
import { refusalDetail, sniff } from './sniff.ts';
import { IMAGE_ROLES, type ImageRole, inputKey, reachable } from './storage.ts';

/** Image bytes that came inside a request, checked, not yet stored. */
export interface ImageBytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: ImageType;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Pixels, as shown. */
  readonly width: number;
  readonly height: number;
}

/** An image of a request: where it is, or its bytes, which {@link storeInput} turns into a place. */
export type ResolvedImage = ImageSource | ImageBytes;

export type ImageOutcome =
  /** `until`, in ms since 1970: how long an upload of ours can be used. */
  | { readonly ok: true; readonly image: ResolvedImage; readonly until?: number }
  | { readonly ok: false; readonly error: FieldError };

/** What is needed to judge an image. */
export interface ImageContext {
  readonly config: LinkConfig & Pick<Config, 'LOCAL_MODE' | 'MAX_UPLOAD_BYTES'>;
  readonly bucket: R2Bucket;
  readonly account: string;
  /** Asked for what was uploaded to an upload link, and for nothing else. */
  readonly findPicture: FindPicture;
  /** JSON pointer of the field, for the error. */
  readonly pointer: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const NO_UPLOAD = 'is not a valid link of an upload of this account, or has expired';
const NOTHING_UPLOADED = 'nothing has been uploaded to this link';

/**
 * What `text` means as an image: a data URI, the link of an upload, or a public URL. Writes nothing.
 * @throws {ApiError} `unavailable` when R2 fails, or the shard of an upload link.
 */
export async function resolveImage(text: string, context: ImageContext): Promise<ImageOutcome> {
  const { config, account, now } = context;
  const refused = (detail: string): ImageOutcome => ({
    ok: false,
    error: { pointer: context.pointer, detail },
  });

  if (isDataUri(text)) {
    const decoded = decodeDataUri(text, config.MAX_UPLOAD_BYTES);
    if (!decoded.ok) return refused(decoded.detail);
    const { bytes, type: declared } = decoded;
    const sniffed = sniff(bytes);
    if (!sniffed.ok) return refused(refusalDetail(sniffed.refusal));
    const { type } = sniffed.image;
    if (!agreesWith(declared, type)) return refused(`is declared as ${declared} but is ${type}`);
    const sha256 = await sha256Hex(bytes);
    return { ok: true, image: { kind: 'bytes', bytes, sha256, ...sniffed.image } };
  }

  const url = mayBeFileOfOurs(text) ? URL.parse(text) : null;
  const own = url && (await ownUpload(config, url, account, now));
  if (own?.kind === 'invalid') return refused(NO_UPLOAD);
  if (own?.kind === 'upload') {
    const source = await storedUpload(context.bucket, own.key);
    return source ? { ok: true, image: source, until: own.expiresAt } : refused(NOTHING_UPLOADED);
  }
  if (own?.kind === 'link') {
    const found = await context.findPicture(account, own.uploadId);
    if (found.kind === 'nothing') return refused(NOTHING_UPLOADED);
    if (found.kind === 'gone') return refused(NO_UPLOAD);
    const { key, type, sha256 } = found.image;
    return { ok: true, image: { kind: 'stored', key, type, sha256 }, until: found.until };
  }

  const address = checkUrl(text, { local: config.LOCAL_MODE, purpose: 'image' });
  return address.ok ? { ok: true, image: { kind: 'url', url: address.url.href } } : refused(address.reason);
}

/** The upload at `key` as a source; null when nothing is there. Type and digest are what we stored with the bytes. */
async function storedUpload(bucket: R2Bucket, key: string): Promise<ImageSource | null> {
  const head = await reachable(bucket.head(key));
  if (!head) return null;
  const type = IMAGE_TYPES.find((candidate) => candidate === head.httpMetadata?.contentType);
  const digest = head.checksums.sha256;
  if (!type || !digest) throw new Error('an upload without type or digest');
  return { kind: 'stored', key, type, sha256: toHex(new Uint8Array(digest)) };
}

/**
 * Puts a job's image into the bucket; R2 checks the digest while it stores. Done twice, it leaves one object.
 * @throws {ApiError} `unavailable` when R2 fails.
 */
export async function storeInput(
  bucket: R2Bucket,
  account: string,
  jobId: string,
  role: ImageRole,
  image: ImageBytes,
): Promise<ImageSource> {
  const key = inputKey(account, jobId, role);
  const { bytes, type, sha256 } = image;
  await reachable(bucket.put(key, bytes, { sha256, httpMetadata: { contentType: type } }));
  return { kind: 'stored', key, type, sha256 };
}

/**
 * Deletes whatever images a job brought. Uploads stay: they are their owner's.
 * @throws {ApiError} `unavailable` when R2 fails; what is left is swept by age.
 */
export async function dropInputs(bucket: R2Bucket, account: string, jobId: string): Promise<void> {
  await reachable(bucket.delete(IMAGE_ROLES.map((role) => inputKey(account, jobId, role))));
}

/**
 * How long the upstream's link outlives the job's deadline, in ms: a renderer that fetches the image at the last
 * moment, with a clock that differs from ours, still gets it.
 */
const LINK_MARGIN_MS = 600_000;

/** The URL under which the upstream fetches an image. Made when the submit is sent, at `now` (ms). */
export async function imageUrlForUpstream(
  config: LinkConfig & Pick<Config, 'JOB_DEADLINE_S'>,
  source: ImageSource,
  now: number,
): Promise<string> {
  if (source.kind === 'url') return source.url;
  const { key, type } = source;
  const expiresAt = now + config.JOB_DEADLINE_S * 1_000 + LINK_MARGIN_MS;
  return fileUrl(config, { key, type, name: `image.${extensionOf(type)}`, expiresAt });
}
