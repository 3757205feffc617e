/** What a person sees of a link, in words that need no knowledge of jobs or credits. Pure; server and browser share it. */

import { limitInWords } from './formats.ts';
import type { PublicLink, PublicVideo } from './link.ts';

/** The way of a picture with a job attached. */
export const STEPS = ['Picture received', 'Waiting in line', 'Making the video', 'Saving it'] as const;

/** What the page says once the picture is there, or where none can come any more. */
export interface Shown {
  /** Changes when the page does. */
  readonly key: string;
  readonly title: string;
  readonly text: string;
  readonly tone: 'busy' | 'good' | 'calm' | 'bad';
  /** The step of {@link STEPS} that is under way; null where there is no way to show. */
  readonly step: number | null;
  readonly video: PublicVideo | null;
  /** Seconds after which it may be otherwise; null when nothing will change. */
  readonly lookAgain: number | null;
}

/** Often enough to see it happen. */
const BUSY_S = 5;
/** Somebody has to do something first. */
const HELD_S = 30;

const COME_BACK =
  'The video appears here when it is ready. You can also close this page and come back later with the same link.';

/** What became of a picture that has come. */
export function shownOf({ job, video }: PublicLink): Shown {
  switch (job?.status) {
    case undefined:
      return {
        ...calm('stored', 'Your picture has arrived', 'Thank you, that was all. You can close this page.'),
        tone: 'good',
      };
    case 'waiting':
    case 'starting':
      return busy('starting', 0, 'Your picture has arrived', COME_BACK);
    case 'on_hold':
      return {
        ...calm(
          'on_hold',
          'Your picture is safe',
          'The video will be made as soon as the sender of this link has released it. There is nothing left for you to do: you can close this page and come back later with the same link.',
        ),
        lookAgain: HELD_S,
      };
    case 'in_progress':
      if (job.phase === 'storing') return busy('storing', 3, 'Your video is nearly ready', COME_BACK);
      return job.phase === 'rendering'
        ? busy('rendering', 2, 'Your video is being made', COME_BACK)
        : busy('queued', 1, 'Your video is waiting in line', COME_BACK);
    case 'completed':
      return {
        ...calm('completed', 'Your video is ready', 'Watch it here, or download it to keep it.'),
        tone: 'good',
        video: video ?? null,
      };
    case 'failed':
      return {
        ...calm('failed', 'The video could not be made', `${reason(job.error?.code)} ${ASK}`),
        tone: 'bad',
      };
    case 'canceled':
      return calm('canceled', 'The video was called off', `Your picture did arrive. ${ASK}`);
    case 'expired':
      return calm('expired', 'The video is gone', `It was kept for a while and then deleted. ${ASK}`);
  }
}

const ASK = 'The sender of this link can give you a new one.';

/** What the person can do something about; the rest is for the sender. */
function reason(code: string | undefined): string {
  switch (code) {
    case 'content_policy_violation':
      return 'The service that makes the videos declined this picture, or what was asked of it.';
    case 'image_not_loadable':
    case 'unsupported_image':
      return 'Your picture arrived, but it could not be opened.';
    case 'image_too_large':
      return 'Your picture has more pixels than a video can be made from.';
    case 'image_too_small':
      return 'Your picture has too few pixels to make a video from.';
    default:
      return 'Your picture arrived, but something went wrong while the video was made.';
  }
}

function busy(key: string, step: number, title: string, text: string): Shown {
  return { key, title, text, tone: 'busy', step, video: null, lookAgain: BUSY_S };
}

function calm(key: string, title: string, text: string): Shown {
  return { key, title, text, tone: 'calm', step: null, video: null, lookAgain: null };
}

/** A problem as an answer has it, as far as people are told of it. */
export interface ShownProblem {
  readonly code: string;
  readonly detail: string;
  /** Of a body that is too large, in bytes. */
  readonly limit?: number | undefined;
}

/** What is shown in place of an answer that is a problem, such as that of a link that has expired. */
export function shownOfProblem(problem: ShownProblem): Shown {
  const title = PROBLEM_TITLES[problem.code] ?? 'This did not work';
  return { ...calm(problem.code, title, problemInWords(problem)), tone: 'bad' };
}

/** What went wrong, as whoever has the picture can understand it: most details are written for them already. */
export function problemInWords({ code, detail, limit }: ShownProblem): string {
  switch (code) {
    case 'not_found':
      return 'Look whether the address is complete: it is long, and some programs break it. Or ask the sender for a new link.';
    case 'link_expired':
    case 'link_revoked':
      return 'It takes no picture any more. Ask the sender for a new one.';
    case 'link_used':
      return 'This link takes one picture, and that has come. Ask the sender for a new link to send another.';
    case 'body_too_large':
      return limit === undefined
        ? 'The picture is larger than this link takes.'
        : `The picture is larger than this link takes: at most ${limitInWords(limit)}.`;
    case 'digest_mismatch':
      return 'This link is for one particular file, and that was another one.';
    case 'jobs_unavailable':
    case 'storage_unavailable':
      return 'Pictures cannot be taken right now. Try again in a moment.';
    case 'internal_error':
      return 'Something went wrong on our side. Try again in a moment.';
    default:
      return detail;
  }
}

const PROBLEM_TITLES: Readonly<Record<string, string>> = {
  not_found: 'There is no such link',
  link_expired: 'This link has expired',
  link_revoked: 'This link was withdrawn',
  link_used: 'A picture was sent already',
  upload_link_gone: 'This link is gone',
  upload_lost: 'Another picture was faster',
  body_too_large: 'The picture is too large',
  unsupported_media_type: 'This kind of file does not work',
  digest_mismatch: 'This is not the expected picture',
  rate_limited: 'Too many tries',
};
