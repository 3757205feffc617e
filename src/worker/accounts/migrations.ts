/** The account's schema, as an append-only list. docs/storage.md explains each table with an example row. */

import type { Migration } from '../migrate.ts';

export const ACCOUNT_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: `
      -- The account itself: one row, made by create(). granted is the sum of the grants.
      CREATE TABLE account (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        reference TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        granted INTEGER NOT NULL CHECK (granted >= 0),
        -- Grows with every change of what shards have a replica of.
        version INTEGER NOT NULL,
        -- The version that every listed shard must have at least: that of the last revocation or renewal.
        published_version INTEGER NOT NULL,
        -- Ciphertext.
        webhook_secret TEXT NOT NULL
      ) STRICT;

      -- Credits that came in. Rows are only ever added.
      CREATE TABLE grants (
        reference TEXT PRIMARY KEY,
        credits INTEGER NOT NULL CHECK (credits > 0),
        granted_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- A revoked key stays as a tombstone.
      CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        ring_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
      ) STRICT, WITHOUT ROWID;

      -- The shards that have a replica or credits of this account, and the ledger with each: see lease.ts.
      CREATE TABLE shards (
        name TEXT PRIMARY KEY,
        leased INTEGER NOT NULL,
        returned_seen INTEGER NOT NULL,
        captured_seen INTEGER NOT NULL,
        releases INTEGER NOT NULL,
        -- The secret of the ring under which this shard's replica may hold the webhook secret.
        secret_ring TEXT NOT NULL,
        -- When to push the replica next, in ms; null when this shard has the published version.
        push_due_at INTEGER,
        -- Pushes that failed in a row.
        push_failures INTEGER NOT NULL,
        CHECK (returned_seen >= 0 AND captured_seen >= 0 AND returned_seen + captured_seen <= leased)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
