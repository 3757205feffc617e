import type { RenderOutcome, RenderRequest, StartRender } from '../contract.ts';
import { messageOf } from './log.ts';
import type { Outcome } from './outcome.ts';
import { outcomeOfRender } from './outcome.ts';
import type { LogEntry } from './requests.ts';

/** The longest that a render may take, in milliseconds: the slowest on two cores takes well under two minutes. */
const RENDER_DEADLINE_MS = 15 * 60_000;

/** How long a killed render may take to be gone, in milliseconds, before its place is given to another. */
const KILL_GRACE_MS = 10_000;

/** Limits of a run; tests shorten them. */
export interface RunLimits {
  readonly deadlineMs: number;
  readonly killGraceMs: number;
}

export const RUN_LIMITS: RunLimits = { deadlineMs: RENDER_DEADLINE_MS, killGraceMs: KILL_GRACE_MS };

/** How a run ended: as its render says, or by the deadline. */
export type RunEnd = RenderOutcome | { readonly kind: 'timed_out' };

/** A render with its deadline and its log. */
export interface Run {
  /** Grows while the render runs. */
  readonly logs: readonly LogEntry[];
  /** Never rejects, and always comes: a render that ignores being killed is left alone. */
  readonly ended: Promise<RunEnd>;
  /** Kills the render. */
  stop(): void;
}

/** Starts a render under a deadline. `onLog` is called when the log has grown. */
export function startRun(
  startRender: StartRender,
  request: RenderRequest,
  outputPath: string,
  onLog: () => void,
  limits: RunLimits,
): Run {
  const logs: LogEntry[] = [];
  const say = (message: string) => {
    logs.push({ message, timestamp: new Date().toISOString(), level: 'INFO', source: 'USER' });
    onLog();
  };
  const progress = progressLog(say);
  const abandoned = Promise.withResolvers<RenderOutcome>();
  let grace: NodeJS.Timeout | undefined;
  let timedOut = false;

  const render = startRender(request, { outputPath, allowLoopback: true, onProgress: progress });
  const stop = () => {
    render.cancel();
    grace ??= setTimeout(() => abandoned.resolve({ kind: 'canceled' }), limits.killGraceMs);
  };
  const deadline = setTimeout(() => {
    timedOut = true;
    stop();
  }, limits.deadlineMs);

  const watch = async (): Promise<RunEnd> => {
    try {
      const outcome = await Promise.race([render.outcome, abandoned.promise]);
      return timedOut && (outcome.kind === 'canceled' || outcome.kind === 'crashed')
        ? { kind: 'timed_out' }
        : outcome;
    } catch (error) {
      return { kind: 'crashed', message: messageOf(error) };
    } finally {
      clearTimeout(deadline);
      clearTimeout(grace);
    }
  };
  return { logs, ended: watch(), stop };
}

/** Log lines between the first frame and the last: one each tenth, so that a log stays short. */
const PROGRESS_STEPS = 10;

function progressLog(say: (message: string) => void): (done: number, total: number) => void {
  let said = -1;
  return (done, total) => {
    const step = total > 0 ? Math.floor((done / total) * PROGRESS_STEPS) : 0;
    if (step <= said) return;
    said = step;
    say(`Rendered ${done} of ${total} frames`);
  };
}

/**
 * What the end of a run is to its request, or `give_back`: the engine closes, and the next one runs it again. A finished
 * render counts even when it was to be stopped; one that was killed may call itself crashed. Pure.
 */
export function verdictOnRun(
  end: RunEnd,
  by: { cancelled: boolean; closing: boolean },
): Outcome | 'give_back' {
  if (end.kind === 'done' || end.kind === 'failed') return outcomeOfRender(end);
  if (by.cancelled) return { kind: 'cancelled' };
  if (by.closing) return 'give_back';
  return end.kind === 'timed_out' ? { kind: 'timed_out' } : { kind: 'crashed' };
}
