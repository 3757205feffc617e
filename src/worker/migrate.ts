/**
 * The schema of an object's own SQLite database, brought up to date by an append-only list of migrations.
 *
 * The id of the last one applied is kept in a table, because Durable Objects do not allow `PRAGMA user_version`.
 * An object makes its schema on its first write ({@link migrate}); looking at an object that was never written to
 * must leave no table behind, so lookups ask {@link upgrade} first.
 */

/** One step of a schema. Never changed once released: a correction is another step. */
export interface Migration {
  /** 1, 2, 3 … in the order of the list. */
  readonly id: number;
  /** One or more SQL statements. */
  readonly sql: string;
}

const VERSION_TABLE = `CREATE TABLE IF NOT EXISTS schema_version (
  only INTEGER PRIMARY KEY CHECK (only = 0),
  last_migration INTEGER NOT NULL
) STRICT`;

/**
 * Makes or upgrades the schema: applies what is missing, all of it or nothing. Costs one read when there is nothing
 * to do. A database that a newer release has already upgraded is left as it is, so a roll-back can run on it.
 * @throws {TypeError} when the ids of `migrations` do not count 1, 2, 3 …
 */
export function migrate(storage: DurableObjectStorage, migrations: readonly Migration[]): void {
  if (migrations.some((migration, index) => migration.id !== index + 1)) {
    throw new TypeError('migrations must be numbered 1, 2, 3 … in order');
  }
  const last = lastMigration(storage.sql);
  if (last >= migrations.length) return;
  storage.transactionSync(() => {
    storage.sql.exec(VERSION_TABLE);
    for (const migration of migrations.slice(last)) storage.sql.exec(migration.sql);
    storage.sql.exec(
      `INSERT INTO schema_version (only, last_migration) VALUES (0, ?)
       ON CONFLICT (only) DO UPDATE SET last_migration = excluded.last_migration`,
      migrations.length,
    );
  });
}

/**
 * Upgrades the schema where there is one. Writes nothing to an object that was never written to.
 * @returns whether the object has a schema.
 */
export function upgrade(storage: DurableObjectStorage, migrations: readonly Migration[]): boolean {
  if (lastMigration(storage.sql) === 0) return false;
  migrate(storage, migrations);
  return true;
}

/** The id of the last migration applied; 0 for a database without a schema. */
function lastMigration(sql: SqlStorage): number {
  const tables = sql.exec("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'");
  if (tables.toArray().length === 0) return 0;
  return sql.exec<{ last_migration: number }>('SELECT last_migration FROM schema_version').one()
    .last_migration;
}
