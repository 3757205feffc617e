/** The processor time of a process: the steadiest figure on a machine that does other things too. */

import { readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second (sysconf(_SC_CLK_TCK), 100 on every common build). */
const MS_PER_TICK = 10;

/** User and system time so far, in ms; NaN where the system does not tell. */
export async function cpuMs(pid: number | null): Promise<number> {
  if (pid === null || process.platform !== 'linux') return Number.NaN;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime, fields 14 and 15 of proc_pid_stat(5).
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
