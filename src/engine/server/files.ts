import { mkdirSync } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VIDEO_NAME } from './replies.ts';

/** One run of a request. */
export interface Attempt {
  readonly id: string;
  readonly attempt: number;
}

/**
 * The videos on disk, one directory per attempt: what a renderer that outlived its engine still writes lands in the
 * directory of an attempt that nobody asks for, or in none.
 */
export class VideoFiles {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Opens the directory of videos in the engine's data. */
  static async open(dataDir: string): Promise<VideoFiles> {
    const root = join(dataDir, 'files');
    await mkdir(root, { recursive: true });
    return new VideoFiles(root);
  }

  /** Where an attempt's video is. */
  pathOf(attempt: Attempt): string {
    return join(this.#directoryOf(attempt), VIDEO_NAME);
  }

  /** Makes room for an attempt's video and says where it goes. */
  prepare(attempt: Attempt): string {
    mkdirSync(this.#directoryOf(attempt), { recursive: true });
    return this.pathOf(attempt);
  }

  /** Puts a video on disk for good, and returns its size in bytes. @throws when there is none. */
  async seal(attempt: Attempt): Promise<number> {
    const size = await withHandle(this.pathOf(attempt), async (file) => {
      await file.sync();
      return (await file.stat()).size;
    });
    for (const directory of [this.#directoryOf(attempt), this.#root]) {
      await withHandle(directory, (handle) => handle.sync());
    }
    return size;
  }

  /** Removes whatever an attempt left. */
  async remove(attempt: Attempt): Promise<void> {
    await rm(this.#directoryOf(attempt), { recursive: true, force: true });
  }

  /** Removes everything but the given attempts, and returns how much that was. */
  async sweep(keep: readonly Attempt[]): Promise<number> {
    const kept = new Set(keep.map(nameOf));
    const stray = (await readdir(this.#root)).filter((name) => !kept.has(name));
    for (const name of stray) await rm(join(this.#root, name), { recursive: true, force: true });
    return stray.length;
  }

  #directoryOf(attempt: Attempt): string {
    return join(this.#root, nameOf(attempt));
  }
}

function nameOf({ id, attempt }: Attempt): string {
  return `${id}-${attempt}`;
}

async function withHandle<Result>(
  path: string,
  work: (handle: Awaited<ReturnType<typeof open>>) => Promise<Result>,
): Promise<Result> {
  const handle = await open(path, 'r');
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}
