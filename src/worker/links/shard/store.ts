/** The rows of upload links and of resumable uploads. Synchronous; the caller groups what belongs together. */

import type { LinkSpec, LinkStart, StoredImage, TusAttempt } from '../contract.ts';
import type { LinkFacts } from '../state.ts';
import { readImage, readParts, readSpec } from './records.ts';

/** A link as it is stored. Times in ms since 1970. */
export interface StoredLink extends LinkFacts {
  readonly id: string;
  readonly createdAt: number;
  /** Of the key that made it. */
  readonly keyHash: string;
  readonly spec: LinkSpec;
  readonly image: StoredImage | null;
  readonly start: LinkStart;
  /** The job that the upload started. */
  readonly jobId: string | null;
}

interface LinkRow extends Record<string, SqlStorageValue> {
  id: string;
  created_at: number;
  expires_at: number;
  uploaded_at: number | null;
  revoked_at: number | null;
  key_hash: string;
  spec: string;
  image: string | null;
  start: string;
  job_id: string | null;
}

interface TusRow extends Record<string, SqlStorageValue> {
  attempt: string;
  length: number;
  offset: number;
  parts: string;
  metadata: string | null;
  done: number;
}

export class LinkStore {
  readonly #sql: SqlStorage;
  readonly #ready: () => boolean;

  /** @param ready whether the schema is there: a lookup before the first write finds nothing. */
  constructor(sql: SqlStorage, ready: () => boolean) {
    this.#sql = sql;
    this.#ready = ready;
  }

  link(id: string): StoredLink | null {
    if (!this.#ready()) return null;
    const row = this.#sql.exec<LinkRow>('SELECT * FROM links WHERE id = ?', id).toArray()[0];
    return row ? linkOf(row) : null;
  }

  /** Newest first, made before the link `before`. */
  page(before: string | undefined, limit: number): StoredLink[] {
    if (!this.#ready()) return [];
    return this.#sql
      .exec<LinkRow>('SELECT * FROM links WHERE id < ? ORDER BY id DESC LIMIT ?', before ?? 'up_~', limit)
      .toArray()
      .map(linkOf);
  }

  insert(link: Pick<StoredLink, 'id' | 'createdAt' | 'keyHash' | 'spec' | 'start'>): void {
    this.#sql.exec(
      'INSERT INTO links (id, created_at, expires_at, key_hash, spec, start) VALUES (?, ?, ?, ?, ?, ?)',
      link.id,
      link.createdAt,
      link.spec.expiresAt,
      link.keyHash,
      JSON.stringify(link.spec),
      link.start,
    );
  }

  /** Writes what changes of a link. */
  update(link: StoredLink): void {
    this.#sql.exec(
      'UPDATE links SET uploaded_at = ?, revoked_at = ?, image = ?, start = ?, job_id = ? WHERE id = ?',
      link.uploadedAt,
      link.revokedAt,
      link.image && JSON.stringify(link.image),
      link.start,
      link.jobId,
      link.id,
    );
  }

  tus(link: string, attempt: string): TusAttempt | null {
    if (!this.#ready()) return null;
    const row = this.#sql
      .exec<TusRow>('SELECT * FROM tus WHERE link = ? AND attempt = ?', link, attempt)
      .toArray()[0];
    return row ? tusOf(row) : null;
  }

  /** The resumable uploads of a link that are not complete, the one with the fewest bytes first. */
  unfinished(link: string): string[] {
    return this.#sql
      .exec<{ attempt: string }>('SELECT attempt FROM tus WHERE link = ? AND done = 0 ORDER BY offset', link)
      .toArray()
      .map(({ attempt }) => attempt);
  }

  writeTus(link: string, tus: TusAttempt): void {
    this.#sql.exec(
      `INSERT INTO tus (link, attempt, length, offset, parts, metadata, done) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (link, attempt) DO UPDATE SET offset = excluded.offset, parts = excluded.parts,
         done = excluded.done`,
      link,
      tus.attempt,
      tus.length,
      tus.offset,
      JSON.stringify(tus.parts),
      tus.metadata ?? null,
      tus.done ? 1 : 0,
    );
  }

