/** Frame rates as people write them. Pure. */

/** Frame rates in use, with the exact values of the NTSC ones. */
const COMMON_RATES = [24_000 / 1_001, 24, 25, 30_000 / 1_001, 30, 48, 50, 60_000 / 1_001, 60] as const;
/** How far, relatively, a measured rate may be off a common one: half of what lies between 24 and 23.976. */
const RATE_TOLERANCE = 0.0005;

/** A measured rate, in frames a second: the common one that is meant, else as it is, to three decimals. */
export function roundRate(rate: number): number {
  const common = COMMON_RATES.find((candidate) => Math.abs(rate / candidate - 1) <= RATE_TOLERANCE);
  return Math.round((common ?? rate) * 1_000) / 1_000;
}
