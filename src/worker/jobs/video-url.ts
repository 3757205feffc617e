/** Links to the videos of jobs. */

import type { Config } from '../env.ts';
import { fileUrl } from '../media/links.ts';
import type { JobView } from './contract.ts';

/** The signed link to a finished job's video, or null while there is none. */
export async function videoUrl(
  config: Config,
  account: string,
  job: JobView,
  expiresAt: number,
  name = `${job.jobId}.mp4`,
): Promise<string | null> {
  if (!job.video) return null;
  return fileUrl(config, {
    key: job.video.key,
    name,
    type: 'video/mp4',
    account,
    expiresAt,
  });
}
