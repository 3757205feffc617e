/** A render in a process of its own: its start, its end however it comes, and what is left on disk. */

import { type ChildProcess, fork } from 'node:child_process';
import { rename, rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Render, RenderedFile, RenderOptions, RenderOutcome } from '../contract.ts';
import { findFfmpeg } from './ffmpeg.ts';
import type { RenderJob } from './job.ts';
import { ChildMessage, type StartMessage } from './protocol.ts';
import { tail } from './tail.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/** V8's heap alone: planes, frames and decoded images lie outside it. Two 20 MiB data URIs need about 60 MiB. */
const HEAP_MIB = 512;

/** A child that says nothing for so long is stuck: twice what a download may take, and ten of the slowest frames. */
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

/**
 * Starts a child process that renders `job`.
 *
 * The child leads a process group that its FFmpeg belongs to, so that both are killed together. The outcome is settled
 * only when both have ended: FFmpeg holds the child's stderr open, and `close` waits for that.
 */
export function startProcess(job: RenderJob, options: ProcessOptions): Render {
  const partPath = `${options.outputPath}.part`;
  const stderr = tail();
  let canceled = false;
  let settled = false;
  let verdict: Exclude<ChildMessage, { kind: 'progress' }> | undefined;
  let trouble: string | undefined;

  let child: ChildProcess;
  try {
    child = fork(CHILD, [], {
      detached: true,
      env: Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]])),
      execArgv: [`--max-old-space-size=${options.heapMiB ?? HEAP_MIB}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (cause) {
    const outcome: RenderOutcome = { kind: 'crashed', message: `The renderer did not start: ${cause}` };
    return { outcome: Promise.resolve(outcome), cancel: () => {}, pid: undefined };
  }

  const end = (reason: string): void => {
    trouble ??= reason;
    killGroup(child);
  };
  let watchdog = setTimeout(() => end('it made no progress'), options.stallMs ?? STALL_MS);

  child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk));
  child.on('message', (raw) => {
    const parsed = ChildMessage.safeParse(raw);
    if (canceled || verdict) return;
    if (!parsed.success) return end('it sent a message that is none');
    watchdog.refresh();
    if (parsed.data.kind === 'progress') return options.onProgress?.(parsed.data.done, parsed.data.total);
    verdict = parsed.data;
    clearTimeout(watchdog);
    watchdog = setTimeout(() => end('it did not exit'), EXIT_GRACE_MS);
  });
  child.once('exit', () => killGroup(child));

  const closed = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
    child.once('error', (cause) => {
      trouble ??= String(cause);
      // A process that never was emits no `close`.
      if (child.pid === undefined) resolve('no process');
    });
  });

  const start = async (): Promise<void> => {
    const ffmpeg = await findFfmpeg();
    const message: StartMessage = {
      job,
      partPath,
      ffmpeg: ffmpeg.path,
      allowLoopback: options.allowLoopback ?? false,
    };
    // A child that is gone by now is reported by `close`.
    if (child.connected) child.send(message, (cause) => cause && end(String(cause)));
  };

  const settle = async (): Promise<RenderOutcome> => {
    start().catch((cause: unknown) => end(cause instanceof Error ? cause.message : String(cause)));
    const exit = await closed;
    clearTimeout(watchdog);
    let outcome: RenderOutcome;
    if (canceled) outcome = { kind: 'canceled' };
    else if (verdict?.kind === 'encoded') outcome = await keep(partPath, options.outputPath, job, verdict);
    else if (verdict?.kind === 'failed')
      outcome = { kind: 'failed', status: verdict.status, detail: verdict.detail };
    else {
      const reason = verdict?.message ?? trouble ?? exit;
      outcome = { kind: 'crashed', message: `The renderer died: ${reason}. ${stderr.text()}`.trim() };
    }
    // A cancel that came while the file was being named.
    if (canceled) outcome = { kind: 'canceled' };
    if (outcome.kind !== 'done') await discard([partPath, options.outputPath]);
    settled = true;
    return outcome;
  };

  return {
    outcome: settle(),
    pid: child.pid,
    cancel: () => {
      if (settled || canceled) return;
      canceled = true;
      killGroup(child);
    },
  };
}

/** Kills the child and its FFmpeg, whichever is still there. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    // Windows has no groups; there FFmpeg ends when the pipe that feeds it does.
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch (cause) {
    // ESRCH: both had ended. EPERM: macOS says so of a group whose only member is a zombie.
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw cause;
  }
}

/** Gives the whole file its name. */
async function keep(
  partPath: string,
  path: string,
  { request }: RenderJob,
  encoded: { width: number; height: number; frames: number },
): Promise<RenderOutcome> {
  try {
    const { size } = await stat(partPath);
    await rename(partPath, path);
    const file: RenderedFile = {
      path,
      bytes: size,
      width: encoded.width,
      height: encoded.height,
      fps: request.fps,
      duration: request.duration,
      frames: encoded.frames,
    };
    return { kind: 'done', file };
  } catch (cause) {
    return { kind: 'crashed', message: `The video could not be kept: ${cause}` };
  }
}

/** Removes what a render that came to nothing wrote. */
async function discard(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      process.emitWarning(`A file of a failed render stays behind: ${cause}`);
    }
  }
}
