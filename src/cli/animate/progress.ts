/**
 * How far a job is, shown honestly: the service tells phases, not percentages, so the bar is elapsed time against the
 * usual time, never reaches its end before the job does, and says so when the job takes longer than usual.
 */

import { SingleBar } from 'cli-progress';
import type { OpenJob } from '../api/answers.ts';
import { seconds, type Terminal } from '../terminal.ts';

/** What is known of an open job. */
export interface Progress {
  readonly phase: OpenJob['phase'];
  readonly queuePosition?: number | undefined;
  readonly elapsedMs: number;
  /** What such a job usually takes, in ms. */
  readonly usualMs: number;
}

/** Where the bar stands when the usual time is over and the job is not. */
const AT_USUAL = 0.9;
/** Storing is the last phase: the video exists and is being copied. */
const AT_STORING = 0.95;
/** Where it ends up if the job never ends. */
const LIMIT = 0.99;

/** The part of the bar to fill, 0 to 0.99. Never falls while time passes and phases follow each other. Pure. */
export function fraction({ phase, elapsedMs, usualMs }: Progress): number {
  const passed = elapsedMs / usualMs;
  const byTime =
    passed <= 1 ? passed * AT_USUAL : AT_USUAL + (LIMIT - AT_USUAL) * (1 - Math.exp((1 - passed) / 2));
  return phase === 'storing' ? Math.max(AT_STORING, byTime) : byTime;
}

/** The words beside the bar. Pure. */
export function caption({ phase, queuePosition, elapsedMs, usualMs }: Progress): string {
  const waiting = phase === 'queued' && queuePosition !== undefined && queuePosition > 0;
  const what = waiting ? `queued behind ${queuePosition}` : phase;
  const usual =
    elapsedMs <= usualMs
      ? `usually about ${Math.round(usualMs / 1000)} s`
      : 'longer than usual, still working';
  return `${what} · ${seconds(elapsedMs)} · ${usual}`;
}

/** Shows a job's progress until it is stopped. */
export interface ProgressView {
  show(progress: Progress): void;
  stop(): void;
}

/** Without a terminal a line is printed at each new phase, and this often within one, in ms. */
const LINE_EVERY_MS = 10_000;

/** A bar where the terminal can draw one, else plain lines. */
export function progressView(terminal: Terminal): ProgressView {
  return terminal.interactive ? barView() : lineView(terminal);
}

function barView(): ProgressView {
  const bar = new SingleBar({
    format: '  {bar} {caption}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 28,
    hideCursor: true,
    clearOnComplete: true,
    // The last state is not drawn again on stop: whatever follows says how it went.
    stopOnComplete: false,
    stream: process.stdout,
  });
  let started = false;
  return {
    show(progress) {
      const payload = { caption: caption(progress) };
      if (started) bar.update(fraction(progress), payload);
      else bar.start(1, fraction(progress), payload);
      started = true;
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function lineView(terminal: Terminal): ProgressView {
  let last: Progress | null = null;
  return {
    show(progress) {
      if (last?.phase === progress.phase && progress.elapsedMs - last.elapsedMs < LINE_EVERY_MS) return;
      last = progress;
      terminal.say(`  ${caption(progress)}`);
    },
    stop() {},
  };
}
