/** What lies on disk under a service's data directory: R2's objects, and the engine's videos. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The keys of the bucket's objects under `prefix`, sorted, as Miniflare's R2 keeps them. */
export async function objectKeys(dataDir: string, prefix: string): Promise<string[]> {
  const folder = join(dataDir, 'worker', 'r2', 'miniflare-R2BucketObject');
  const keys: string[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.sqlite') || name === 'metadata.sqlite') continue;
    const database = new DatabaseSync(join(folder, name), { readOnly: true });
    try {
      const rows = database.prepare('SELECT key FROM _mf_objects').all() as { key: string }[];
      keys.push(...rows.map(({ key }) => key).filter((key) => key.startsWith(prefix)));
    } finally {
      database.close();
    }
  }
  return keys.sort();
}

/** The files that the engine's renders left, half ones too, each as `<request>-<attempt>/<name>`, sorted. */
export async function engineFiles(dataDir: string): Promise<string[]> {
  const folder = join(dataDir, 'engine', 'files');
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath.slice(folder.length + 1), entry.name))
    .sort();
}
