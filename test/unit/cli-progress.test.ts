/** The bar: it never falls, never claims the end, and says when the usual time is over. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { caption, fraction, type Progress, progressView } from '../../src/cli/animate/progress.ts';

const at = (progress: Partial<Progress>): Progress => ({
  phase: 'rendering',
  elapsedMs: 0,
  usualMs: 10_000,
  ...progress,
});

test.each([
  [at({ elapsedMs: 0 }), 0],
  [at({ elapsedMs: 5_000 }), 0.45],
  [at({ elapsedMs: 10_000 }), 0.9],
  [at({ phase: 'storing', elapsedMs: 1_000 }), 0.95],
])('%o fills %f', (progress, expected) => {
  expect(fraction(progress)).toBeCloseTo(expected);
});

test('it never falls while time passes and phases follow each other, and never reaches the end', () => {
  const phases = ['queued', 'rendering', 'storing'] as const;
  const step = fc.record({ ms: fc.integer({ min: 0, max: 60_000 }), phase: fc.integer({ min: 0, max: 2 }) });
  fc.assert(
    fc.property(fc.array(step), fc.integer({ min: 1, max: 60_000 }), (steps, usualMs) => {
      let elapsedMs = 0;
      let phase = 0;
      let last = 0;
      for (const { ms, phase: next } of steps) {
        elapsedMs += ms;
        phase = Math.max(phase, next);
        const now = fraction({ phase: phases[phase] ?? 'storing', elapsedMs, usualMs });
        expect(now).toBeGreaterThanOrEqual(last);
        expect(now).toBeLessThanOrEqual(0.99);
        last = now;
      }
    }),
  );
});

test.each([
  [at({ phase: 'queued', queuePosition: 2 }), 'queued behind 2 · 0.0 s · usually about 10 s'],
  [at({ phase: 'queued', queuePosition: 0 }), 'queued · 0.0 s · usually about 10 s'],
  [at({ elapsedMs: 12_345 }), 'rendering · 12.3 s · longer than usual, still working'],
])('%o reads %s', (progress, expected) => {
  expect(caption(progress)).toBe(expected);
});

test('without a terminal a line is printed at each new phase and every ten seconds', () => {
  const lines: string[] = [];
  const view = progressView({
    interactive: false,
    say: (line = '') => lines.push(line),
    done() {},
    warn() {},
  });
  for (const elapsedMs of [0, 1_000, 9_999]) view.show(at({ phase: 'queued', elapsedMs }));
  view.show(at({ elapsedMs: 10_500 }));
  view.show(at({ elapsedMs: 15_000 }));
  view.show(at({ elapsedMs: 20_500 }));
  view.stop();
  expect(lines.map((line) => line.trim().split(' · ').slice(0, 2).join(' '))).toEqual([
    'queued 0.0 s',
    'rendering 10.5 s',
    'rendering 20.5 s',
  ]);
});
