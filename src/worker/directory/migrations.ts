/** The directory's schema, as an append-only list. docs/storage.md explains each table with an example row. */

import type { Migration } from '../migrate.ts';

export const DIRECTORY_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: `
      -- The accounts whose home is this region, in the order of their making.
      CREATE TABLE accounts (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        reference TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT;

      -- The shards of this region that ever had open work, and whether they have now. A row stays when its shard
      -- leaves the list: its epoch tells a late mark from a new one.
      CREATE TABLE shards (
        name TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
        -- When the shard last had its turn in a sweep, in ms; 0 before the first.
        served_at INTEGER NOT NULL,
        -- Until when a running sweep has it, in ms.
        claimed_until INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX listed_shards ON shards (served_at) WHERE listed = 1;
    `,
  },
  {
    id: 2,
    sql: `
      -- When a shard that has left the list wants a turn all the same, in ms: its oldest job is to be forgotten then.
      ALTER TABLE shards ADD COLUMN wake_at INTEGER;
      CREATE INDEX waking_shards ON shards (wake_at) WHERE wake_at IS NOT NULL;
    `,
  },
];
