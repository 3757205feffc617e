/** A stored link as its owner may see it. Pure. */

import type { JobView } from '../../jobs/contract.ts';
import type { LinkView } from '../contract.ts';
import { statusOf } from '../state.ts';
import type { StoredLink } from './store.ts';

/** What is not in the link's row. */
export interface LinkContext {
  /** The job that the upload started, while it is remembered. */
  readonly job: JobView | null;
  /** The key that made the link is valid no more: an open link is withdrawn with it. */
  readonly keyRevoked: boolean;
  /** In ms. */
  readonly now: number;
}

/** A stored link as its owner may see it. */
export function linkViewOf(link: StoredLink, { job, keyRevoked, now }: LinkContext): LinkView {
  const withdrawn = keyRevoked && link.uploadedAt === null;
  return {
    uploadId: link.id,
    status: withdrawn ? 'revoked' : statusOf(link, now),
    createdAt: link.createdAt,
    spec: link.spec,
    ...(link.image ? { image: link.image } : {}),
    ...(link.uploadedAt === null ? {} : { uploadedAt: link.uploadedAt }),
    start: link.start,
    ...(link.jobId === null ? {} : { jobId: link.jobId }),
    ...(job ? { job } : {}),
  };
}
