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
  {
    id: 2,
    sql: `
      -- What webhooks are signed with. Of an owner and scheme the youngest is the present one; the others sign until
      -- they expire, and their rows go soon after.
      CREATE TABLE signing_secrets (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        -- '' for the account's own, else the endpoint.
        owner TEXT NOT NULL,
        scheme TEXT NOT NULL,
        ciphertext TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER
      ) STRICT;
      INSERT INTO signing_secrets (id, owner, scheme, ciphertext, created_at)
        SELECT 'account', '', 'v1', webhook_secret, created_at FROM account;
      ALTER TABLE account DROP COLUMN webhook_secret;

      -- From now on shards.secret_ring is a list: the ids, with commas between, of all that its replica may need.

      -- Where the account wants to hear of its events.
      CREATE TABLE endpoints (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        url TEXT NOT NULL,
        description TEXT NOT NULL,
        -- JSON; null for every event.
        events TEXT,
        -- JSON, and what they say as ciphertext; null when there are none.
        header_names TEXT NOT NULL,
        headers TEXT,
        rate_limit INTEGER,
        epoch INTEGER NOT NULL,
        disabled_at INTEGER,
        disabled_reason TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
      ) STRICT;

      -- A day's memory of deleted ones, so that deleting again is answered as the first time.
      CREATE TABLE deleted_endpoints (
        id TEXT PRIMARY KEY,
        deleted_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- Events about the account that its home shard does not have yet; version is the first replica that has them.
      CREATE TABLE notices (
        id TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        at INTEGER NOT NULL,
        data TEXT NOT NULL,
        version INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- The event credits.low: sent once when available credits fall to the threshold, then armed anew by a grant.
      ALTER TABLE account ADD COLUMN credits_low_threshold INTEGER;
      ALTER TABLE account ADD COLUMN credits_low_armed INTEGER NOT NULL DEFAULT 1;
      -- When the exact balance is to be read, in ms; null when there is no reason to.
      ALTER TABLE account ADD COLUMN credits_low_check_at INTEGER;
    `,
  },
];
