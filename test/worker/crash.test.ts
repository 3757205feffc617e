import { describe, expect, it } from 'vitest';
import type { Fate, Hop } from '../support/hops.ts';
import { type JobRun, runJob } from '../support/job-run.ts';
import { SOAK } from '../support/soak.ts';

/** What must hold of a job however it ended. */
function expectRight(run: JobRun): void {
  const completed = run.status.status === 'completed';
  // fal has no idempotency: a submit that was lost on its way is never sent again, and costs the customer nothing.
  if (!completed) {
    expect(run.status).toMatchObject({
      status: 'failed',
      error: { code: 'submit_outcome_unknown' },
      credits_charged: 0,
    });
  }
  expect(run.credits).toEqual(
    completed ? { available: 58, held: 0, captured: 29 } : { available: 87, held: 0, captured: 0 },
  );
  expect(run.billed).toBeLessThanOrEqual(1);
  expect(run.jobs).toBe(1);
  expect(new Set(run.events.map((event) => `${event.id} ${event.type}`)).size).toBe(1);
  expect(run.events[0]?.type).toBe(completed ? 'job.completed' : 'job.failed');
}

/** The nth hop that is not a look of the test itself meets its fate; all others pass. */
function onceAt(n: number, fate: Fate): (hop: Hop) => Fate {
  let seen = 0;
  return ({ method }) => (method !== 'status' && seen++ === n ? fate : 'pass');
}

const FATES = ['lost', 'answer_lost', 'crash', 'crash_after'] as const;
/** More than a job has. A fate that no hop meets is a plain run. */
const MAX_HOPS = 18;
/** Without a soak, every sixth hop for each fate, others for the next: most hops are met by some fate. */
const STEP = SOAK ? 1 : 6;

describe.each([
  ['with callbacks', true],
  ['by polls alone', false],
])('a job %s', (_, callback) => {
  it('ends right when nothing happens', async () => {
    const run = await runJob({ callback, fate: () => 'pass' });
    expectRight(run);
    expect(run.status.status).toBe('completed');
    expect(run.events).toHaveLength(1);
  });

  const cases = FATES.flatMap((fate, offset) =>
    Array.from({ length: MAX_HOPS }, (_, n) => ({ n, fate })).filter(({ n }) => n % STEP === offset % STEP),
  );
  it.each(cases)('ends right when hop $n is met by: $fate', async ({ n, fate }) => {
    expectRight(await runJob({ callback, fate: onceAt(n, fate) }));
  });
});
