import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cameraPath, type Role, type View } from '../../../src/engine/render/camera.ts';
import { ease } from '../../../src/engine/render/easing.ts';
import type { Motion } from '../../../src/engine/render/motion.ts';
import { rampOf, weightAt, wipeAt } from '../../../src/engine/render/transition.ts';

const FULL = { x: 0, y: 0, width: 1 };
const NO_ROOM = { x: 0, y: 0 };

const motions: fc.Arbitrary<Motion> = fc.record({
  zoom: fc.constantFrom('in', 'out', 'none'),
  x: fc.constantFrom(-1, 0, 1),
  y: fc.constantFrom(-1, 0, 1),
  arc: fc.boolean(),
  handheld: fc.boolean(),
  speed: fc.constantFrom('slow', 'normal', 'fast'),
});
const rooms = fc.record({
  x: fc.double({ min: 0, max: 0.25, noNaN: true }),
  y: fc.constantFrom(0, 0.1, 0.25),
});
const lengths = fc.constantFrom(6, 10, 20);
const roles = fc.constantFrom<Role>('only', 'leaving', 'arriving');
const times = Array.from({ length: 101 }, (_, index) => index / 100);

/** How far a view reaches beyond the image, in frames; negative inside. */
function beyond(view: View, room: { x: number; y: number }): number {
  const half = view.width / 2 - 0.5;
  return Math.max(Math.abs(view.x) + half - room.x, Math.abs(view.y) + half - room.y);
}

describe('ease', () => {
  test('goes from 0 to 1, never back, and is held outside', () => {
    expect([ease(-1), ease(0), ease(0.5), ease(1), ease(2)]).toEqual([0, 0, 0.5, 1, 1]);
    for (const time of times) expect(ease(time + 0.01)).toBeGreaterThanOrEqual(ease(time));
  });

  test('speed starts and ends at nothing and never jumps', () => {
    const speed = (time: number): number => (ease(time + 1e-4) - ease(time - 1e-4)) / 2e-4;
    expect(speed(0)).toBeLessThan(0.01);
    expect(speed(1)).toBeLessThan(0.01);
    for (const time of times) expect(Math.abs(speed(time + 0.01) - speed(time))).toBeLessThan(0.06);
  });
});

