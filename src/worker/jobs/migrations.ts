/** The shard's schema, as an append-only list. docs/storage.md explains each table with an example row. */

import type { Migration } from '../migrate.ts';

export const JOB_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: `
      -- One row a job. The id is time-ordered, so the key is also the order of age. After retention only the
      -- financial columns stay.
      CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        credits INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        expired_at INTEGER,
        request TEXT,
        progress TEXT
      ) STRICT, WITHOUT ROWID;

      -- What is to be done, and when. One row a job, a delivery, or a duty of the shard itself.
      CREATE TABLE due (
        key TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        due_at INTEGER NOT NULL,
        claimed_until INTEGER NOT NULL DEFAULT 0,
        version INTEGER NOT NULL DEFAULT 1,
        lane TEXT NOT NULL DEFAULT ''
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX due_by_kind ON due (kind, due_at);

      -- Credits: one row. See accounts/float.ts.
      CREATE TABLE book (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        received INTEGER NOT NULL,
        returned INTEGER NOT NULL,
        held INTEGER NOT NULL CHECK (held >= 0),
        captured INTEGER NOT NULL,
        releases INTEGER NOT NULL,
        returned_seen INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL,
        last_price INTEGER NOT NULL,
        hour_start INTEGER NOT NULL,
        hour_used INTEGER NOT NULL,
        CHECK (received - returned - held - captured >= 0)
      ) STRICT;
      INSERT INTO book VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

      CREATE TABLE idempotency (
        key TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        job_id TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- One row an event and receiver. The body is made when it is sent, from the job.
      CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        type TEXT NOT NULL,
        url TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        attempts TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: 2,
    sql: `
      -- One row an upload link, in the home shard. The id is time-ordered, so the key is also the order of the list.
      CREATE TABLE links (
        id TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        uploaded_at INTEGER,
        revoked_at INTEGER,
        key_hash TEXT NOT NULL,
        spec TEXT NOT NULL,
        image TEXT,
        start TEXT NOT NULL,
        job_id TEXT,
        -- What has been cleared away: unfinished pieces, and the picture.
        parts_gone INTEGER NOT NULL DEFAULT 0,
        picture_gone INTEGER NOT NULL DEFAULT 0
      ) STRICT, WITHOUT ROWID;
      -- One index for each thing that the tidy duty looks for.
      CREATE INDEX links_with_parts ON links (expires_at) WHERE parts_gone = 0;
      CREATE INDEX links_with_picture ON links (uploaded_at) WHERE uploaded_at IS NOT NULL AND picture_gone = 0;
      CREATE INDEX links_cleared ON links (created_at)
        WHERE parts_gone = 1 AND (uploaded_at IS NULL OR picture_gone = 1);

      -- One row a resumable upload on its way.
      CREATE TABLE tus (
        link TEXT NOT NULL,
        attempt TEXT NOT NULL,
        length INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        parts TEXT NOT NULL,
        metadata TEXT,
        done INTEGER NOT NULL,
        PRIMARY KEY (link, attempt)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: 3,
    sql: `
      -- One row an event and receiver: the subject's own webhook_url ('w') or an endpoint of the account. The id is made
      -- of the subject's, so it is ordered by time and finds the deliveries of a job: see webhooks/ids.ts.
      CREATE TABLE deliveries_3 (
        id TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        receiver TEXT NOT NULL,
        -- Of 'w' only: an endpoint's is in the replica.
        url TEXT,
        status TEXT NOT NULL,
        reason TEXT,
        created_at INTEGER NOT NULL,
        -- Tries of the running schedule; a resend begins it anew.
        tries INTEGER NOT NULL,
        -- Whether the next try was asked for.
        manual INTEGER NOT NULL DEFAULT 0,
        attempts TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO deliveries_3 (id, type, receiver, url, status, reason, created_at, tries, attempts)
        SELECT 'dlv_' || substr(id, 5) || iif(substr(job_id, 1, 3) = 'up_', 'u', 'z') || 'w', type, 'w', url,
          status, CASE status WHEN 'failed' THEN 'exhausted' END, created_at, json_array_length(attempts), attempts
        FROM deliveries;
      UPDATE due SET key = 'dlv_' || substr(key, 5)
          || (SELECT iif(substr(job_id, 1, 3) = 'up_', 'u', 'z') FROM deliveries WHERE id = due.key) || 'w'
        WHERE kind = 'deliver' AND key IN (SELECT id FROM deliveries);
      DROP TABLE deliveries;
      ALTER TABLE deliveries_3 RENAME TO deliveries;
      -- What did not arrive, which is little of it all: for recoveries, and for lists of it.
      CREATE INDEX deliveries_undelivered ON deliveries (receiver, id) WHERE status IN ('failed', 'held');

      -- What became of the tries to an endpoint, a row a day (UTC). By day first: the oldest is looked at every minute.
      CREATE TABLE endpoint_days (
        day INTEGER NOT NULL,
        endpoint TEXT NOT NULL,
        delivered INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        delivered_at INTEGER,
        PRIMARY KEY (day, endpoint)
      ) STRICT, WITHOUT ROWID;

      -- One row an endpoint that does not answer as it should: see webhooks/health.ts. Gone with the next success.
      CREATE TABLE endpoint_health (
        endpoint TEXT PRIMARY KEY,
        health TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- Events about the account, and tests, with their data.
      CREATE TABLE notices (
        id TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        at INTEGER NOT NULL,
        -- An example that its owner asked for: tried once.
        test INTEGER NOT NULL,
        data TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- Recoveries under way: deliveries to the endpoint with ids after cursor are still to be looked at.
      CREATE TABLE recoveries (
        endpoint TEXT PRIMARY KEY,
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        cursor TEXT NOT NULL,
        -- Whether it was asked for again since this walk began.
        again INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: 4,
    sql: `
      -- A submit's three rows as one statement: a call of the database costs a submit more than the row that it writes
      -- (npm run bench). Nothing is decided here: what is inserted into the view is written as it is, unless the job is
      -- there already.
      CREATE VIEW submits AS
        SELECT jobs.id, jobs.state, jobs.credits, jobs.cost, jobs.created_at, jobs.request, jobs.progress,
          book.held, book.last_used_at, book.last_price, book.hour_start, book.hour_used,
          due.kind, due.due_at, due.version
        FROM jobs JOIN due ON due.key = jobs.id, book;
      CREATE TRIGGER submit INSTEAD OF INSERT ON submits BEGIN
        SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM jobs WHERE id = NEW.id);
        INSERT INTO jobs (id, state, credits, cost, created_at, request, progress)
          VALUES (NEW.id, NEW.state, NEW.credits, NEW.cost, NEW.created_at, NEW.request, NEW.progress);
        UPDATE book SET held = NEW.held, last_used_at = NEW.last_used_at, last_price = NEW.last_price,
          hour_start = NEW.hour_start, hour_used = NEW.hour_used;
        INSERT INTO due (key, kind, due_at, version) VALUES (NEW.id, NEW.kind, NEW.due_at, NEW.version);
      END;
    `,
  },
];
