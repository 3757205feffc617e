/** A render in a process of its own: its start, and its end however it comes. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Render, RenderOptions, RenderOutcome } from '../contract.ts';
import { findFfmpeg } from './ffmpeg.ts';
import type { RenderJob } from './job.ts';
import { discard, keep, partOf } from './output.ts';
import { ChildMessage, type StartMessage } from './protocol.ts';
import { tail } from './tail.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/**
 * Where Node keeps the child's compiled modules: starting takes 0.2 s of CPU time instead of 0.5 s. Where it cannot be
 * written, Node does without.
 */
const COMPILE_CACHE = fileURLToPath(
  new URL('../../../node_modules/.cache/firstframe-render', import.meta.url),
);

/** V8's heap alone: planes, frames and decoded images lie outside it. Two 20 MiB data URIs need about 60 MiB. */
const HEAP_MIB = 512;

/** A child that says nothing for so long is stuck: it is twice what a download may take, or a thousand frames. */
const STALL_MS = 120_000;

/** How long a child may take to exit once it has said how the render ended. */
const EXIT_GRACE_MS = 5_000;

/** All that the child, which parses untrusted bytes, sees of our environment: no key, no token. */
const ENVIRONMENT = ['PATH', 'FFMPEG_PATH', 'LD_LIBRARY_PATH', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LANG'];

/** What only tests choose. */
export interface ProcessOptions extends RenderOptions {
  readonly heapMiB?: number;
  readonly stallMs?: number;
}

/** Starts a child process that renders `job`. */
export function startProcess(job: RenderJob, options: ProcessOptions): Render {
  let child: ChildProcess;
  try {
    child = fork(CHILD, [], {
      // Its group is its own, so that FFmpeg is killed with it. On Windows it would open a console.
      detached: process.platform !== 'win32',
      env: {
        ...Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
        NODE_COMPILE_CACHE: COMPILE_CACHE,
      },
      execArgv: [`--max-old-space-size=${options.heapMiB ?? HEAP_MIB}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (cause) {
    const outcome: RenderOutcome = { kind: 'crashed', message: `The renderer did not start: ${cause}` };
    return { outcome: Promise.resolve(outcome), cancel: () => {}, pid: undefined };
  }
  return new RenderProcess(child, job, options);
}

/**
 * A child that renders.
 *
 * The outcome is settled only when the child and its FFmpeg have both ended, so that neither writes after the cleaning
 * up: FFmpeg holds the child's stderr open, and `close` waits for that.
 */
class RenderProcess implements Render {
  readonly outcome: Promise<RenderOutcome>;
  readonly pid: number | undefined;
  readonly #child: ChildProcess;
  readonly #job: RenderJob;
  readonly #options: ProcessOptions;
  readonly #stderr = tail();
  #watchdog: NodeJS.Timeout;
  #state: 'running' | 'canceled' | 'settled' = 'running';
  #gone = false;
  /** How the child says that the render ended. */
  #verdict: Exclude<ChildMessage, { kind: 'progress' }> | undefined;
  /** Why the child was killed, or never was. */
  #trouble: string | undefined;

  constructor(child: ChildProcess, job: RenderJob, options: ProcessOptions) {
    this.#child = child;
    this.#job = job;
    this.#options = options;
    this.pid = child.pid;
    this.#watchdog = setTimeout(() => this.#fail('it made no progress'), options.stallMs ?? STALL_MS);
    child.stderr?.on('data', (chunk: Buffer) => this.#stderr.add(chunk));
    child.on('message', (message) => this.#onMessage(message));
    child.once('exit', () => {
      this.#kill();
      // From now on its number may become another's.
      this.#gone = true;
    });
    const closed = new Promise<string>((resolve) => {
      child.once('close', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
      child.once('error', (cause) => {
        this.#trouble ??= String(cause);
        // A process that never was emits no `close`.
        if (child.pid === undefined) resolve('no process');
      });
    });
    this.outcome = closed.then((exit) => this.#settle(exit));
    this.#start().catch((cause: unknown) =>
      this.#fail(cause instanceof Error ? cause.message : String(cause)),
    );
  }

  /** A property, so that it can be handed on by itself. */
  readonly cancel = (): void => {
    if (this.#state !== 'running') return;
    this.#state = 'canceled';
    this.#kill();
  };

  async #start(): Promise<void> {
    const ffmpeg = await findFfmpeg();
    const message: StartMessage = {
      job: this.#job,
      partPath: partOf(this.#options.outputPath),
      ffmpeg: ffmpeg.path,
      allowLoopback: this.#options.allowLoopback ?? false,
    };
    // A child that is gone by now is reported by `close`.
    if (this.#child.connected) this.#child.send(message, (cause) => cause && this.#fail(String(cause)));
  }

  #onMessage(raw: unknown): void {
    if (this.#state !== 'running' || this.#verdict) return;
    const { success, data } = ChildMessage.safeParse(raw);
    if (!success) {
      this.#fail('it sent a message that is none');
    } else if (data.kind === 'progress') {
      this.#watchdog.refresh();
      this.#options.onProgress?.(data.done, data.total);
    } else {
      this.#verdict = data;
      clearTimeout(this.#watchdog);
      this.#watchdog = setTimeout(() => this.#fail('it did not exit'), EXIT_GRACE_MS);
    }
  }

  /** @param exit How the child ended, as its last resort of an explanation. */
  async #settle(exit: string): Promise<RenderOutcome> {
    clearTimeout(this.#watchdog);
    let outcome: RenderOutcome = this.#canceled() ? { kind: 'canceled' } : await this.#reached(exit);
    // The cancel may have come while the file was being named.
    if (this.#canceled()) outcome = { kind: 'canceled' };
    if (outcome.kind !== 'done') await discard(this.#options.outputPath);
    this.#state = 'settled';
    return outcome;
  }

  /** What became of a render that was not canceled. */
  async #reached(exit: string): Promise<RenderOutcome> {
    const verdict = this.#verdict;
    if (verdict?.kind === 'failed') return verdict;
    if (verdict?.kind !== 'encoded') {
      const reason = verdict?.message ?? this.#trouble ?? exit;
      return { kind: 'crashed', message: `The renderer died: ${reason}. ${this.#stderr.text()}`.trim() };
    }
    const { width, height, frames } = verdict;
    const { fps, duration } = this.#job.request;
    const path = this.#options.outputPath;
    try {
      return { kind: 'done', file: { path, bytes: await keep(path), width, height, fps, duration, frames } };
    } catch (cause) {
      return { kind: 'crashed', message: `The video could not be kept: ${cause}` };
    }
  }

  #canceled(): boolean {
    return this.#state === 'canceled';
  }

  /** Gives the render up. */
  #fail(reason: string): void {
    this.#trouble ??= reason;
    this.#kill();
  }

  /** Kills the child and its FFmpeg, whichever is still there. */
  #kill(): void {
    const { pid } = this.#child;
    if (this.#gone || pid === undefined) return;
    try {
      // Windows has no groups; there FFmpeg ends when the pipe that feeds it does.
      if (process.platform === 'win32') this.#child.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch (cause) {
      // ESRCH: both had ended. EPERM: macOS says so of a group whose only member is a zombie.
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw cause;
    }
  }
}
