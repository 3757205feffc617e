/** The engine's port: the same on every start, since open jobs remember the addresses that the engine gave them. */

import { join } from 'node:path';
import * as z from 'zod';
import { CliError } from '../errors.ts';
import { readJsonFile, writeJsonAtomically } from '../files.ts';
import { freePort, isPortFree } from '../serve/ports.ts';

const PortFile = z.object({ engine: z.number().int().min(1).max(65_535) });

/**
 * The port kept in `dataDir`; at the first start the one after the service's own, or any free one.
 * @throws {CliError} when the kept one is taken by somebody else.
 */
export async function enginePort(dataDir: string, servicePort: number, host: string): Promise<number> {
  const path = join(dataDir, 'ports.json');
  const kept = await readJsonFile(path, PortFile);
  if (kept) {
    if (await isPortFree(kept.engine, host)) return kept.engine;
    throw new CliError(`Port ${kept.engine}, where this data's engine has always answered, is taken.`, {
      hint: `End what uses it, or delete ${path}: open jobs will then not find their renders again.`,
    });
  }
  const next = servicePort + 1;
  const engine = next <= 65_535 && (await isPortFree(next, host)) ? next : await freePort(host);
  await writeJsonAtomically(path, { engine } satisfies z.infer<typeof PortFile>);
  return engine;
}
