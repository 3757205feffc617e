/** `local.json`: where the local service is and how to get in, for the other commands and for scripts. */

import { join } from 'node:path';
import * as z from 'zod';
import { readJsonFile, writeJsonAtomically } from '../files.ts';

/** The default data directory, relative to where the command runs. */
export const DEFAULT_DATA_DIR = '.firstframe';

const LocalFile = z.object({
  url: z.url(),
  api_key: z.string(),
  admin_token: z.string(),
  webhook_secret: z.string(),
});
export type LocalFile = z.infer<typeof LocalFile>;

/** What `npm start` wrote, or null. */
export function readLocalFile(dataDir: string): Promise<LocalFile | null> {
  return readJsonFile(join(dataDir, 'local.json'), LocalFile);
}

/** Replaces the file. */
export function writeLocalFile(dataDir: string, file: LocalFile): Promise<void> {
  return writeJsonAtomically(join(dataDir, 'local.json'), file);
}
