/** From image to saved video through the API: upload, submit, follow, save. What `demo` and `animate` share. */

import type { AccountSummary, CompletedJob, Submitted } from '../api/answers.ts';
import type { Client, JobInput } from '../api/client.ts';
import { CliError } from '../errors.ts';
import { size, type Terminal } from '../terminal.ts';
import type { ImageSource } from './image.ts';
import { type ProgressView, progressView } from './progress.ts';
import { type SavedVideo, saveVideo } from './save.ts';

/** One stage and how long it took. */
export interface Stage {
  readonly name: string;
  readonly ms: number;
}

/** What to do. */
export interface Round {
  readonly client: Client;
  readonly model: string;
  readonly image: ImageSource;
  readonly endImage?: ImageSource | undefined;
  readonly input: Omit<JobInput, 'image_url' | 'end_image_url'>;
  readonly out: string;
  /** What such a job usually takes, in ms. */
  readonly usualMs: number;
  readonly terminal: Terminal;
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. */
export interface RoundResult {
  readonly job: CompletedJob;
  readonly saved: SavedVideo;
  readonly stages: readonly Stage[];
  readonly before: AccountSummary;
  readonly after: AccountSummary;
}

/** Between two looks at an open job the service may hold its answer this long, in seconds. */
const WAIT_S = 1;

/**
 * Does the whole round.
 * @throws {CliError} at the first step that fails, a job that ends without a video included.
 */
export async function animateImage(round: Round): Promise<RoundResult> {
  const { client, terminal, signal } = round;
  const stages: Stage[] = [];
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    stages.push({ name, ms: performance.now() - start });
    return result;
  };

  const before = await client.account();
  const images = await timed('upload', async () => ({
    image_url: await addressOf(round.image, round),
    ...(round.endImage ? { end_image_url: await addressOf(round.endImage, round) } : {}),
  }));
  const submitted = await timed('submit', () => client.submit(round.model, { ...round.input, ...images }));
  terminal.done(
    `job ${submitted.job_id} accepted, ${submitted.credits_charged} credits held`,
    stages.at(-1)?.ms,
  );
  const job = await follow(round, submitted, stages);
  const saved = await timed('save', () => saveVideo(job, round.out, signal));
  terminal.done(`saved ${saved.path}, ${size(saved.bytes)}`, stages.at(-1)?.ms);
  return { job, saved, stages, before, after: await client.account() };
}

async function addressOf(image: ImageSource, { client, terminal }: Round): Promise<string> {
  if (image.kind === 'url') return image.url;
  const start = performance.now();
  const upload = await client.upload(image.bytes, image.type);
  const what = `${upload.width}×${upload.height} ${upload.content_type.replace('image/', '').toUpperCase()}`;
  terminal.done(`uploaded ${image.path}, ${what}, ${size(upload.bytes)}`, performance.now() - start);
  return upload.image_url;
}

/** Watches the job until it ends; notes how long each of its phases took, to a second. */
async function follow(round: Round, submitted: Submitted, stages: Stage[]): Promise<CompletedJob> {
  const view = progressView(round.terminal);
  try {
    return await watch(round, submitted.job_id, view, stages);
  } catch (thrown) {
    if (round.signal?.aborted) {
      view.stop();
      round.terminal.say(`Stopped watching ${submitted.job_id}.`);
    }
    throw thrown;
  } finally {
    view.stop();
  }
}

async function watch(
  round: Round,
  jobId: string,
  view: ProgressView,
  stages: Stage[],
): Promise<CompletedJob> {
  const { client, usualMs, terminal } = round;
  const start = performance.now();
  let phase: { name: 'queued' | 'rendering' | 'storing'; since: number } = { name: 'queued', since: start };
  for (;;) {
    const status = await client.status(jobId, WAIT_S);
    const now = performance.now();
    if (status.status === 'in_progress') {
      if (status.phase !== phase.name) {
        stages.push({ name: phase.name, ms: now - phase.since });
        phase = { name: status.phase, since: now };
      }
      view.show({
        phase: status.phase,
        queuePosition: status.queue_position,
        elapsedMs: now - start,
        usualMs,
      });
      continue;
    }
    view.stop();
    stages.push({ name: phase.name, ms: now - phase.since });
    if (status.status === 'completed') {
      terminal.done(`video made, ${status.credits_charged} credits charged`, now - start);
      return status;
    }
    const why = status.error ? `: ${status.error.message} (${status.error.code})` : '';
    throw new CliError(`The job ${jobId} ${status.status === 'failed' ? 'failed' : 'was canceled'}${why}`, {
      hint: 'Nothing was charged.',
    });
  }
}
