/** Crons: nothing fires them locally, neither Miniflare nor `wrangler dev`, so Node does, on the minute. */

import { CliError } from '../errors.ts';

/** The one schedule that this project uses, and so the one that is understood. */
const EVERY_MINUTE = '* * * * *';
const MINUTE_MS = 60_000;

/** Milliseconds from `now` to the next full minute: 1 to 60,000. */
export function untilNextMinute(now: number): number {
  return MINUTE_MS - (now % MINUTE_MS);
}

/**
 * Refuses schedules that {@link startCrons} would not keep.
 * @throws {CliError} that names the first one.
 */
export function requireEveryMinute(crons: readonly string[]): void {
  const other = crons.find((cron) => cron !== EVERY_MINUTE);
  if (other !== undefined) {
    throw new CliError(
      `The cron "${other}" of wrangler.toml cannot be run locally: only "${EVERY_MINUTE}" can.`,
    );
  }
}

/** A ticking schedule. */
export interface Crons {
  /** Stops, and waits for the run under way. */
  stop(): Promise<void>;
}

/**
 * Calls `run` at once and then on each full minute. A run that outlasts its minute is not overlapped: the next begins
 * on the minute after it ended. `onError` hears of a run that failed; the schedule goes on.
 */
export function startCrons(run: (at: Date) => Promise<unknown>, onError: (thrown: unknown) => void): Crons {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const once = async (): Promise<void> => {
    try {
      await run(new Date());
    } catch (thrown) {
      if (!stopped) onError(thrown);
    }
    if (!stopped) {
      timer = setTimeout(() => {
        running = once();
      }, untilNextMinute(Date.now()));
    }
  };
  let running = once();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
