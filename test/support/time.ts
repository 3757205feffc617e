/** A clock of the test's own, and the cron run by hand. */

import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { onTestFinished, vi } from 'vitest';
import worker from '../../src/worker/index.ts';
import { crashOver } from './hops.ts';

/** `Date` as the test says; timers stay real. Objects share the test's isolate, so they see the same time. */
export interface Clock {
  advance(ms: number): void;
}

/** Installs a clock that stands still at the present time. */
export function installClock(): Clock {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return { advance: (ms) => void vi.setSystemTime(Date.now() + ms) };
}

/** One cron run, to its end; not in the middle of a crash, which it would find half done. */
export async function cron(): Promise<void> {
  await crashOver();
  const controller = createScheduledController({ cron: '* * * * *', scheduledTime: Date.now() });
  const context = createExecutionContext();
  await worker.scheduled(controller, env);
  await waitOnExecutionContext(context);
}
