import { describe, expect, it } from 'vitest';
import type { RenderOutcome, RenderRequest, StartRender } from '../../src/engine/contract.ts';
import { RUN_LIMITS, startRun } from '../../src/engine/server/run.ts';

const REQUEST: RenderRequest = {
  prompt: 'in',
  image_url: 'data:',
  duration: 6,
  resolution: '1080p',
  aspect_ratio: 'auto',
  fps: 25,
  generate_audio: true,
};

/** A render that ends when it is killed, or not even then. */
function endless(heeds: boolean) {
  const { promise, resolve } = Promise.withResolvers<RenderOutcome>();
  const calls = { cancels: 0, progress: (_done: number, _total: number): void => {} };
  const startRender: StartRender = (_request, { onProgress }) => {
    calls.progress = onProgress ?? calls.progress;
    const cancel = () => {
      calls.cancels += 1;
      if (heeds) resolve({ kind: 'crashed', message: 'signal 9' });
    };
    return { outcome: promise, cancel, pid: undefined };
  };
  return { startRender, calls };
}

describe('a run', () => {
  it.each([true, false])('past its deadline is killed and ends, heeded: %s', async (heeds) => {
    const { startRender, calls } = endless(heeds);
    const run = startRun(startRender, REQUEST, '/out', () => {}, { deadlineMs: 1, killGraceMs: 1 });
    expect(await run.ended).toEqual({ kind: 'timed_out' });
    expect(calls.cancels).toBe(1);
  });

  it('that is stopped ends, even when its render does not', async () => {
    const { startRender } = endless(false);
    const run = startRun(startRender, REQUEST, '/out', () => {}, { ...RUN_LIMITS, killGraceMs: 1 });
    run.stop();
    expect(await run.ended).toEqual({ kind: 'canceled' });
  });

  it('keeps a short log of its progress', () => {
    const { startRender, calls } = endless(true);
    let told = 0;
    const run = startRun(startRender, REQUEST, '/out', () => (told += 1), RUN_LIMITS);
    for (let done = 0; done <= 1_000; done += 1) calls.progress(done, 1_000);
    run.stop();
    expect(run.logs).toHaveLength(11);
    expect(told).toBe(11);
    expect(run.logs.at(-1)).toMatchObject({ message: 'Rendered 1000 of 1000 frames', source: 'USER' });
  });
});
