/**
 * One service per data directory.
 *
 * Two runtimes on the same SQLite files would corrupt what they keep, so a directory is claimed first. The claim is
 * an exclusive SQLite lock: the system drops it when the process dies, however it dies, so no stale lock exists.
 *
 * What can outlive its parent is workerd: after kill -9 of the Node process it goes on serving, holds the port and
 * the databases. Each one is tagged with the directory it serves and written down; whoever claims the directory next
 * ends it. Holding the lock proves that its parent is gone.
 */

import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { CliError } from '../errors.ts';
import { readJsonFile, writeJsonAtomically } from '../files.ts';
import {
  endProcess,
  identify,
  isAlive,
  listenerOf,
  type ProcessIdentity,
  processesWith,
} from './processes.ts';

/** Environment variable that tells whose runtime a workerd is: the real path of its data directory. */
export const DATA_DIR_TAG = 'FIRSTFRAME_DATA_DIR';

const Identity = z.object({ pid: z.number(), started: z.string(), command: z.string() });

/** `service.json`: who serves this directory. Kept for people and for the next start. */
const ServiceRecord = z.object({
  pid: z.number().nullable(),
  url: z.string().nullable(),
  runtime: Identity.nullable(),
});
type ServiceRecord = z.infer<typeof ServiceRecord>;
const NOBODY: ServiceRecord = { pid: null, url: null, runtime: null };

/** A data directory that is ours until released. */
export interface DataDir {
  /** Real, absolute path. */
  readonly path: string;
  /** The runtimes that an earlier, killed service had left and that were ended. */
  readonly endedOrphans: readonly ProcessIdentity[];
  /** Writes down which process serves, so that it can be told apart if we are killed. */
  recordRuntime(url: string, port: number): Promise<void>;
  /** Frees the directory. The runtime must have ended. Once. */
  release(): Promise<void>;
}

/** SQLite's result code for a lock held by somebody else (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

/**
 * Claims `path`, which is made if it is not there.
 * @throws {CliError} when another service has it.
 */
export async function claimDataDir(path: string): Promise<DataDir> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const real = await realpath(path);
  const recordPath = join(real, 'service.json');
  const lock = takeLock(join(real, 'service.lock'));
  if (!lock) {
    const holder = await readJsonFile(recordPath, ServiceRecord).catch(() => null);
    const who = holder?.pid ? ` (process ${holder.pid}${holder.url ? `, ${holder.url}` : ''})` : '';
    throw new CliError(`Another service is running on ${path}${who}.`, {
      hint: 'Use that one, stop it, or choose another directory with --data.',
    });
  }
  try {
    const record = await readJsonFile(recordPath, ServiceRecord);
    const endedOrphans = await orphansOf(real, record?.runtime ?? null);
    for (const orphan of endedOrphans) await end(orphan, path);
    await writeJsonAtomically(recordPath, { ...NOBODY, pid: process.pid });
    return {
      path: real,
      endedOrphans,
      async recordRuntime(url, port) {
        const pid = await listenerOf(port);
        const runtime = pid === null ? null : await identify(pid);
        await writeJsonAtomically(recordPath, { pid: process.pid, url, runtime } satisfies ServiceRecord);
      },
      async release() {
        try {
          await writeJsonAtomically(recordPath, NOBODY);
        } finally {
          lock.close();
        }
      },
    };
  } catch (cause) {
    lock.close();
    throw cause;
  }
}

/**
 * Runtimes that still use the directory: the one written down, and, where the system lets us see tags, any that was
 * started in the half second before it could be written down.
 */
async function orphansOf(realPath: string, recorded: ProcessIdentity | null): Promise<ProcessIdentity[]> {
  const tagged = await processesWith(DATA_DIR_TAG, realPath);
  if (recorded === null || tagged.some(({ pid }) => pid === recorded.pid)) return tagged;
  return (await isAlive(recorded)) ? [recorded, ...tagged] : tagged;
}

async function end(orphan: ProcessIdentity, path: string): Promise<void> {
  if (await endProcess(orphan)) return;
  throw new CliError(`A runtime left by a killed service still uses ${path} and does not end.`, {
    hint: `End it by hand: kill -9 ${orphan.pid}`,
  });
}

/** The open database that holds the lock; null when somebody else holds it. */
function takeLock(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written, so there is nothing to roll back and no journal file to leave lying about.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (cause) {
    database.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) return null;
    throw cause;
  }
}
