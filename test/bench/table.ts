/** The table that a run ends with. */

import Table from 'cli-table3';
import { median, quantile, type Slice } from './load.ts';

/** One slice of one target. */
export interface Measurement {
  readonly name: string;
  readonly connections: number;
  readonly slice: Slice;
  /** Processor time of the target's workerd during the slice, in ms. */
  readonly cpuMs: number;
}

/** Medians over the rounds, one line a target, with the rate's ratio to the target named `floor`. */
export function table(
  measured: readonly Measurement[],
  connections: number,
  names: readonly string[],
  floor: string,
): string {
  const of = (name: string, figure: (measurement: Measurement) => number) =>
    median(measured.filter((m) => m.name === name && m.connections === connections).map(figure));
  const rate = (m: Measurement) => m.slice.requests / m.slice.seconds;
  const lines = new Table({
    head: ['', 'requests/s', 'ratio to floor 2', 'p50 ms', 'p99 ms', 'CPU µs/request'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const name of names) {
    lines.push([
      name,
      of(name, rate).toFixed(0),
      (of(name, rate) / of(floor, rate)).toFixed(2),
      of(name, (m) => quantile(m.slice, 0.5)).toFixed(2),
      of(name, (m) => quantile(m.slice, 0.99)).toFixed(1),
      of(name, (m) => (m.cpuMs * 1000) / m.slice.requests).toFixed(0),
    ]);
  }
  return lines.toString();
}