  dropTus(link: string, attempt: string): void {
    this.#sql.exec('DELETE FROM tus WHERE link = ? AND attempt = ?', link, attempt);
  }

  /** Links that expired at `at` or before and may have unfinished pieces, the first that expired first. */
  closedBefore(at: number, limit: number): { id: string; pictureKey: string | null }[] {
    return this.#sql
      .exec<{ id: string; image: string | null }>(
        'SELECT id, image FROM links WHERE parts_gone = 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?',
        at,
        limit,
      )
      .toArray()
      .map(({ id, image }) => ({ id, pictureKey: image === null ? null : readImage(image).key }));
  }

  /** Links whose picture came at `at` or before and is there still, the oldest first. */
  uploadedBefore(at: number, limit: number): string[] {
    return this.#ids(
      `SELECT id FROM links WHERE uploaded_at IS NOT NULL AND picture_gone = 0 AND uploaded_at <= ?
       ORDER BY uploaded_at LIMIT ?`,
      at,
      limit,
    );
  }

  /** Links made at `at` or before of which nothing is left but the row, the oldest first. */
  clearedBefore(at: number, limit: number): string[] {
    return this.#ids(
      `SELECT id FROM links WHERE parts_gone = 1 AND (uploaded_at IS NULL OR picture_gone = 1) AND created_at <= ?
       ORDER BY created_at LIMIT ?`,
      at,
      limit,
    );
  }

  /** The least times of those that {@link closedBefore}, {@link uploadedBefore} and {@link clearedBefore} look for. */
  oldest(): { expiresAt: number | null; uploadedAt: number | null; createdAt: number | null } {
    return this.#sql
      .exec<{ expiresAt: number | null; uploadedAt: number | null; createdAt: number | null }>(
        `SELECT
           (SELECT MIN(expires_at) FROM links WHERE parts_gone = 0) AS expiresAt,
           (SELECT MIN(uploaded_at) FROM links WHERE uploaded_at IS NOT NULL AND picture_gone = 0) AS uploadedAt,
           (SELECT MIN(created_at) FROM links
            WHERE parts_gone = 1 AND (uploaded_at IS NULL OR picture_gone = 1)) AS createdAt`,
      )
      .one();
  }

  /** Nothing unfinished is left of the link in R2, and its resumable uploads are forgotten. */
  partsGone(id: string): void {
    this.#sql.exec('DELETE FROM tus WHERE link = ?', id);
    this.#sql.exec('UPDATE links SET parts_gone = 1 WHERE id = ?', id);
  }

  /** The link's picture is no longer in R2. */
  pictureGone(id: string): void {
    this.#sql.exec('UPDATE links SET picture_gone = 1 WHERE id = ?', id);
  }

  drop(id: string): void {
    this.#sql.exec('DELETE FROM links WHERE id = ?', id);
  }

  #ids(query: string, at: number, limit: number): string[] {
    return this.#sql
      .exec<{ id: string }>(query, at, limit)
      .toArray()
      .map(({ id }) => id);
  }
}

function linkOf(row: LinkRow): StoredLink {
  return {
    id: row.id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    uploadedAt: row.uploaded_at,
    revokedAt: row.revoked_at,
    keyHash: row.key_hash,
    spec: readSpec(row.spec),
    image: row.image === null ? null : readImage(row.image),
    start: row.start as LinkStart,
    jobId: row.job_id,
  };
}

function tusOf(row: TusRow): TusAttempt {
  return {
    attempt: row.attempt,
    length: row.length,
    offset: row.offset,
    parts: readParts(row.parts),
    ...(row.metadata === null ? {} : { metadata: row.metadata }),
    done: row.done === 1,
  };
}
