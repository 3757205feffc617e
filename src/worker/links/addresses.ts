/** The addresses in a link's answers, minted when they are sent: the secret one, the picture's, and the video's. */

import type { Config } from '../env.ts';
import { videoUrl } from '../jobs/video-url.ts';
import { linkImageUrl } from '../media/links.ts';
import type { LinkView } from './contract.ts';
import { pictureUntil } from './picture.ts';
import { linkUrl } from './token.ts';
import { linkBody } from './wire.ts';

/** What a link's owner is told. The video's address lives until `videoUntil`, in ms since 1970. */
export async function ownerBody(config: Config, account: string, link: LinkView, videoUntil: number) {
  const { uploadId, status, spec, job } = link;
  const { expiresAt, maxBytes, types } = spec;
  const [url, imageUrl, video] = await Promise.all([
    status === 'pending' ? linkUrl(config, { account, uploadId, expiresAt, maxBytes, types }) : null,
    linkImageUrl(config, { account, uploadId }, pictureUntil(link, config)),
    job ? videoUrl(config, account, job, videoUntil) : null,
  ]);
  return linkBody(link, { url, imageUrl, videoUrl: video });
}
