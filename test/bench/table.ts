/** The table that a run ends with. */

import Table from 'cli-table3';
import { median, quantile, type Slice } from './load.ts';

/** One slice of one target. */
export interface Measurement {
  readonly name: string;
  readonly connections: number;
  /** Slices of one round were measured one right after the other. */
  readonly round: string;
  readonly slice: Slice;
  /** Processor time of the target's workerd during the slice, in ms. */
  readonly cpuMs: number;
}

/**
 * Medians over the rounds, one line a target. The ratio to the target named `floor` is the median of the ratios within
 * each round: the machine's own pace, which changes from one second to the next, is then in both.
 */
export function table(
  measured: readonly Measurement[],
  connections: number,
  names: readonly string[],
  floor: string,
): string {
  const of = (name: string, figure: (measurement: Measurement) => number) =>
    median(measured.filter((m) => m.name === name && m.connections === connections).map(figure));
  const rate = (m: Measurement) => m.slice.requests / m.slice.seconds;
  const floorOf = new Map(
    measured
      .filter((m) => m.name === floor && m.connections === connections)
      .map((m) => [m.round, rate(m)] as const),
  );
  const lines = new Table({
    head: ['', 'requests/s', 'ratio to floor 2', 'p50 ms', 'p99 ms', 'CPU µs/request'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const name of names) {
    lines.push([
      name,
      of(name, rate).toFixed(0),
      of(name, (m) => rate(m) / (floorOf.get(m.round) ?? Number.NaN)).toFixed(2),
      of(name, (m) => quantile(m.slice, 0.5)).toFixed(2),
      of(name, (m) => quantile(m.slice, 0.99)).toFixed(1),
      of(name, (m) => (m.cpuMs * 1000) / m.slice.requests).toFixed(0),
    ]);
  }
  return lines.toString();
}
