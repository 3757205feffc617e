import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Append only: an entry, once released, never changes. `PRAGMA user_version` counts those applied. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE requests (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     endpoint TEXT NOT NULL,
     app TEXT NOT NULL,
     callback_url TEXT UNIQUE,
     state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ended')),
     attempt INTEGER NOT NULL DEFAULT 0,
     interruptions INTEGER NOT NULL DEFAULT 0,
     cancel_requested INTEGER NOT NULL DEFAULT 0,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     ended_at INTEGER,
     outcome TEXT,
     logs TEXT NOT NULL DEFAULT '[]',
     input TEXT
   ) STRICT;
   CREATE INDEX requests_queued ON requests (seq) WHERE state = 'queued';
   CREATE INDEX requests_ended ON requests (ended_at) WHERE state = 'ended';
   CREATE TABLE deliveries (
     request_id TEXT PRIMARY KEY REFERENCES requests (id) ON DELETE CASCADE,
     url TEXT NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0,
     due_at INTEGER
   ) STRICT;
   CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
   CREATE TABLE signing_keys (
     kid TEXT PRIMARY KEY,
     private_key TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT;`,
  // X-Fal-Request-Timeout: a request that has not started by then is not to start any more.
  `ALTER TABLE requests ADD COLUMN start_by INTEGER;
   CREATE INDEX requests_start_by ON requests (start_by) WHERE state = 'queued' AND start_by IS NOT NULL;`,
];

/** How long to wait for an engine that is just ending to let go of the data, in milliseconds. */
const LOCK_WAIT_MS = 500;

/** SQLite's own code for a lock that another holds. */
const SQLITE_BUSY = 5;

/**
 * Opens the engine's database, brings its schema up to date and keeps it for this process alone: the lock goes with the
 * process, however it dies. Every commit is on disk before it returns (`synchronous=FULL`).
 *
 * @throws Error when another engine uses the directory.
 */
export function openDatabase(dataDir: string): DatabaseSync {
  const database = new DatabaseSync(join(dataDir, 'queue.sqlite'), { timeout: LOCK_WAIT_MS });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA foreign_keys = ON');
    transaction(database, () => migrate(database));
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) {
      throw new Error(
        `another engine is using ${dataDir}: stop it, or give this one a directory of its own`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const applied = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (applied > MIGRATIONS.length) throw new Error('this data directory was written by a newer engine');
  for (const sql of MIGRATIONS.slice(applied)) database.exec(sql);
  database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
}

/** Runs `work` in one transaction: all of it is kept, or, where it throws, nothing. */
export function transaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
