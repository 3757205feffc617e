/** Real processes for tests: started, read line by line, and ended together with all that they started. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { identify } from '../../src/cli/serve/processes.ts';

/** A process under test. */
export interface TestProcess {
  readonly pid: number;
  /** All lines so far, standard output and standard error together. */
  readonly lines: readonly string[];
  /** Resolves with the first line, past or coming, that matches. Rejects when the process ends without one. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves with the exit code, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Sends one signal to the process alone. */
  signal(signal: NodeJS.Signals): void;
  /** Sends SIGINT to the process and all that it started, as Ctrl-C in a terminal does. */
  ctrlC(): void;
  /** The processes that descend from it now, itself first. */
  tree(): Promise<number[]>;
  /** SIGKILL to exactly the processes of its tree. */
  killTree(): Promise<void>;
}

/** Starts `command` with `args`. Its environment is ours plus `env`. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): TestProcess {
  const child: ChildProcess = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, as a shell gives each command.
    detached: true,
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const check of [...waiting]) check();
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  }
  let ended = false;
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    // `exit`, not `close`: an orphaned grandchild may hold the pipes open long after.
    child.once('exit', (code) => {
      ended = true;
      resolve(code);
      wake();
    });
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} did not start`);
  const self: TestProcess = {
    pid,
    lines,
    exited,
    line(pattern) {
      return new Promise((resolve, reject) => {
        const check = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && !ended) return;
          waiting.delete(check);
          if (found !== undefined) resolve(found);
          else reject(new Error(`${command} ended without a line like ${pattern}:\n${lines.join('\n')}`));
        };
        waiting.add(check);
        check();
      });
    },
    signal: (signal) => void child.kill(signal),
    ctrlC: () => void process.kill(-pid, 'SIGINT'),
    tree: () => descendantsOf(pid),
    async killTree() {
      // Parents first, so that none restarts a child that has just been killed.
      for (const member of await descendantsOf(pid)) killQuietly(member);
      if (!ended) await exited;
    },
  };
  return self;
}

/**
 * SIGKILL to one process. Refuses what is no process's number: 0 and the negative ones mean whole groups to kill(2), 0
 * the group of the test run itself, which would end without a word.
 */
export function killOne(pid: number | undefined): asserts pid is number {
  if (pid === undefined || !(pid > 1)) throw new RangeError(`${pid} is no process to kill.`);
  process.kill(pid, 'SIGKILL');
}

/** SIGKILL to one process, which may have ended meanwhile. */
export function killQuietly(pid: number): void {
  try {
    killOne(pid);
  } catch (cause) {
    // ESRCH: it ended by itself between the look and the signal.
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** `root` and everything below it, parents before children. Linux. */
async function descendantsOf(root: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const queue = (await identify(root)) === null ? [] : [root];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    found.push(next);
    queue.push(...(children.get(next) ?? []));
  }
  return found;
}
