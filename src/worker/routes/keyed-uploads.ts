/**
 * Uploads under an Idempotency-Key. The bucket itself decides which of two requests was first: it is strongly
 * consistent, and a conditional put is made once. So an upload needs no object, and no second place to clean: the record
 * of a key lies with the uploads and leaves with them.
 */

import type * as z from 'zod';
import { sha256Hex, utf8 } from '../bytes.ts';
import type { Config } from '../env.ts';
import { ApiError } from '../errors.ts';
import { extensionOf } from '../media/image-types.ts';
import { fileUrl } from '../media/links.ts';
import { reachable, uploadKey, uploadPrefix } from '../media/storage.ts';
import { keepUpload, readUpload, type Upload as UploadAnswer } from '../media/uploads.ts';
import { Upload } from './schemas.ts';

/** Who uploads, and under which key. */
export interface KeyedUpload {
  readonly account: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** An upload, and whether an earlier request had made it. */
export interface KeyedOutcome {
  readonly stored: UploadAnswer;
  readonly replayed: boolean;
}

/** What is remembered of a key: the answer without its link, which is signed afresh. */
const Stored = Upload.omit({ image_url: true });

/**
 * Keeps an image once for each key of an account; the same image again is the same upload.
 * @throws {ApiError} as `storeUpload`; `idempotency_mismatch` for another image; `gone` when the upload has expired.
 */
export async function storeKeyedUpload(
  request: Request,
  bucket: R2Bucket,
  config: Config,
  { account, key, now }: KeyedUpload,
): Promise<KeyedOutcome> {
  const image = await readUpload(request, config);
  // Hashed, since a key may hold any character and a record's name may not.
  const name = `${uploadPrefix(account)}key/${await sha256Hex(utf8(key))}`;
  const replay = async (): Promise<KeyedOutcome | null> => {
    const record = await reachable(bucket.get(name));
    if (!record) return null;
    const earlier = Stored.parse(await reachable(record.json()));
    if (earlier.sha256 !== image.sha256) throw new ApiError({ tag: 'idempotency_mismatch' });
    const expiresAt = Date.parse(earlier.expires_at);
    if (now >= expiresAt) throw new ApiError({ tag: 'gone', what: 'idempotency_key' });
    const { upload_id: id, content_type: type } = earlier;
    const link = {
      key: uploadKey(account, id),
      name: `${id}.${extensionOf(type)}`,
      type,
      expiresAt,
      account,
    };
    return { stored: { ...earlier, image_url: await fileUrl(config, link) }, replayed: true };
  };

  const earlier = await replay();
  if (earlier) return earlier;
  const stored = await keepUpload(bucket, config, account, image, now);
  const { image_url: _, ...remembered } = stored;
  const first = await reachable(
    bucket.put(name, JSON.stringify(remembered satisfies z.infer<typeof Stored>), {
      onlyIf: { etagDoesNotMatch: '*' },
    }),
  );
  if (first) return { stored, replayed: false };
  // Another request under this key was faster: its upload is the one, and ours is swept by its age.
  const winner = await replay();
  if (!winner) throw new ApiError({ tag: 'unavailable', part: 'storage', retryAfter: 1 });
  return winner;
}
