/** What a render leaves on disk: a whole video under its name, or nothing. */

import { rename, rm, stat } from 'node:fs/promises';

/** Where a video is written until it is whole. */
export function partOf(outputPath: string): string {
  return `${outputPath}.part`;
}

/**
 * Gives the whole file its name.
 *
 * @returns Its length in bytes.
 */
export async function keep(outputPath: string): Promise<number> {
  const { size } = await stat(partOf(outputPath));
  await rename(partOf(outputPath), outputPath);
  return size;
}

/** Removes what a render that came to nothing wrote. One that cannot be removed is warned of: it is no outcome. */
export async function discard(outputPath: string): Promise<void> {
  for (const path of [partOf(outputPath), outputPath]) {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      process.emitWarning(`A file of a failed render stays behind: ${cause}`);
    }
  }
}
