/** The sound: a soft chord that breathes over filtered noise, as long as the video, the same for the same prompt. */

import { endianness } from 'node:os';
import { randomFrom, smoothNoise } from './random.ts';

export const SAMPLE_RATE = 48_000;

/** Samples that the AAC encoder puts before the first, which the file's duration counts. */
const PRIMING = 1_024;

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

/** How long a voice takes from loud to soft. */
const SWELL_SECONDS = 3;

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
  /** The part that is heard on the left, of 1. */
  readonly left: number;
  readonly gain: number;
}

/**
 * Synthesises the ambience as s16le stereo, chunk by chunk. A chunk is overwritten by the next.
 *
 * @param seed Chooses key, chord and drift.
 */
export function* ambience(seed: number, seconds: number): Generator<Buffer> {
  const random = randomFrom(seed);
  const voices = chord(random, seed);
  const wind = { left: 0, right: 0, gust: smoothNoise(seed + 101) };
  const total = sampleCount(seconds);
  const [left, right] = [new Float64Array(CHUNK_SAMPLES), new Float64Array(CHUNK_SAMPLES)];
  const samples = new Int16Array(2 * CHUNK_SAMPLES);

  for (let start = 0; start < total; start += CHUNK_SAMPLES) {
    const count = Math.min(CHUNK_SAMPLES, total - start);
    left.fill(0);
    right.fill(0);
    for (const voice of voices) sing(voice, start, left, right);
    blow(wind, random, start, left, right);
    for (let i = 0; i < count; i++) {
      const gain = 32_767 * PEAK * fade(start + i, total);
      samples[2 * i] = Math.round(gain * (left[i] as number));
      samples[2 * i + 1] = Math.round(gain * (right[i] as number));
    }
    yield littleEndian(samples.subarray(0, 2 * count));
  }
}

/** Adds a voice, whose swell is drawn straight through a chunk. */
function sing(voice: Voice, start: number, left: Float64Array, right: Float64Array): void {
  const swellAt = (at: number): number =>
    (0.6 + 0.4 * voice.swell(at / SAMPLE_RATE / SWELL_SECONDS)) * voice.gain;
  const { cos, sin } = voice;
  const [pan, step] = [voice.left, (swellAt(start + CHUNK_SAMPLES) - swellAt(start)) / CHUNK_SAMPLES];
  let loud = swellAt(start);
  let { re, im } = voice;
  for (let i = 0; i < CHUNK_SAMPLES; i++) {
    const turned = re * cos - im * sin;
    im = re * sin + im * cos;
    re = turned;
    loud += step;
    left[i] = (left[i] as number) + pan * loud * im;
    right[i] = (right[i] as number) + (1 - pan) * loud * im;
  }
  voice.re = re;
  voice.im = im;
}

/** Adds wind: white noise through a one-pole low-pass whose corner follows the gusts. */
function blow(
  wind: { left: number; right: number; gust: (at: number) => number },
  random: () => number,
  start: number,
  left: Float64Array,
  right: Float64Array,
): void {
  const cornerAt = (at: number): number => 0.012 + 0.008 * wind.gust(at / SAMPLE_RATE);
  const step = (cornerAt(start + CHUNK_SAMPLES) - cornerAt(start)) / CHUNK_SAMPLES;
  let corner = cornerAt(start);
  for (let i = 0; i < CHUNK_SAMPLES; i++) {
    corner += step;
    wind.left += corner * (random() * 2 - 1 - wind.left);
    wind.right += corner * (random() * 2 - 1 - wind.right);
    left[i] = (left[i] as number) + wind.left;
    right[i] = (right[i] as number) + wind.right;
  }
}

/** The loudness at a sample: rises from silence, smoothly, and falls back to it at the end. */
function fade(at: number, total: number): number {
  const part = Math.min(
    1,
    at / (FADE_SECONDS * SAMPLE_RATE),
    (total - 1 - at) / (FADE_SECONDS * SAMPLE_RATE),
  );
  return part * part * (3 - 2 * part);
}

/** The samples as FFmpeg reads them, whatever the machine's order of bytes. */
function littleEndian(samples: Int16Array<ArrayBuffer>): Buffer {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap16();
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
        gain: 1 / (2 * notes.length),
      };
    }),
  );
}
