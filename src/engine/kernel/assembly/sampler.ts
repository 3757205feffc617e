/**
 * The frame kernel: resamples 8-bit planes and dissolves one into another, 8 to 16 pixels an instruction.
 *
 * AssemblyScript, compiled by ../build.ts. It owns no memory: the host lays out planes in the imported memory and
 * passes addresses. Weights have 7 bits, so positions are exact to 1/128 of a source pixel, and
 * `a + ((b - a) * weight + 64 >> 7)` fits 16-bit lanes.
 *
 * A plane must be followed by 32 bytes that may be read: rows are read 16 bytes at a time.
 */

/** Bytes that `columns` writes for 8 output pixels: base (16, padded), shuffle (16), weights (16). */
const BLOCK: usize = 48;

/**
 * Prepares the horizontal half of `sample`: for each 8 output pixels where their source pixels begin, which of the
 * 16 bytes from there to pick, and how to weigh each pair.
 *
 * @param table Address for `ceil(count / 8)` blocks.
 * @param count Output pixels in a row, at least 8. The last block overlaps the one before unless count is a multiple of 8.
 * @param origin Source position of the first output pixel's centre, in source pixels from the first one's centre.
 * @param step Source pixels from one output pixel to the next, at most 2: 8 pixels must find theirs within 16 bytes.
 * @param limit Source pixels in a row. Positions outside are mirrored at the edge.
 */
export function columns(table: usize, count: i32, origin: f64, step: f64, limit: i32): void {
  const blocks = (count + 7) >> 3;
  for (let block = 0; block < blocks; block++) {
    const first = min(block << 3, count - 8);
    const at = table + <usize>block * BLOCK;
    let base = limit;
    for (let lane = 0; lane < 8; lane++) {
      base = min(base, reflect(origin + <f64>(first + lane) * step, limit) >> 7);
    }
    for (let lane = 0; lane < 8; lane++) {
      const position = reflect(origin + <f64>(first + lane) * step, limit);
      const left = position >> 7;
      const right = min(left + 1, limit - 1);
      store<u8>(at + 16 + <usize>lane, <u8>(left - base));
      store<u8>(at + 24 + <usize>lane, <u8>(right - base));
      store<i16>(at + 32 + ((<usize>lane) << 1), <i16>(position & 127));
    }
    store<i32>(at, base);
  }
}

/**
 * Resamples a plane bilinearly: each output row is blended from two source rows into `scratch`, then each output pixel
 * from two of its pixels.
 *
 * @param source Address of the source plane, rows `stride` bytes apart, `sourceHeight` of them.
 * @param target Address of the output plane, `width` bytes a row without padding.
 * @param table What `columns` wrote for this width.
 * @param scratch Address of `stride` + 32 bytes.
 * @param origin Source position of the first output row's centre, in rows from the first one's centre.
 * @param step Source rows from one output row to the next.
 */
export function sample(
  source: usize,
  stride: i32,
  sourceHeight: i32,
  target: usize,
  width: i32,
  height: i32,
  table: usize,
  scratch: usize,
  origin: f64,
  step: f64,
): void {
  const half = i16x8.splat(64);
  const blocks = (width + 7) >> 3;
  let lowest = i32.MAX_VALUE;
  let highest = 0;
  for (let block = 0; block < blocks; block++) {
    const base = load<i32>(table + <usize>block * BLOCK);
    lowest = min(lowest, base);
    highest = max(highest, base);
  }
  const from = <usize>lowest & ~15;
  const to = <usize>highest + 16;
  for (let row = 0; row < height; row++) {
    const position = reflect(origin + <f64>row * step, sourceHeight);
    const top = position >> 7;
    const upper = source + <usize>top * stride;
    const lower = source + <usize>min(top + 1, sourceHeight - 1) * stride;
    const weight = position & 127;
    let blended = upper;
    if (weight !== 0) {
      blended = scratch;
      const weights = i16x8.splat(<i16>weight);
      for (let x = from; x < to; x += 16) {
        const a = v128.load(upper + x);
        const b = v128.load(lower + x);
        v128.store(
          scratch + x,
          i8x16.narrow_i16x8_u(
            mix(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b), weights, half),
            mix(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b), weights, half),
          ),
        );
      }
    }
    const out = target + <usize>row * width;
    for (let block = 0; block < blocks; block++) {
      const at = table + <usize>block * BLOCK;
      const pairs = i8x16.swizzle(v128.load(blended + <usize>load<i32>(at)), v128.load(at, 16));
      const pixels = mix(
        i16x8.extend_low_i8x16_u(pairs),
        i16x8.extend_high_i8x16_u(pairs),
        v128.load(at, 32),
        half,
      );
      v128.store64_lane(out + <usize>min(block << 3, width - 8), i8x16.narrow_i16x8_u(pixels, pixels), 0);
    }
  }
}

/**
 * Lays the arriving plane over the leaving one where the wipe has passed: a pixel whose place in the order of arrival,
 * `ramp`, is r gets `clamp(offset - 16 r, 0, 128 << shift) >> shift` 128ths of the arriving one.
 *
 * @param leaving Address of the plane that goes; the result replaces it.
 * @param arriving Address of the plane that comes.
 * @param ramp Address of the order of arrival, 0 first, 255 last.
 * @param count Pixels.
 * @param offset How far the wipe is, in 16ths of a ramp step.
 * @param shift How soft its edge is: `8 << shift` ramp steps wide.
 */
export function dissolve(
  leaving: usize,
  arriving: usize,
  ramp: usize,
  count: i32,
  offset: i32,
  shift: i32,
): void {
  const half = i16x8.splat(64);
  const zero = i16x8.splat(0);
  const front = i16x8.splat(<i16>offset);
  const whole = i16x8.splat((<i16>128) << (<i16>shift));
  for (let x: usize = 0; x < <usize>count; x += 16) {
    const a = v128.load(leaving + x);
    const b = v128.load(arriving + x);
    const r = v128.load(ramp + x);
    const low = i16x8.sub(front, i16x8.shl(i16x8.extend_low_i8x16_u(r), 4));
    const high = i16x8.sub(front, i16x8.shl(i16x8.extend_high_i8x16_u(r), 4));
    const lowWeights = i16x8.shr_s(i16x8.min_s(i16x8.max_s(low, zero), whole), shift);
    const highWeights = i16x8.shr_s(i16x8.min_s(i16x8.max_s(high, zero), whole), shift);
    v128.store(
      leaving + x,
      i8x16.narrow_i16x8_u(
        mix(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b), lowWeights, half),
        mix(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b), highWeights, half),
      ),
    );
  }
}

/** A position in 128ths, mirrored at the edges of `limit` samples where it lies outside. */
function reflect(position: f64, limit: i32): i32 {
  const last = (limit - 1) << 7;
  const rounded = <i32>floor(position * 128.0 + 0.5);
  return max(0, min(rounded < 0 ? -rounded : rounded > last ? 2 * last - rounded : rounded, last));
}

/** `a` and `b` blended by 128ths, rounded. */
function mix(a: v128, b: v128, weights: v128, half: v128): v128 {
  return i16x8.add(a, i16x8.shr_s(i16x8.add(i16x8.mul(i16x8.sub(b, a), weights), half), 7));
}
