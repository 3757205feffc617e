/** Who a process is, and who listens on a port. Linux answers from /proc, other systems through ps and lsof. */

import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One process, told apart from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started: clock ticks since boot on Linux, a date elsewhere. Compared, never read. */
  readonly started: string;
  /** Its command line. */
  readonly command: string;
}

/** How long a process gets to end by itself before it is killed, in ms. workerd needs some 30 ms. */
const GRACE_MS = 3_000;
const GRACE_STEP_MS = 50;

/** The living process with this number; null when there is none (a zombie is none). */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  try {
    if (process.platform === 'linux') {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // Fields after the command name, which may itself hold spaces and brackets (proc_pid_stat(5)).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z' || fields[0] === 'X') return null;
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
      return { pid, started: fields[19] ?? '', command };
    }
    const { stdout } = await run('ps', ['-p', String(pid), '-o', 'lstart=,command=']);
    // `lstart` is five words, such as "Sun Nov 22 12:10:03 2026".
    const words = stdout.trim().split(/\s+/);
    return words.length < 6
      ? null
      : { pid, started: words.slice(0, 5).join(' '), command: words.slice(5).join(' ') };
  } catch {
    // Both ways report a process that is gone by failing.
    return null;
  }
}

/** Whether the very process that was identified before still lives. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identify(identity.pid);
  return now !== null && now.started === identity.started && now.command === identity.command;
}

/** The living processes that were started with `variable` set to `value`; none where the system does not tell. */
export async function processesWith(variable: string, value: string): Promise<ProcessIdentity[]> {
  if (process.platform !== 'linux') return [];
  const found: ProcessIdentity[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Other users' processes cannot be looked into, and some end while we look.
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`${variable}=${value}`)) continue;
    const identity = await identify(Number(entry));
    if (identity) found.push(identity);
  }
  return found;
}

/** The number of the process that listens on a TCP port; null when nobody does or the system does not tell. */
export async function listenerOf(port: number): Promise<number | null> {
  try {
    if (process.platform === 'linux') return await linuxListenerOf(port);
    const { stdout } = await run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t']);
    const pid = Number(stdout.trim().split('\n')[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // No lsof, or a system without /proc. The caller says what it knows without the number.
    return null;
  }
}

async function linuxListenerOf(port: number): Promise<number | null> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const localPort = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
      // 0A is TCP_LISTEN; field 9 is the socket's inode (proc_net_tcp(5)).
      if (fields[3] === '0A' && localPort === port && fields[9]) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return null;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    // Other users' processes cannot be looked into.
    const files = await readdir(`/proc/${entry}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${entry}/fd/${file}`).catch(() => '');
      if (inodes.has(target)) return Number(entry);
    }
  }
  return null;
}

/** Ends exactly the identified process: politely, then by force. True when it is gone. */
export async function endProcess(identity: ProcessIdentity): Promise<boolean> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isAlive(identity))) return true;
    try {
      process.kill(identity.pid, signal);
    } catch {
      // It ended between the look and the signal, or it is not ours to end: the next look tells which.
    }
    const deadline = Date.now() + GRACE_MS;
    while (Date.now() < deadline) {
      if (!(await isAlive(identity))) return true;
      await sleep(GRACE_STEP_MS);
    }
  }
  return !(await isAlive(identity));
}
