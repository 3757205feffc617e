/** The secrets of a local service: made once, kept in its data directory, readable by its owner alone. */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { readJsonFile, writeJsonAtomically } from '../files.ts';

const LocalSecrets = z.object({
  /** See `parseRing` in the Worker. */
  signing_secrets: z.string().min(1),
  admin_token: z.string().min(16),
});
export type LocalSecrets = z.infer<typeof LocalSecrets>;

/** 256 bits. */
const SECRET_BYTES = 32;

/** The secrets in `dataDir`, made if there are none. Losing the file makes all keys and links of that data invalid. */
export async function localSecrets(dataDir: string): Promise<LocalSecrets> {
  const path = join(dataDir, 'secrets.json');
  const kept = await readJsonFile(path, LocalSecrets);
  if (kept) return kept;
  const made: LocalSecrets = {
    signing_secrets: `local:${randomBytes(SECRET_BYTES).toString('hex')}`,
    admin_token: `ff_admin_${randomBytes(SECRET_BYTES).toString('base64url')}`,
  };
  await writeJsonAtomically(path, made);
  return made;
}
