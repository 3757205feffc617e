import { describe, expect, test } from 'vitest';
import { ambience, SAMPLE_RATE, sampleCount } from '../../../src/engine/render/ambience.ts';
import { randomFrom, seedOf, smoothNoise } from '../../../src/engine/render/random.ts';

function synthesise(seed: number, seconds: number): { left: Float64Array; right: Float64Array } {
  const bytes = Buffer.concat(Array.from(ambience(seed, seconds), (chunk) => Buffer.from(chunk)));
  const left = new Float64Array(bytes.length / 4);
  const right = new Float64Array(bytes.length / 4);
  for (let i = 0; i < left.length; i++) {
    left[i] = bytes.readInt16LE(i * 4) / 32_768;
    right[i] = bytes.readInt16LE(i * 4 + 2) / 32_768;
  }
  return { left, right };
}

const loudness = (samples: Float64Array): number =>
  Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

const peak = (samples: Float64Array): number =>
  samples.reduce((max, value) => Math.max(max, Math.abs(value)), 0);

describe('ambience', () => {
  test.each([
    [6, 286_976],
    [8, 382_976],
    [20, 958_976],
  ])('%i s are %i samples: with the priming of AAC, exactly as long', (seconds, samples) => {
    expect(sampleCount(seconds)).toBe(samples);
    expect(samples + 1_024).toBe(seconds * SAMPLE_RATE);
    if (seconds < 20) expect(synthesise(1, seconds).left.length).toBe(samples);
  });

  test('is heard, does not clip, and begins and ends in silence', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { left, right } = synthesise(seed, 3);
      for (const channel of [left, right]) {
        expect(loudness(channel)).toBeGreaterThan(0.02);
        expect(peak(channel)).toBeLessThan(0.5);
        expect(peak(channel.subarray(0, 100))).toBeLessThan(0.001);
        expect(peak(channel.subarray(-100))).toBeLessThan(0.001);
      }
    }
  });

  test('has no click: no sample is far from its neighbour, across chunks too', () => {
    const { left } = synthesise(9, 2);
    expect(peak(left.map((value, i) => value - (left[i - 1] ?? 0)))).toBeLessThan(0.06);
  });

  test('is stereo', () => {
    const { left, right } = synthesise(3, 2);
    expect(loudness(left.map((value, index) => value - (right[index] ?? 0)))).toBeGreaterThan(0.005);
  });

  test('is the same for the same seed and another for another', () => {
    expect(synthesise(3, 1)).toEqual(synthesise(3, 1));
    expect(synthesise(4, 1)).not.toEqual(synthesise(3, 1));
  });
});

describe('random numbers', () => {
  test('a text has one seed', () => {
    expect(seedOf('')).toBe(0x811c9dc5);
    expect(seedOf('a')).toBe(0xe40c292c);
    expect(seedOf('waves')).not.toBe(seedOf('wave'));
  });

  test('are spread evenly over [0, 1)', () => {
    const random = randomFrom(42);
    const values = Array.from({ length: 10_000 }, random);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
  });

  test('noise is smooth and stays within [-1, 1]', () => {
    const noise = smoothNoise(5);
    for (let at = 0; at < 50; at += 0.01) {
      expect(Math.abs(noise(at))).toBeLessThanOrEqual(1);
      expect(Math.abs(noise(at + 0.01) - noise(at))).toBeLessThan(0.04);
    }
  });
});
