/** The table at the end: where the time went, what it cost, what came of it. */

import { dollars, framedTable, seconds, size, whole } from '../terminal.ts';
import type { RoundResult, Stage } from './round.ts';

/** Lines of the table. `more` are stages that a command had beside the round's own, in front of them and after. */
export function summary(
  result: RoundResult,
  more: { readonly first?: Stage[]; readonly last?: Stage[] } = {},
): string {
  const { job, saved, before, after } = result;
  const table = framedTable();
  const stages = [...(more.first ?? []), ...result.stages, ...(more.last ?? [])];
  table.push(
    ...stages.map((stage) => [stage.name, { content: seconds(stage.ms), hAlign: 'right' as const }]),
  );
  table.push(
    ['credits before', whole(before.credits.available)],
    ['credits charged', `${whole(job.credits_charged)} (${dollars(job.cost_usd)})`],
    ['credits after', whole(after.credits.available)],
    ['job', job.job_id],
    ['file', `${saved.path}, ${size(saved.bytes)}`],
    [
      'video',
      `${saved.width}×${saved.height}, ${job.result.video.fps} fps, ${saved.duration} s, ${saved.hasAudio ? 'with sound' : 'silent'}`,
    ],
  );
  return table.toString();
}
