/** A stored job as its owner may see it. Pure. */

import type { JobView } from './contract.ts';
import { isEnded } from './job.ts';
import type { StoredJob } from './store.ts';

/** A stored job as its owner may see it. */
export function viewOf(stored: StoredJob): JobView {
  const { job, request } = stored;
  const common = {
    jobId: stored.id,
    createdAt: job.createdAt,
    ...(request.metadata ? { metadata: request.metadata } : {}),
  };
  if (!isEnded(job.state)) {
    const phase = job.state === 'storing' ? 'storing' : job.rendering ? 'rendering' : 'queued';
    return {
      ...common,
      status: 'in_progress',
      phase,
      credits: stored.credits,
      cost: stored.cost,
      ...(phase === 'queued' && job.queuePosition !== null ? { queuePosition: job.queuePosition } : {}),
    };
  }
  const charged = job.state === 'completed';
  return {
    ...common,
    status: job.state,
    credits: charged ? stored.credits : 0,
    cost: charged ? stored.cost : 0,
    ...(job.endedAt === null ? {} : { endedAt: job.endedAt }),
    ...(job.video ? { video: job.video } : {}),
    ...(job.failure ? { failure: job.failure } : {}),
  };
}
