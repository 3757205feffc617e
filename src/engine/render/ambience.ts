/** The sound: a soft chord that breathes over filtered noise, as long as the video, the same for the same prompt. */

import { randomFrom, smoothNoise } from './random.ts';

export const SAMPLE_RATE = 48_000;

/** Samples that the AAC encoder puts before the first, which the file's duration counts. */
const PRIMING = 1_024;

/** Stereo, 16 bits. */
const BYTES_PER_SAMPLE = 4;

/** A sixth of a second: small enough to hold, large enough that writing it costs nothing. */
const CHUNK_SAMPLES = 8_192;

/** Rises and falls to silence, in seconds, so that neither end clicks. */
const FADE_SECONDS = 0.6;

/** Notes above the root, in semitones: open chords, none of which is gloomy or cheerful. */
const CHORDS = [
  [0, 7, 12, 16],
  [0, 7, 14, 19],
  [0, 5, 12, 19],
  [0, 7, 10, 17],
] as const;

/** Loudest sample, of 1: leaves room above, so that AAC's overshoot does not clip. */
const PEAK = 0.35;

/**
 * Samples a channel that fill `seconds` of video: with the encoder's priming, exactly its length, so that the file is
 * as long as its video. The last 21 ms, faded out already, are silence.
 */
export function sampleCount(seconds: number): number {
  return Math.round(seconds * SAMPLE_RATE) - PRIMING;
}

/** One voice: a sine by rotation, which costs four multiplications a sample. */
interface Voice {
  re: number;
  im: number;
  readonly cos: number;
  readonly sin: number;
  readonly swell: (at: number) => number;
  readonly left: number;
}

/**
 * Synthesises the ambience as s16le stereo, chunk by chunk. A chunk is overwritten by the next.
 *
 * @param seed Chooses key, chord and drift.
 */
export function* ambience(seed: number, seconds: number): Generator<Buffer> {
  const random = randomFrom(seed);
  const voices = chord(random, seed);
  const wind = { left: 0, right: 0 };
  const gust = smoothNoise(seed + 101);
  const total = sampleCount(seconds);
  const fade = FADE_SECONDS * SAMPLE_RATE;
  const buffer = Buffer.alloc(Math.min(CHUNK_SAMPLES, total) * BYTES_PER_SAMPLE);

  for (let start = 0; start < total; start += CHUNK_SAMPLES) {
    const count = Math.min(CHUNK_SAMPLES, total - start);
    const swells = voices.map(
      ({ swell }) => [swell(start / SAMPLE_RATE / 3), swell((start + count) / SAMPLE_RATE / 3)] as const,
    );
    const gusts = [gust(start / SAMPLE_RATE), gust((start + count) / SAMPLE_RATE)] as const;
    for (let i = 0; i < count; i++) {
      const part = i / count;
      let [left, right] = [0, 0];
      voices.forEach((voice, index) => {
        const re = voice.re * voice.cos - voice.im * voice.sin;
        voice.im = voice.re * voice.sin + voice.im * voice.cos;
        voice.re = re;
        const [from, to] = swells[index] ?? [0, 0];
        const loud = (0.6 + 0.4 * (from + (to - from) * part)) * voice.im;
        left += loud * voice.left;
        right += loud * (1 - voice.left);
      });
      // White noise through a one-pole low-pass whose corner follows the gusts.
      const corner = 0.012 + 0.008 * (gusts[0] + (gusts[1] - gusts[0]) * part);
      wind.left += corner * (random() * 2 - 1 - wind.left);
      wind.right += corner * (random() * 2 - 1 - wind.right);
      const at = start + i;
      const envelope = Math.min(1, at / fade, (total - 1 - at) / fade);
      const gain = 32_767 * PEAK * envelope * envelope * (3 - 2 * envelope);
      buffer.writeInt16LE(Math.round(gain * (left / voices.length + wind.left)), i * BYTES_PER_SAMPLE);
      buffer.writeInt16LE(Math.round(gain * (right / voices.length + wind.right)), i * BYTES_PER_SAMPLE + 2);
    }
    yield buffer.subarray(0, count * BYTES_PER_SAMPLE);
  }
}

/** Two voices a note, slightly out of tune and to either side, which makes it wide. */
function chord(random: () => number, seed: number): Voice[] {
  const root = 55 * 2 ** (Math.floor(random() * 8) / 12);
  const notes = CHORDS[Math.floor(random() * CHORDS.length)] ?? CHORDS[0];
  return notes.flatMap((note, index) =>
    [-1, 1].map((side) => {
      const hertz = root * 2 ** (note / 12) * (1 + side * 0.0015 * (1 + random()));
      const angle = (2 * Math.PI * hertz) / SAMPLE_RATE;
      const phase = 2 * Math.PI * random();
      return {
        re: Math.cos(phase),
        im: Math.sin(phase),
        cos: Math.cos(angle),
        sin: Math.sin(angle),
        swell: smoothNoise(seed + index * 31 + side),
        left: 0.5 + side * 0.3,
      };
    }),
  );
}
