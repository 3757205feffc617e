/** The picture of an upload link, for whoever names the link as an image: what it is only its shard knows. */

import type { Config, Env } from '../env.ts';
import { granted, reached } from '../http/outcome.ts';
import { LinkClient } from './client.ts';
import type { LinkView, StoredImage } from './contract.ts';
import { FINISH_GRACE_MS } from './state.ts';

export type LinkPicture =
  /** It is kept at least until `until`, in ms since 1970. */
  | { readonly kind: 'there'; readonly image: StoredImage; readonly until: number }
  /** None has come so far. */
  | { readonly kind: 'nothing' }
  /** It was kept as long as uploads are, or the link is remembered no more. */
  | { readonly kind: 'gone' };

/** Finds the picture of an account's link. */
export type FindPicture = (account: string, uploadId: string) => Promise<LinkPicture>;

const HOUR_MS = 3_600_000;

/** Until when a link's picture can be used as an image, or could be if it came at the last moment. In ms since 1970. */
export function pictureUntil(
  { spec, uploadedAt }: Pick<LinkView, 'spec' | 'uploadedAt'>,
  config: Pick<Config, 'INPUT_RETENTION_HOURS'>,
): number {
  return (uploadedAt ?? spec.expiresAt + FINISH_GRACE_MS) + config.INPUT_RETENTION_HOURS * HOUR_MS;
}

/** Asks the shards, one call a picture. What it returns throws {ApiError} 503 when a shard cannot be reached. */
export function pictureFinder(
  env: Env,
  config: Pick<Config, 'INPUT_RETENTION_HOURS'>,
  now: number,
): FindPicture {
  return async (account, uploadId) => {
    const outcome = granted(await reached(() => new LinkClient(env, account).openLink(uploadId)));
    if (outcome.kind !== 'found') return { kind: 'gone' };
    const { link } = outcome;
    if (!link.image) return { kind: 'nothing' };
    const until = pictureUntil(link, config);
    return now < until ? { kind: 'there', image: link.image, until } : { kind: 'gone' };
  };
}
