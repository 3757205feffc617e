/** Small renders, and the processes that make them. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RenderedFile, RenderOutcome, RenderRequest } from '../../src/engine/contract.ts';
import type { RenderJob } from '../../src/engine/render/job.ts';
import { type ProcessOptions, startProcess } from '../../src/engine/render/process.ts';
import { dataUri, picture } from './pictures.ts';

/** A sixth of 1080p on each side: a second of it renders in a few tenths of a second. */
export const SMALL = { width: 320, height: 180 } as const;

/** A small job that only needs what it is about: one second of a picture, without sound. */
export async function smallJob(request: Partial<RenderRequest> = {}): Promise<RenderJob> {
  return {
    landscape: SMALL,
    request: {
      prompt: 'zoom in',
      image_url: request.image_url ?? dataUri(await picture(640, 360).png().toBuffer()),
      duration: 1,
      resolution: '1080p',
      aspect_ratio: 'auto',
      fps: 25,
      generate_audio: false,
      ...request,
    },
  };
}

/** A directory of its own for each test, and what is in it. */
export interface Scratch {
  readonly path: string;
  output(name?: string): string;
  files(): Promise<string[]>;
  /** Waits until a file is there. */
  appears(name: string): Promise<void>;
  remove(): Promise<void>;
}

export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'firstframe-render-'));
  return {
    path,
    output: (name = 'video.mp4') => join(path, name),
    files: () => readdir(path),
    appears: async (name) => {
      while (!(await readdir(path)).includes(name)) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Renders a job to its end. */
export function renderJob(job: RenderJob, options: ProcessOptions): Promise<RenderOutcome> {
  return startProcess(job, options).outcome;
}

/** The file of a render that must succeed. */
export function fileOf(outcome: RenderOutcome): RenderedFile {
  if (outcome.kind !== 'done') throw new Error(`The render ended ${JSON.stringify(outcome)}.`);
  return outcome.file;
}

/** Waits until no process of a group is left. */
export async function groupGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(-pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The processes of a group, its leader apart: here, FFmpeg. Linux only. */
export async function followersOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === pid) continue;
    // A process may end while it is looked at.
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // pid (name) state ppid pgrp …; the name may hold anything.
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === pid) found.push(Number(entry));
  }
  return found;
}
