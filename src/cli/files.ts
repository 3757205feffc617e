/** Small files that must be whole or absent, and readable by nobody else. */

import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import type * as z from 'zod';
import { CliError } from './errors.ts';

/** Owner may read and write; nobody else. The files hold keys. */
const PRIVATE_MODE = 0o600;

/** Writes `value` as JSON so that a reader, or a crash, sees the old file or the new one and nothing between. */
export async function writeJsonAtomically(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', PRIVATE_MODE);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

/**
 * The JSON file at `path`, checked; null when there is none.
 * @throws {CliError} when it exists and is not what we wrote.
 */
export async function readJsonFile<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new CliError(`${path} cannot be read.`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CliError(`${path} is not JSON.`, { hint: 'Repair it or move it away.', cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
    throw new CliError(`${path} is not as expected (${wrong}).`, { hint: 'Repair it or move it away.' });
  }
  return parsed.data;
}

/** Whether a file system error says that there is no such file. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}