describe('cameraPath', () => {
  test('the start image is left from, and the end image arrived at, in full framing', () => {
    fc.assert(
      fc.property(motions, lengths, rooms, fc.integer(), (motion, seconds, room, seed) => {
        expect(cameraPath(motion, seconds, room, 'leaving', seed)(0)).toEqual(FULL);
        const end = cameraPath(motion, seconds, room, 'arriving', seed)(1);
        expect(end.x).toBeCloseTo(0, 9);
        expect(end.y).toBeCloseTo(0, 9);
        expect(end.width).toBeCloseTo(1, 9);
        if (motion.zoom !== 'out') expect(cameraPath(motion, seconds, room, 'only', seed)(0)).toEqual(FULL);
      }),
    );
  });

  test('what is seen is always image, but for the mirrored edge of a zoom between two', () => {
    fc.assert(
      fc.property(motions, lengths, rooms, roles, fc.integer(), (motion, seconds, room, role, seed) => {
        const path = cameraPath(motion, seconds, room, role, seed);
        const worst = Math.max(...times.map((time) => beyond(path(time), room)));
        const zoomsAlone = role !== 'only' && motion.zoom !== 'none' && motion.x === 0 && motion.y === 0;
        expect(worst).toBeLessThanOrEqual(zoomsAlone ? 0.041 : 1e-9);
      }),
    );
  });

  test('the kernel can step: never more than 1.6 source samples, never closer than 1.5 times', () => {
    fc.assert(
      fc.property(motions, lengths, rooms, roles, fc.integer(), (motion, seconds, room, role, seed) => {
        const path = cameraPath(motion, seconds, room, role, seed);
        for (const time of times) {
          expect(path(time).width).toBeLessThanOrEqual(1.28);
          expect(path(time).width).toBeGreaterThan(1 / 1.5);
        }
      }),
    );
  });

  test('moves are smooth: from frame to frame, speed changes by less than a twentieth of the way', () => {
    fc.assert(
      fc.property(motions, lengths, rooms, roles, fc.integer(), (motion, seconds, room, role, seed) => {
        const path = cameraPath({ ...motion, handheld: false }, seconds, room, role, seed);
        const way = Math.hypot(path(1).x - path(0).x, path(1).y - path(0).y, path(1).width - path(0).width);
        for (const time of times.slice(2)) {
          const [a, b, c] = [path(time - 0.02), path(time - 0.01), path(time)];
          for (const part of ['x', 'y', 'width'] as const) {
            expect(Math.abs(a[part] - 2 * b[part] + c[part])).toBeLessThan(0.002 + way / 200);
          }
        }
      }),
    );
  });

  test.each([
    ['zoom in', { zoom: 'in' }, { width: -1 }],
    ['zoom out', { zoom: 'out' }, { width: 1 }],
    ['pan left', { x: -1 }, { x: -1 }],
    ['pan right', { x: 1 }, { x: 1 }],
    ['tilt up', { y: -1 }, { y: -1 }],
    ['tilt down', { y: 1 }, { y: 1 }],
  ] as const)('%s goes that way', (_name, change, signs) => {
    const motion: Motion = {
      zoom: 'none',
      x: 0,
      y: 0,
      arc: false,
      handheld: false,
      speed: 'normal',
      ...change,
    };
    const path = cameraPath(motion, 6, NO_ROOM, 'only', 1);
    const [from, to] = [path(0), path(1)];
    for (const [part, sign] of Object.entries(signs)) {
      expect(Math.sign(to[part as keyof View] - from[part as keyof View])).toBe(sign);
    }
  });

  test('a pan stays at the full framing where the image is wide enough', () => {
    const motion: Motion = { zoom: 'none', x: 1, y: 0, arc: false, handheld: false, speed: 'normal' };
    expect(cameraPath(motion, 6, { x: 0.25, y: 0 }, 'only', 1)(1)).toEqual({
      x: 0.15000000000000002,
      y: 0,
      width: 1,
    });
  });

  test('a still camera stands still, a fast one goes farther than a slow one', () => {
    const still: Motion = { zoom: 'none', x: 0, y: 0, arc: false, handheld: false, speed: 'normal' };
    for (const time of times) expect(cameraPath(still, 20, NO_ROOM, 'only', 5)(time)).toEqual(FULL);
    const widths = (['slow', 'normal', 'fast'] as const).map(
      (speed) => cameraPath({ ...still, zoom: 'in', speed }, 6, NO_ROOM, 'only', 1)(1).width,
    );
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(new Set(widths).size).toBe(3);
  });

  test('a hand shakes, the same for the same seed, both cameras alike', () => {
    const motion: Motion = { zoom: 'none', x: 0, y: 0, arc: false, handheld: true, speed: 'normal' };
    const path = cameraPath(motion, 6, NO_ROOM, 'leaving', 1);
    const views = times.map(path);
    expect(new Set(views.map(({ x }) => Math.sign(x))).size).toBeGreaterThan(1);
    expect(times.map(cameraPath(motion, 6, NO_ROOM, 'leaving', 1))).toEqual(views);
    expect(times.map(cameraPath(motion, 6, NO_ROOM, 'arriving', 1))).toEqual(views);
    expect(times.map(cameraPath(motion, 6, NO_ROOM, 'leaving', 2))).not.toEqual(views);
  });
});

describe('the wipe', () => {
  const zoom = (direction: 'in' | 'out'): Motion => ({
    zoom: direction,
    x: 0,
    y: 0,
    arc: false,
    handheld: false,
    speed: 'fast',
  });

  test('shows nothing of the end image at the start and all of it at the end, and never goes back', () => {
    for (let ramp = 0; ramp < 256; ramp++) {
      expect(weightAt(ramp, wipeAt(0))).toBe(0);
      expect(weightAt(ramp, wipeAt(1))).toBe(1);
      for (const time of times.slice(1)) {
        expect(weightAt(ramp, wipeAt(time))).toBeGreaterThanOrEqual(weightAt(ramp, wipeAt(time - 0.01)));
      }
    }
  });

  test.each([
    ['pan right', { x: 1 }, 'right'],
    ['pan left', { x: -1 }, 'left'],
    ['tilt up', { y: -1 }, 'top'],
    ['tilt down', { y: 1 }, 'bottom'],
    ['zoom in', { zoom: 'in' }, 'middle'],
    ['zoom out', { zoom: 'out' }, 'corner'],
  ] as const)('%s: the end image comes first from its side', (_name, change, first) => {
    const motion: Motion = { ...zoom('in'), zoom: 'none', ...change };
    const ramp = rampOf(motion, () => 0.5);
    const at = (column: number, row: number): number => ramp[row * 96 + column] ?? Number.NaN;
    const places = {
      right: at(95, 32),
      left: at(0, 32),
      top: at(48, 0),
      bottom: at(48, 63),
      middle: at(48, 32),
      corner: at(0, 0),
    };
    expect(places[first]).toBe(Math.min(...ramp));
  });

  test('bright parts of the end image come first', () => {
    const ramp = rampOf({ ...zoom('in'), zoom: 'none' }, (x, y) => (x < 0.5 && y < 0.5 ? 1 : 0));
    expect(ramp[31 * 96 + 47] ?? 0).toBeLessThan((ramp[33 * 96 + 47] ?? 0) - 50);
  });
});
